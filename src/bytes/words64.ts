/**
 * 64-bit arithmetic in halves of 32 bits, for loops in which a bigint for each word would be too
 * slow. A word is two elements of an Int32Array, low half first.
 */

/** The high half of the 64-bit product of two 32-bit numbers (unsigned). */
export function highOfProduct(x: number, y: number): number {
  const xl = x & 0xffff;
  const xh = x >>> 16;
  const yl = y & 0xffff;
  const yh = y >>> 16;
  // None of the sums exceeds 32 bits; `| 0` keeps them integers for the compiler.
  const lower = (Math.imul(xh, yl) + (Math.imul(xl, yl) >>> 16)) | 0;
  const upper = (Math.imul(xl, yh) + (lower & 0xffff)) | 0;
  return (Math.imul(xh, yh) + (lower >>> 16) + (upper >>> 16)) | 0;
}

/** words[i] += (low, high) */
export function addTo(words: Int32Array, i: number, low: number, high: number): void {
  const before = words[i]!;
  const sum = (before + low) | 0;
  words[i] = sum;
  words[i + 1] = (words[i + 1]! + high + (sum >>> 0 < before >>> 0 ? 1 : 0)) | 0;
}

/** words[i] *= (low, high), modulo 2^64 */
export function multiplyBy(words: Int32Array, i: number, low: number, high: number): void {
  const before = words[i]!;
  words[i] = Math.imul(before, low);
  const across = (Math.imul(before, high) + Math.imul(words[i + 1]!, low)) | 0;
  words[i + 1] = (highOfProduct(before, low) + across) | 0;
}

const MASK = 0xffffffffffffffffn;

/** The word at `i` as a bigint, unsigned. */
export const wordAt = (words: Int32Array, i: number): bigint =>
  (BigInt(words[i + 1]! >>> 0) << 32n) | BigInt(words[i]! >>> 0);

/** Modulo 2^64. */
export const u64 = (x: bigint): bigint => x & MASK;
export const rotl64 = (x: bigint, n: bigint): bigint => u64(x << n) | (x >> (64n - n));

/** Puts bigints down as words. */
export function wordsOf(...values: bigint[]): Int32Array {
  return Int32Array.from(
    values.flatMap((value) => [
      Number(BigInt.asIntN(32, value)),
      Number(BigInt.asIntN(32, value >> 32n)),
    ]),
  );
}
