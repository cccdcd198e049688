import { ByteReader } from '../../bytes/byte-reader.ts';
import { readNameText, versioned } from '../../ceph/encoding.ts';
import { type Blob, readSpanningBlobs } from './blob.ts';

/** An object's record: docs/formats/bluestore.md, "Objects". */

/** bluestore_onode_t::flags */
export const ONODE_FLAG = {
  omap: 1,
  pgMetaOmap: 2,
  perPoolOmap: 4,
  perPgOmap: 8,
} as const;

export interface ShardEntry {
  /** bytes from the object's beginning */
  offset: number;
  /** of the shard's encoding */
  bytes: number;
}

/** bluestore_onode_t */
export interface Onode {
  nid: bigint;
  /** bytes; with erasure coding those of this shard */
  size: number;
  attrs: Map<string, Uint8Array>;
  /** `ONODE_FLAG` bits */
  flags: number;
  /** where the extent map is cut; empty: it is inline */
  shards: ShardEntry[];
}

/** The record: the onode, and behind it what is only decoded when data is read. */
export interface OnodeRecord {
  onode: Onode;
  /** spanning blobs and inline extent map */
  rest: Uint8Array;
}

function onodeFields(body: ByteReader): Onode {
  const nid = body.varint64();
  const size = body.varsize();
  const attrs = new Map(body.list(8, (r) => [readNameText(r), r.blob()] as const));
  const flags = body.u8();
  const shards = body.list(2, (r) => ({ offset: r.varsize(), bytes: r.varsize() }));
  return { nid, size, attrs, flags, shards };
}

/**
 * Decodes the value of an object's key, onode v1 to v3 (Luminous to Tentacle).
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeOnodeRecord(bytes: Uint8Array): OnodeRecord {
  const reader = new ByteReader(bytes, 'bluestore_onode_t');
  const onode = versioned(reader, 'bluestore_onode_t', 2, onodeFields);
  return { onode, rest: reader.rest() };
}

export interface OnodeBlobs {
  spanning: Map<number, Blob>;
  /** the extent map, where it is not in shards */
  inline: Uint8Array | undefined;
}

/** Decodes what stands behind the onode. @throws CORRUPT */
export function decodeOnodeBlobs({ onode, rest }: OnodeRecord): OnodeBlobs {
  const reader = new ByteReader(rest, 'object record');
  const spanning = readSpanningBlobs(reader);
  return { spanning, inline: onode.shards.length === 0 ? reader.blob() : undefined };
}
