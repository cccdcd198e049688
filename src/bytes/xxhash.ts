import { xxh3 } from './xxh3.ts';
import { xxh64 } from './xxh64.ts';

/**
 * The xxHash family, for table blocks (seed 0) and BlueStore's data checksums (all ones). Ours, since it
 * has to be synchronous: the library made its WebAssembly asynchronously, so every thread had to spend
 * 13 ms on that before it could know whether it would meet such a checksum.
 */
export type XxhashSeed = 'zero' | 'ones';

const ONES = 0xffffffff;
const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
const round = (acc: number, word: number): number =>
  Math.imul(rotl((acc + Math.imul(word, PRIME_2)) | 0, 13), PRIME_1);

/** The four lanes, mixed into one; `end` is a multiple of 16. */
function lanes(view: DataView, end: number, seed: number): number {
  let a = (seed + PRIME_1 + PRIME_2) | 0;
  let b = (seed + PRIME_2) | 0;
  let c = seed;
  let d = (seed - PRIME_1) | 0;
  for (let at = 0; at < end; at += 16) {
    a = round(a, view.getInt32(at, true));
    b = round(b, view.getInt32(at + 4, true));
    c = round(c, view.getInt32(at + 8, true));
    d = round(d, view.getInt32(at + 12, true));
  }
  return (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) | 0;
}

/** XXH32 as u32. */
export function xxhash32(bytes: Uint8Array, seed: XxhashSeed = 'zero'): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  const start = seed === 'zero' ? 0 : ONES | 0;
  let at = length & ~15;
  let hash = length < 16 ? (start + PRIME_5) | 0 : lanes(view, at, start);
  hash = (hash + length) | 0;
  for (; at + 4 <= length; at += 4) {
    const word = Math.imul(view.getInt32(at, true), PRIME_3);
    hash = Math.imul(rotl((hash + word) | 0, 17), PRIME_4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotl((hash + Math.imul(bytes[at]!, PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** XXH64. */
export const xxhash64 = (bytes: Uint8Array, seed: XxhashSeed = 'zero'): bigint =>
  xxh64(bytes, seed === 'zero' ? 0n : 0xffffffffffffffffn);

/** Low 32 bits of XXH64, seed 0. */
export const xxhash64Low = (bytes: Uint8Array): number => Number(xxh64(bytes, 0n) & 0xffffffffn);

/** Low 32 bits of the 64-bit XXH3, seed 0. */
export const xxh3Low = (bytes: Uint8Array): number => Number(xxh3(bytes) & 0xffffffffn);
