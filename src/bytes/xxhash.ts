// One file for each hash: the library as a whole takes every thread 40 ms to load.
import xxhash3Lib from 'hash-wasm/dist/xxhash3.umd.min.js';
import xxhash32Lib from 'hash-wasm/dist/xxhash32.umd.min.js';
import xxhash64Lib from 'hash-wasm/dist/xxhash64.umd.min.js';
import { ByteReader } from './byte-reader.ts';

/**
 * The xxHash family, for table blocks (seed 0) and BlueStore's data checksums (all ones).
 * Hashers are made while this module loads, because the library can only make them
 * asynchronously; afterwards everything is synchronous.
 */
export type XxhashSeed = 'zero' | 'ones';

const ONES = 0xffffffff;
const [zero32, ones32, zero64, ones64, zero3] = await Promise.all([
  xxhash32Lib.createXXHash32(0),
  xxhash32Lib.createXXHash32(ONES),
  xxhash64Lib.createXXHash64(0, 0),
  xxhash64Lib.createXXHash64(ONES, ONES),
  xxhash3Lib.createXXHash3(0, 0),
]);

type Hasher = typeof zero32;

function digest(hasher: Hasher, bytes: Uint8Array): ByteReader {
  return new ByteReader(hasher.init().update(bytes).digest('binary'), 'xxhash');
}

/** XXH32 as u32. */
export function xxhash32(bytes: Uint8Array, seed: XxhashSeed = 'zero'): number {
  return digest(seed === 'zero' ? zero32 : ones32, bytes).u32be();
}

/** XXH64. */
export function xxhash64(bytes: Uint8Array, seed: XxhashSeed = 'zero'): bigint {
  return digest(seed === 'zero' ? zero64 : ones64, bytes).u64be();
}

/** Low 32 bits of XXH64, seed 0. */
export function xxhash64Low(bytes: Uint8Array): number {
  const reader = digest(zero64, bytes);
  reader.skip(4);
  return reader.u32be();
}

/** Low 32 bits of the 64-bit XXH3, seed 0. */
export function xxh3Low(bytes: Uint8Array): number {
  const reader = digest(zero3, bytes);
  reader.skip(4);
  return reader.u32be();
}
