import { expect, it } from 'vitest';
import { packMetadata, unpackMetadata } from '../../src/catalog/metadata-record.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';

const bytes = (text: string) => new Uint8Array(Buffer.from(text));
const ref = {
  id: {
    ...{ pool: 2, namespace: bytes('ns'), name: bytes('\xff'), key: bytes('') },
    snap: NOSNAP,
    hash: 0xffffffff,
    shard: 1,
  },
  directory: bytes('2.c_head'),
  fileName: bytes('f'),
};

it('gives back metadata objects with and without their parts', () => {
  const objects = [
    { ref, size: 2 ** 40, mtimeMs: 1.5 },
    {
      ...{
        ref,
        size: 0,
        mtimeMs: 0,
        objectInfo: bytes('oi'),
        snapSet: bytes('ss'),
        data: bytes(''),
      },
      ...{ omap: [[bytes('k'), bytes('v')]] as [Uint8Array, Uint8Array][], problem: 'torn' },
    },
    { ref: { ...ref, id: { ...ref.id, snap: 4n, shard: -1 } }, size: 1, mtimeMs: 1, omap: [] },
  ];
  expect(unpackMetadata(packMetadata(objects))).toEqual(objects);
});
