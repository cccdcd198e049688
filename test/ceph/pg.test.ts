import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import {
  formatColl,
  formatPg,
  parentSeed,
  parseColl,
  parsePg,
  readColl,
  readSpg,
} from '../../src/ceph/pg.ts';
import { blob, concat, hex, u8, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { NO_SNAP, pg, spg } from './structures.ts';

const coll = (bytes: Uint8Array) => readColl(new ByteReader(bytes, 'coll_t'));

// From the header of an object's omap (Ceph 16.2.15).
const META_COLL = hex(
  '02 00 0101 12000000 01 0000000000000000 00000000 ffffffff ff feffffffffffffff',
);

describe('collection directories', () => {
  it.each([
    ['2.c_head', { kind: 'pg', pg: { pool: 2, seed: 12, shard: -1 } }],
    ['4.1s1_head', { kind: 'pg', pg: { pool: 4, seed: 1, shard: 1 } }],
    ['10.1ff_TEMP', { kind: 'temp', pg: { pool: 10, seed: 0x1ff, shard: -1 } }],
    ['4.0s11_TEMP', { kind: 'temp', pg: { pool: 4, seed: 0, shard: 11 } }],
    ['meta', { kind: 'meta' }],
  ])('parses and formats %s', (name, expected) => {
    expect(parseColl(name)).toEqual(expected);
    expect(formatColl(parseColl(name))).toBe(name);
  });

  it.each([
    '',
    'omap',
    'temp',
    '2.c',
    '2.C_head',
    '2.0c_head',
    '02.c_head',
    '2.c_HEAD',
    '2._head',
    '.c_head',
    '2.cs_head',
    '2.cs128_head',
    '2.c_head~',
    '2.123456789_head',
    '99999999999999999.0_head',
    '-1.0_head',
    '2.c_1f',
    '_head',
  ])('passes %j through as something else', (name) => {
    expect(parseColl(name)).toEqual({ kind: 'other', name });
    expect(formatColl(parseColl(name))).toBe(name);
  });

  it("parses pg ids as they stand in Firefly's keys", () => {
    expect(parsePg('4.1s1')).toEqual({ pool: 4, seed: 1, shard: 1 });
    expect(parsePg('4.1s')).toBeUndefined();
    expect(formatPg({ pool: 2, seed: 255 })).toBe('2.ff');
  });

  it('knows the pg that a pg was split from', () => {
    expect(parentSeed(0xb, 2)).toBe(3);
    expect(parentSeed(0xffffffff, 32)).toBe(0xffffffff);
    expect(parentSeed(0xffffffff, 0)).toBe(0);
  });
});

describe('coll_t', () => {
  it('reads version 2', () => {
    expect(coll(META_COLL)).toEqual({ kind: 'meta' });
    const inPg = concat(u8(2), u8(2), spg(4, 1, 1), u64(NO_SNAP));
    expect(coll(inPg)).toEqual({ kind: 'pg', pg: { pool: 4, seed: 1, shard: 1 } });
    const inTemp = concat(u8(2), u8(3), spg(4, 1, -1), u64(NO_SNAP));
    expect(coll(inTemp)).toEqual({ kind: 'temp', pg: { pool: 4, seed: 1, shard: -1 } });
  });

  it('reads version 1: a pg and a snapshot', () => {
    const pg1 = concat(u8(1), spg(2, 12, -1), u64(NO_SNAP));
    expect(coll(pg1)).toEqual({ kind: 'pg', pg: { pool: 2, seed: 12, shard: -1 } });
    expect(coll(concat(u8(1), spg(0, 0, -1), u64(0)))).toEqual({ kind: 'meta' });
  });

  it('reads version 3: a name', () => {
    expect(coll(concat(u8(3), blob('2.c_TEMP')))).toEqual({
      kind: 'temp',
      pg: { pool: 2, seed: 12, shard: -1 },
    });
    expect(coll(concat(u8(3), blob('meta')))).toEqual({ kind: 'meta' });
  });

  it('calls truncations, lies and unknown types damage', () => {
    expectTruncationsCorrupt(coll, META_COLL);
    expectSurvivesLies(coll, META_COLL);
    expect(() => coll(concat(u8(2), u8(9), spg(2, 1, -1), u64(0)))).toThrow('collection type 9');
    expect(() => coll(concat(u8(4), blob('meta')))).toThrow('coll_t version 4');
  });
});

it('reads an spg and refuses a pg of another version', () => {
  const read = (bytes: Uint8Array) => readSpg(new ByteReader(bytes, 'spg_t'));
  expect(read(spg(7, 0x1f, 2))).toEqual({ pool: 7, seed: 0x1f, shard: 2 });
  const old = Uint8Array.from(spg(7, 0x1f, 2));
  old[6] = 2;
  expect(() => read(old)).toThrow('pg_t version 2');
  expect(pg(7, 1)).toHaveLength(17);
});
