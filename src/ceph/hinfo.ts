import { ByteReader } from '../bytes/byte-reader.ts';
import { versioned } from './encoding.ts';

/** HashInfo: the attribute `hinfo_key` in erasure-coded pools. See docs/formats/ceph.md, "HashInfo". */
export interface HashInfo {
  /** bytes of each shard that the checksums cover */
  chunkSize: number;
  /** crc32c, seed 0xffffffff, of each shard in shard order; empty once the object was overwritten */
  shardCrcs: number[];
}

/** @throws CORRUPT, UNSUPPORTED */
export function decodeHashInfo(bytes: Uint8Array): HashInfo {
  return versioned(new ByteReader(bytes, 'HashInfo'), 'HashInfo', 1, (body) => ({
    chunkSize: body.size(),
    shardCrcs: body.list(4, (r) => r.u32()),
  }));
}
