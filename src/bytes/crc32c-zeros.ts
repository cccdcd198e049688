/**
 * What zeros do to a checksum, however many they are, as zlib's crc32_combine counts it: a checksum
 * is a polynomial's remainder, and n zero bytes behind it multiply it by x^(8n).
 */

/** Castagnoli's polynomial, reflected: bit 31 is x^0. */
const POLYNOMIAL = 0x82f63b78;
const ONE = 0x80000000;

/** The product of two remainders. */
function multiply(a: number, b: number): number {
  let product = 0;
  let shifted = b;
  for (let rest = a; rest !== 0; rest <<= 1) {
    if (rest < 0) product ^= shifted;
    shifted = shifted & 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product;
}

/** x to the powers 8, 16, 32, ..., as far as they have been needed. */
const powers = [ONE >>> 8];

function power(n: number): number {
  while (powers.length <= n) {
    const last = powers[powers.length - 1]!;
    powers.push(multiply(last, last));
  }
  return powers[n]!;
}

/** x^(8 * `length`): by this `length` zero bytes multiply. */
function factorOf(length: number): number {
  let factor = ONE;
  for (let n = 0, rest = length; rest > 0; n++, rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) factor = multiply(power(n), factor);
  }
  return factor;
}

/** The last factors: what is asked for are mostly a few lengths, again and again. */
let lastLength = 0;
let lastFactor = ONE;

/** crc32c without inversion, gone on from `crc` over `length` zero bytes. */
export function crc32cZeros(crc: number, length: number): number {
  if (length !== lastLength) {
    lastFactor = factorOf(length);
    lastLength = length;
  }
  return multiply(crc | 0, lastFactor) >>> 0;
}

/** `crc32cZeros` for one length, many times: what each byte of a checksum becomes, added up. */
export function crc32cZerosOf(length: number): (crc: number) => number {
  const factor = factorOf(length);
  const tables = new Int32Array(4 * 256);
  for (let i = 0; i < 4 * 256; i++) tables[i] = multiply((i & 255) << (8 * (i >> 8)), factor);
  return (crc) =>
    (tables[crc & 255]! ^
      tables[256 + ((crc >>> 8) & 255)]! ^
      tables[512 + ((crc >>> 16) & 255)]! ^
      tables[768 + (crc >>> 24)]!) >>>
    0;
}
