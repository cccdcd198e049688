import { describe, expect, it } from 'vitest';
import { decodeObjectInfo } from '../../../src/ceph/object-info.ts';
import type { KvEntry } from '../../../src/kv/kv-store.ts';
import { BlueStoreObject } from '../../../src/store/bluestore/bluestore-object.ts';
import { decodeExtentMap } from '../../../src/store/bluestore/extent-map.ts';
import { decodeOnodeBlobs, decodeOnodeRecord } from '../../../src/store/bluestore/onode.ts';
import { UNALLOCATED } from '../../../src/store/bluestore/packed-numbers.ts';
import { expectSurvivesLies, expectTruncationsCorrupt, verdict } from '../../ceph/damage.ts';
import { hex, patched } from '../../helpers/hex.ts';
import { PG_META, RBD_ID, SHARD, SHARD_KEY, SPANNING } from './samples.ts';

/** A whole record, down to its inline extents. */
function decodeAll(bytes: Uint8Array) {
  const record = decodeOnodeRecord(bytes);
  const { spanning, inline } = decodeOnodeBlobs(record);
  return { ...record.onode, spanning, extents: decodeExtentMap(inline ?? hex(''), spanning) };
}

describe('object record', () => {
  it('reads a small object with one inline extent', () => {
    const object = decodeAll(RBD_ID);
    expect(object).toMatchObject({ nid: 1227n, size: 16, flags: 0, shards: [] });
    expect([...object.attrs.keys()]).toEqual(['_', 'snapset']);
    expect(decodeObjectInfo(object.attrs.get('_')!).size).toBe(16);
    expect(object.extents).toEqual([
      {
        offset: 0,
        length: 16,
        blobOffset: 0,
        blob: {
          pieces: [{ offset: 0x13dd2000, length: 0x1000 }],
          length: 0x1000,
          checksums: { type: 4, order: 12, values: hex('a7d4a328') },
          compressed: undefined,
        },
      },
    ]);
  });

  it('reads a PG metadata object: no data, omap of its own kind', () => {
    const object = decodeAll(PG_META);
    expect(object).toMatchObject({ nid: 1070n, size: 0, flags: 3, extents: [] });
  });

  it('reads shards and a spanning blob', () => {
    const { onode, rest } = decodeOnodeRecord(SPANNING);
    expect(onode.shards).toEqual([
      { offset: 0, bytes: 565 },
      { offset: 2211840, bytes: 390 },
      { offset: 3080192, bytes: 350 },
    ]);
    const { spanning, inline } = decodeOnodeBlobs({ onode, rest });
    expect(inline).toBeUndefined();
    expect([...spanning.keys()]).toEqual([0]);
    const [blank, piece] = spanning.get(0)!.pieces;
    expect(blank).toEqual({ offset: UNALLOCATED, length: 0xc000 });
    expect(piece!.length).toBe(0x4000);
  });

  it('survives every truncation and every lie', () => {
    expectTruncationsCorrupt(decodeAll, RBD_ID);
    expectSurvivesLies(decodeAll, RBD_ID);
    expectSurvivesLies(decodeAll, SPANNING);
  });
});

describe('extent map', () => {
  const decode = (bytes: Uint8Array) => decodeExtentMap(bytes, new Map());

  it('reads a shard: offsets count from the beginning of the object', () => {
    const extents = decode(SHARD);
    expect(extents.map(({ offset, length }) => [offset, length])).toEqual([
      [0x3c0000, 0x10000],
      [0x3d0000, 0x10000],
      [0x3e0000, 0x10000],
    ]);
    expect(extents[0]!.blob.pieces).toEqual([{ offset: 0x2a3dc000, length: 0x10000 }]);
    expect(extents.every(({ blob }) => blob.checksums!.values.length === 64)).toBe(true);
  });

  it('knows a blob by the number of the extent that brought it', () => {
    // extent 1 brings a blob of 8 KiB; extent 2 (b = 0x11) is contiguous, its second half
    const map = hex('02 02 | 03 07 01 04080000 0b 00 | 15 07');
    const [first, second] = decode(map);
    expect(second).toMatchObject({ offset: 0x1000, blobOffset: 0x1000, length: 0x1000 });
    expect(second!.blob).toBe(first!.blob);
  });

  it.each([
    ['a blob that no extent brought', '02 01 | 23 07'],
    ['a spanning blob that the record lacks', '02 01 | 0b 07'],
    ['bytes that nothing accounts for', '02 00 00'],
    ['more extents than bytes', '02 ffffffff0f'],
    ['an unknown version', '03 00'],
  ])('refuses %s', (_, bytes) => {
    expect(verdict(decode, hex(bytes))).toBe('CORRUPT');
  });

  it('survives every truncation and every lie', () => {
    for (let n = 1; n < SHARD.length; n++) {
      expect(verdict(decode, SHARD.subarray(0, n))).toBe('CORRUPT');
    }
    expectSurvivesLies(decode, SHARD);
    expectSurvivesLies(decode, patched(SHARD, 0, Uint8Array.of(1)));
  });
});

describe('an object whose extent map is in shards', () => {
  const { rest } = decodeOnodeRecord(SPANNING);
  const extents = decodeExtentMap(SHARD, decodeOnodeBlobs(decodeOnodeRecord(SPANNING)).spanning);
  const shard = { key: SHARD_KEY, value: SHARD };
  const offset = Buffer.from(SHARD_KEY).readUInt32BE(SHARD_KEY.length - 5);
  const end = 4 << 20;

  /** Its first range of data, and how often it was looked for everywhere. */
  function dataOf(following: KvEntry[], everywhere: KvEntry[]) {
    const shards = [{ offset, bytes: SHARD.length }];
    const onode = { nid: 1n, size: end, attrs: new Map(), flags: 0, shards };
    let looked = 0;
    const object = new BlueStoreObject(
      'object',
      { onode, rest },
      following[Symbol.iterator](),
      () => {
        looked++;
        return everywhere;
      },
      () => expect.fail('no data is read'),
    );
    return { data: object.nextData(0, end), looked };
  }

  const first = extents[0]!;
  const whole = [0, end];

  it('takes them from where its record is', () => {
    const { data, looked } = dataOf([shard], []);
    expect(looked).toBe(0);
    expect(data![0]).toBe(first.offset);
  });

  it.each([
    ['are not', []],
    ['are of another length', [{ ...shard, value: SHARD.subarray(1) }]],
  ])('looks for them everywhere where they %s there', (_, there) => {
    const { data, looked } = dataOf(there, [shard]);
    expect(looked).toBe(1);
    expect(data![0]).toBe(first.offset);
  });

  it('counts as data where they are nowhere: reading says why', () => {
    expect(dataOf([], [])).toEqual({ data: whole, looked: 1 });
  });
});
