import { ByteReader } from '../bytes/byte-reader.ts';
import { type Extent, extents, requireVersion, snapids, versioned } from './encoding.ts';

/** SnapSet: the attribute `snapset` of a head or snapdir. See docs/formats/ceph.md, "SnapSet". */
export interface SnapSet {
  /** newest snapshot id known at the last write */
  seq: bigint;
  /** false only in the snapdir of a deleted head, before Luminous */
  headExists: boolean;
  /** snapshots of the object, newest first; empty since Octopus */
  snaps: bigint[];
  /** clone ids, oldest first */
  clones: bigint[];
  /** per clone, the bytes that are equal in the next newer clone (or the head) */
  cloneOverlap: Map<bigint, Extent[]>;
  /** bytes per clone */
  cloneSize: Map<bigint, number>;
  /** per clone, the snapshots it serves, newest first; no entry: see the clone's own object info */
  cloneSnaps: Map<bigint, bigint[]>;
}

/** map snapid -> T */
const snapMap = <T>(
  reader: ByteReader,
  minBytes: number,
  value: (r: ByteReader) => T,
): Map<bigint, T> => new Map(reader.list(8 + minBytes, (r) => [r.u64(), value(r)]));

function snapSetFields(body: ByteReader, version: number): SnapSet {
  requireVersion(body, version, 2);
  return {
    seq: body.u64(),
    headExists: body.bool(),
    snaps: snapids(body),
    clones: snapids(body),
    cloneOverlap: snapMap(body, 4, extents),
    cloneSize: snapMap(body, 8, (r) => r.size()),
    cloneSnaps: version >= 3 ? snapMap(body, 4, snapids) : new Map(),
  };
}

/**
 * SnapSet v2 (to Kraken) and v3 (Luminous and later).
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeSnapSet(bytes: Uint8Array): SnapSet {
  return versioned(new ByteReader(bytes, 'SnapSet'), 'SnapSet', 2, snapSetFields);
}
