import {
  PRIME64_1,
  PRIME64_2,
  PRIME64_3,
  PRIME64_4,
  PRIME64_5,
  rotl64,
  u64,
} from './xxh-primes.ts';
import { xxh64Stripes } from './xxh-stripes.ts';

const STRIPE = 32;

const round = (acc: bigint, word: bigint): bigint =>
  u64(rotl64(u64(acc + word * PRIME64_2), 31n) * PRIME64_1);

const startOf = (seed: bigint): BigUint64Array =>
  BigUint64Array.of(seed + PRIME64_1 + PRIME64_2, seed + PRIME64_2, seed, seed - PRIME64_1);

/** Whole stripes, mixed into one. */
function ofStripes(bytes: Uint8Array, seed: bigint): bigint {
  const [a, b, c, d] = xxh64Stripes(bytes, startOf(seed)) as unknown as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  let hash = u64(rotl64(a, 1n) + rotl64(b, 7n) + rotl64(c, 12n) + rotl64(d, 18n));
  for (const lane of [a, b, c, d]) hash = u64((hash ^ round(0n, lane)) * PRIME64_1 + PRIME64_4);
  return hash;
}

/** What XXH64 ends with. */
export function avalanche64(hash: bigint): bigint {
  let h = u64((hash ^ (hash >> 33n)) * PRIME64_2);
  h = u64((h ^ (h >> 29n)) * PRIME64_3);
  return h ^ (h >> 32n);
}

/** XXH64 of xxHash's specification (doc/xxhash_spec.md). */
export function xxh64(bytes: Uint8Array, seed: bigint): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { length } = bytes;
  let at = length - (length % STRIPE);
  let hash = length < STRIPE ? u64(seed + PRIME64_5) : ofStripes(bytes.subarray(0, at), seed);
  hash = u64(hash + BigInt(length));
  for (; at + 8 <= length; at += 8) {
    hash ^= round(0n, view.getBigUint64(at, true));
    hash = u64(rotl64(hash, 27n) * PRIME64_1 + PRIME64_4);
  }
  if (at + 4 <= length) {
    hash ^= u64(BigInt(view.getUint32(at, true)) * PRIME64_1);
    hash = u64(rotl64(hash, 23n) * PRIME64_2 + PRIME64_3);
    at += 4;
  }
  for (; at < length; at++) {
    hash ^= u64(BigInt(bytes[at]!) * PRIME64_5);
    hash = u64(rotl64(hash, 11n) * PRIME64_1);
  }
  return avalanche64(hash);
}
