import { describe, expect, it } from 'vitest';
import { NOSNAP } from '../../../src/ceph/encoding.ts';
import { decodeObjectKey, encodeObjectKey } from '../../../src/store/bluestore/object-key.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from '../../ceph/damage.ts';
import { hex } from '../../helpers/hex.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const KEYS = {
  rbdId:
    '7f 8000000000000002 28f3b5a7 21 7262645f69642e6368696c64 21 3d fffffffffffffffe ffffffffffffffff 6f',
  clone:
    '7f 8000000000000002 697d9c85 21 7262645f646174612e3130326231656464373362342e30303030303030303030303030303038 21 3d 0000000000000006 ffffffffffffffff 6f',
  superblock:
    '7f 7fffffffffffffff 7b3f43c4 21 6f73645f7375706572626c6f636b 21 3d 0000000000000000 ffffffffffffffff 6f',
  pg: '7f 8000000000000002 00000000 21 21 3d fffffffffffffffe ffffffffffffffff 6f',
  ecPg: '82 8000000000000003 80000000 21 21 3d fffffffffffffffe ffffffffffffffff 6f',
};

describe('object key', () => {
  it.each([
    [KEYS.rbdId, { pool: 2, hash: 0xe5adcf14, snap: NOSNAP, shard: -1 }, 'rbd_id.child'],
    [KEYS.clone, { pool: 2, snap: 6n, shard: -1 }, 'rbd_data.102b1edd73b4.0000000000000008'],
    [KEYS.superblock, { pool: -1, snap: 0n, shard: -1 }, 'osd_superblock'],
    [KEYS.pg, { pool: 2, hash: 0, shard: -1 }, ''],
    [KEYS.ecPg, { pool: 3, hash: 1, shard: 2 }, ''],
  ])('%s is read and written again', (key, fields, name) => {
    const object = decodeObjectKey(hex(key));
    expect(object).toMatchObject(fields);
    expect(text(object.name)).toBe(name);
    expect(encodeObjectKey(object)).toEqual(hex(key));
  });

  it.each([
    ['!rbd_id.sp#20ace!=', '', '', 'rbd_id.sp ace'],
    ['!rbd_id.~7etilde#21#23!=', '', '', 'rbd_id.~tilde!#'],
    ['!rbd_id.#c3#bcn#c3#af!=', '', '', 'rbd_id.ünï'],
    ['!rbd_id.a.b\\c!=', '', '', 'rbd_id.a.b\\c'],
    ['!a-key!<with_key!', '', 'a-key', 'with_key'],
    ['!zz#21key!>with_key2!', '', 'zz!key', 'with_key2'],
    ['n_s#21!in#23ns!=', 'n_s!', '', 'in#ns'],
  ])('name part %s', (stored, namespace, locator, name) => {
    const end = hex('fffffffffffffffe ffffffffffffffff 6f');
    const key = Buffer.concat([hex('7f 8000000000000002 28f3b5a7'), Buffer.from(stored), end]);
    const object = decodeObjectKey(key);
    expect([object.namespace, object.key, object.name].map(text)).toEqual([
      namespace,
      locator,
      name,
    ]);
    expect(encodeObjectKey(object)).toEqual(key);
  });

  it('stores a locator key that equals the name as none', () => {
    const same = Buffer.from('same');
    const object = { ...decodeObjectKey(hex(KEYS.pg)), name: same };
    expect(encodeObjectKey({ ...object, key: same })).toEqual(encodeObjectKey(object));
  });

  it('also reads bytes from 0x80 on that are written with a tilde', () => {
    const end = hex('fffffffffffffffe ffffffffffffffff 6f');
    const key = Buffer.concat([hex('7f8000000000000002 28f3b5a7'), Buffer.from('!~c3~bc!='), end]);
    expect(text(decodeObjectKey(key).name)).toBe('ü');
  });

  it("refuses a shard's key, and survives every truncation and lie", () => {
    expect(() => decodeObjectKey(hex(`${KEYS.clone} 00100000 78`))).toThrow('not an object');
    expectTruncationsCorrupt(decodeObjectKey, hex(KEYS.rbdId));
    expectSurvivesLies(decodeObjectKey, hex(KEYS.clone));
  });
});
