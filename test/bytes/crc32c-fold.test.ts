import { describe, expect, it } from 'vitest';
import { cephCrc32c, readBuffer } from '../../src/bytes/crc32c.ts';
import { MIN_FOLDED, makeFolder } from '../../src/bytes/crc32c-fold.ts';
import { crc32cInJavaScript } from '../../src/bytes/crc32c-table.ts';

/** By tables, byte for byte, which the RFC's vectors check: without inversion, as Ceph has it. */
const byTables = (seed: number, bytes: Uint8Array): number =>
  ~crc32cInJavaScript(bytes, ~seed >>> 0) >>> 0;

/** xorshift32: no period that the folding's distances could hide behind. */
function noise(bytes: Uint8Array): Uint8Array {
  let x = 0x9e3779b9;
  for (let i = 0; i < bytes.length; i++) {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    bytes[i] = x;
  }
  return bytes;
}

const LENGTHS = [
  ...[MIN_FOLDED, MIN_FOLDED + 1, MIN_FOLDED + 15, MIN_FOLDED + 63, MIN_FOLDED + 64],
  // Around where the folded blocks are moved to the front: after each 64 KiB, the rest left out.
  ...[65536, 65536 + 3392 - 1, 65536 + 3392, 65536 + 3392 + 64, 2 * 65536 + 3392, 300_001],
];
const SEEDS = [0, 0xffffffff, 0x12345678];

describe('crc32c by folding', () => {
  it('is done where the tests run', () => {
    expect(makeFolder(0, byTables)).toBeDefined();
  });

  const folder = makeFolder(400_000, byTables)!;
  noise(folder.buffer);
  const elsewhere = noise(new Uint8Array(400_000));

  it.each(LENGTHS)(
    'gives of %i bytes what tables give, where they lie and by copying',
    (length) => {
      for (const bytes of [folder.buffer, elsewhere]) {
        for (const [i, seed] of SEEDS.entries()) {
          const part = bytes.subarray(7 * i, 7 * i + length);
          expect(folder.crc(seed, part)).toBe(byTables(seed, part));
        }
      }
    },
  );

  it('sees every bit that is wrong, and leaves the bytes alone', () => {
    const length = 65536 + 3392 + 77;
    const bytes = folder.buffer.subarray(5, 5 + length);
    const before = Buffer.from(bytes);
    const right = folder.crc(0xffffffff, bytes);
    for (const at of [0, 3, 4, 63, 64, 3343, 3344, 65535, 65536, length - 78, length - 1]) {
      bytes[at]! ^= 0x10;
      expect(folder.crc(0xffffffff, bytes)).not.toBe(right);
      bytes[at]! ^= 0x10;
    }
    expect(folder.crc(0xffffffff, bytes)).toBe(right);
    expect(before.equals(bytes)).toBe(true);
  });

  it('goes on from any cut, short parts and long ones in turn', () => {
    const bytes = readBuffer();
    noise(bytes);
    const expected = byTables(0xffffffff, bytes);
    let crc = 0xffffffff;
    let at = 0;
    for (const n of [1, MIN_FOLDED - 1, 100_000, 5, MIN_FOLDED, bytes.length]) {
      crc = cephCrc32c(crc, bytes.subarray(at, at + n));
      at += n;
    }
    expect(crc).toBe(expected);
  });

  it('has a buffer that begins at a page', () => {
    expect(readBuffer().byteOffset % 4096).toBe(0);
    expect(readBuffer()).toBe(readBuffer());
  });
});
