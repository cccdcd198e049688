import { crc32c as standardCrc32c } from '@node-rs/crc32';

/**
 * Ceph's crc32c: Castagnoli, reflected, seed given at each use, **no final inversion**.
 * Seed 0xffffffff for object data digests, BlueStore and BlueFS; 0 for journals, PG log entries and
 * object maps. Chain by passing the previous result as seed.
 */
export function cephCrc32c(seed: number, bytes: Uint8Array): number {
  // The library computes the inverted form and inverts its own initial value likewise.
  return ~standardCrc32c(bytes as Buffer, ~seed >>> 0) >>> 0;
}

/** RocksDB's and LevelDB's masked crc32c over `bytes` (the standard, inverted form inside). */
export function maskedCrc32c(...parts: Uint8Array[]): number {
  let crc = 0;
  for (const part of parts) crc = standardCrc32c(part as Buffer, crc);
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}
