import { createXXHash3, createXXHash32, createXXHash64 } from 'hash-wasm';
import { ByteReader } from './byte-reader.ts';

/**
 * The xxHash family, for table blocks (seed 0) and BlueStore's data checksums (all ones).
 * Hashers are made while this module loads, because the library can only make them
 * asynchronously; afterwards everything is synchronous.
 */
export type XxhashSeed = 'zero' | 'ones';

const ONES = 0xffffffff;
const [zero32, ones32, zero64, ones64, zero3] = await Promise.all([
  createXXHash32(0),
  createXXHash32(ONES),
  createXXHash64(0, 0),
  createXXHash64(ONES, ONES),
  createXXHash3(0, 0),
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
