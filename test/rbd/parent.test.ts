import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { type ParentRecord, readParent } from '../../src/rbd/parent.ts';
import { parentOfHead, parentOfSnapshot } from '../../src/rbd/parent-link.ts';
import type { Snapshot } from '../../src/rbd/snapshot.ts';
import { bytes, expectFlipsSurvived, expectTruncationsCorrupt, hex } from './helpers.ts';

const parse = (value: Uint8Array) => readParent(new ByteReader(value, 'test'));

/** The `parent` key of a clone that was shrunk to 13643833 bytes and grown again (16.2). */
const SHRUNK = hex(`0202 2d000000 0200000000000000 00000000 0c000000 313032626161366435343766
  0a00000000000000 01 3930d00000000000`);
/** By definition: pool 2, image "1234", snapshot 11, overlap 32 MiB, as written up to Mimic. */
const OLD = hex(
  '0101 20000000 0200000000000000 0400000031323334 0b00000000000000 0000000200000000',
);
/** By definition: namespace "ns1", head flattened. */
const FLATTENED = hex(
  '0202 20000000 0200000000000000 03000000 6e7331 0400000031323334 0b00000000000000 00',
);

describe('readParent', () => {
  it('reads what Nautilus and later write', () => {
    expect(parse(SHRUNK)).toEqual({
      pool: 2,
      namespace: bytes(''),
      imageId: '102baa6d547f',
      snapId: 10n,
      overlap: 13643833,
    });
  });
  it('reads what came before Nautilus', () => {
    expect(parse(OLD)).toMatchObject({ pool: 2, imageId: '1234', snapId: 11n, overlap: 2 ** 25 });
  });
  it('keeps a parent that only snapshots need', () => {
    expect(parse(FLATTENED)).toMatchObject({ namespace: bytes('ns1'), overlap: undefined });
  });
  it.each([
    [
      'pool -1',
      '0101 20000000 ffffffffffffffff 0400000031323334 0b00000000000000 0000000200000000',
    ],
    ['no id', '0101 1c000000 0200000000000000 00000000 0b00000000000000 0000000200000000'],
    [
      'no snapshot',
      '0101 20000000 0200000000000000 0400000031323334 feffffffffffffff 0000000200000000',
    ],
    [
      'v1 without overlap',
      '0101 20000000 0200000000000000 0400000031323334 0b00000000000000 0000000000000000',
    ],
  ])('finds no parent where there is %s', (_, value) => {
    expect(parse(hex(value))).toBeUndefined();
  });
  it('refuses every truncation', () => {
    for (const value of [SHRUNK, OLD, FLATTENED]) expectTruncationsCorrupt(value, parse);
  });
  it('survives any byte', () => {
    for (const value of [SHRUNK, OLD, FLATTENED]) expectFlipsSurvived(value, parse);
  });
});

const record = (imageId: string, overlap: number | undefined): ParentRecord => ({
  pool: 2,
  namespace: bytes(''),
  imageId,
  snapId: 10n,
  overlap,
});
const snapshot = (id: bigint, parent?: ParentRecord, parentOverlap?: number) =>
  ({ id, parent, parentOverlap }) as Snapshot;

describe('the overlap in force', () => {
  it('is the header record under the head', () => {
    expect(parentOfHead({ parent: record('a', 100), snapshots: [] })).toEqual(record('a', 100));
  });
  it('is none under a flattened head, whatever the snapshots have', () => {
    const header = { parent: record('a', undefined), snapshots: [snapshot(1n, undefined, 50)] };
    expect(parentOfHead(header)).toBeUndefined();
    expect(parentOfSnapshot(header, header.snapshots[0] as Snapshot)).toMatchObject({
      overlap: 50,
    });
  });
  it('is the nested record of an old snapshot', () => {
    const header = { parent: record('a', 100), snapshots: [snapshot(1n, record('old', 70), 60)] };
    expect(parentOfSnapshot(header, header.snapshots[0] as Snapshot)).toMatchObject({
      imageId: 'old',
      overlap: 70,
    });
  });
  it('is the overlap of a new snapshot on the header parent', () => {
    const header = { parent: record('a', 100), snapshots: [snapshot(1n, undefined, 50)] };
    expect(parentOfSnapshot(header, header.snapshots[0] as Snapshot)).toEqual(record('a', 50));
  });
  it('is none under a snapshot without an overlap', () => {
    const header = { parent: record('a', 100), snapshots: [snapshot(1n)] };
    expect(parentOfSnapshot(header, header.snapshots[0] as Snapshot)).toBeUndefined();
  });
  it('borrows the parent from the oldest snapshot that names it when the key is lost', () => {
    const snapshots = [
      snapshot(1n, record('first', 70)),
      snapshot(2n, record('second', 70)),
      snapshot(3n, undefined, 50),
    ];
    const header = { parent: undefined, snapshots };
    expect(parentOfSnapshot(header, snapshots[2] as Snapshot)).toMatchObject({
      imageId: 'first',
      overlap: 50,
    });
    expect(parentOfHead(header)).toBeUndefined();
  });
});
