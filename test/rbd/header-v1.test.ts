import { describe, expect, it } from 'vitest';
import { isHeaderV1, parseHeaderV1 } from '../../src/rbd/header-v1.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
  text,
} from './helpers.ts';

/** `format1.rbd` of a real pool: 32 MiB, one snapshot. */
const REAL = hex(`
  3c3c3c205261646f7320426c6f636b2044657669636520496d616765203e3e3e 0a00000000000000
  72622e302e313035312e366238623435363700000000 0000
  52424400 3030312e30303500 16 000000
  0000000200000000 0c00000000000000
  01000000 00000000 0400000000000000
  0c00000000000000 0000000200000000 66317300`);

/** The same with two snapshots, newest first: 5 "f1t", 4 "f1s" (the example of the format document). */
const TWO = hex(`${Buffer.from(REAL.subarray(0, 88)).toString('hex')}
  0500000000000000 02000000 00000000 0800000000000000
  0500000000000000 0000000200000000 0400000000000000 0000000200000000 66317400 66317300`);

const changed = (at: number, digits: string): Uint8Array => {
  const copy = REAL.slice();
  copy.set(hex(digits), at);
  return copy;
};

describe('parseHeaderV1', () => {
  it('reads a real header', () => {
    expect(parseHeaderV1(REAL)).toEqual({
      migrating: false,
      objectPrefix: bytes('rb.0.1051.6b8b4567'),
      order: 22,
      size: 32 * 2 ** 20,
      snapSeq: 12n,
      snapshots: [{ id: 12n, name: bytes('f1s'), size: 32 * 2 ** 20 }],
    });
  });
  it('gives snapshots oldest first, each with its own name', () => {
    const names = parseHeaderV1(TWO).snapshots.map((s) => [s.id, text(s.name)]);
    expect(names).toEqual([
      [4n, 'f1s'],
      [5n, 'f1t'],
    ]);
  });
  it('knows the source of a migration', () => {
    const migrating = REAL.slice();
    migrating.set(bytes('<<< Migrating RBD Image      >>>\n'));
    expect(parseHeaderV1(migrating).migrating).toBe(true);
    expect(isHeaderV1(migrating)).toBe(true);
    expect(isHeaderV1(bytes('rbd_directory'))).toBe(false);
  });
  it('refuses every truncation', () => {
    expectTruncationsCorrupt(REAL, parseHeaderV1);
    expectTruncationsCorrupt(TWO, parseHeaderV1);
  });
  it('survives any byte', () => expectFlipsSurvived(TWO, parseHeaderV1));
  it.each([
    ['4294967295 snapshots', 96, 'ffffffff', /snapshots claimed/],
    ['names of 2^63 bytes', 104, '0000000000000080', /beyond any device/],
    ['names of 2^40 bytes', 104, '0000000000010000', /need/],
    ['no text', 0, '00', /text that begins/],
    ['no block name', 40, '00', /block name/],
    ['another signature', 64, '52424401', /signature/],
    ['objects of 2^40 bytes', 76, '28', /order 40/],
    ['a name without an end', 131, '41', /no end/],
  ])('refuses %s', (_, at, digits, message) => {
    expectCorrupt(() => parseHeaderV1(changed(at, digits)), message);
  });
});
