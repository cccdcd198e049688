/** Of XXH32, XXH64 and XXH3 (doc/xxhash_spec.md and xxhash.h of libxxhash 0.8). */
export const PRIME32_1 = 0x9e3779b1n;
export const PRIME32_2 = 0x85ebca77n;
export const PRIME32_3 = 0xc2b2ae3dn;
export const PRIME64_1 = 0x9e3779b185ebca87n;
export const PRIME64_2 = 0xc2b2ae3d27d4eb4fn;
export const PRIME64_3 = 0x165667b19e3779f9n;
export const PRIME64_4 = 0x85ebca77c2b2ae63n;
export const PRIME64_5 = 0x27d4eb2f165667c5n;

/** Modulo 2^64. */
export const u64 = (x: bigint): bigint => x & 0xffffffffffffffffn;
export const rotl64 = (x: bigint, n: bigint): bigint => u64(x << n) | (x >> (64n - n));
