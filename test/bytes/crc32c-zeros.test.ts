import { expect, it } from 'vitest';
import { crc32cInJavaScript } from '../../src/bytes/crc32c-table.ts';
import { crc32cZeros, crc32cZerosOf } from '../../src/bytes/crc32c-zeros.ts';

const byTables = (seed: number, bytes: Uint8Array): number =>
  ~crc32cInJavaScript(bytes, ~seed >>> 0) >>> 0;

const SEEDS = [0, 1, 0xffffffff, 0x80000000, 0x12345678];

it.each([0, 1, 2, 7, 255, 4096, 65537, (1 << 22) + 1])('goes over %i zeros as over bytes', (n) => {
  const over = crc32cZerosOf(n);
  for (const seed of SEEDS) {
    const expected = byTables(seed, new Uint8Array(n));
    expect(crc32cZeros(seed, n)).toBe(expected);
    expect(over(seed)).toBe(expected);
  }
});

it('gives what RFC 3720 gives for 32 zeros', () => {
  expect(~crc32cZeros(0xffffffff, 32) >>> 0).toBe(0x8a9136aa);
});

it('goes over more zeros than there are numbers of 32 bits, in parts or at once', () => {
  const far = 2 ** 45 + 12345;
  const half = crc32cZeros(0xcafe, 2 ** 44);
  expect(crc32cZeros(crc32cZeros(half, 2 ** 44), 12345)).toBe(crc32cZeros(0xcafe, far));
  // The polynomial is x + 1 times a primitive one of degree 31, so x^(2^31 - 1) is 1.
  expect(crc32cZeros(0xcafe, 2 ** 31 - 1)).toBe(0xcafe);
});
