import type { ByteReader } from '../../bytes/byte-reader.ts';
import { type Piece, readLowz, readPieces, varintCount } from './packed-numbers.ts';

/** Blobs: where bytes of objects lie on the main device. docs/formats/bluestore.md, "Blobs". */

/** bluestore_blob_t::flags */
export const BLOB_FLAG = {
  compressed: 2,
  checksums: 4,
  unused: 8,
  shared: 16,
} as const;

export interface BlobChecksums {
  /** see `checksum.ts` */
  type: number;
  /** each value covers 2^order bytes as they lie on the device */
  order: number;
  values: Uint8Array;
}

export interface Blob {
  /** the blob's bytes on the device, one piece after the other */
  pieces: Piece[];
  /** bytes of all pieces */
  length: number;
  checksums: BlobChecksums | undefined;
  /** undefined for a blob that is not compressed; `stored` are the bytes of the pieces that count */
  compressed: { logical: number; stored: number } | undefined;
}

/** Ceph's largest object is 128 MiB by default, its largest blob far below. */
const MAX_COMPRESSED = 128 << 20;
/** The order is at most that of an allocation unit; larger ones would only cost memory. */
const MAX_ORDER = 24;

function readCompressed(reader: ByteReader): { logical: number; stored: number } {
  const logical = readLowz(reader);
  const stored = readLowz(reader);
  if (logical > MAX_COMPRESSED || stored > MAX_COMPRESSED) {
    throw reader.fail(`a compressed blob of ${stored} bytes for ${logical}`);
  }
  return { logical, stored };
}

function readChecksums(reader: ByteReader): BlobChecksums {
  const type = reader.u8();
  const order = reader.u8();
  if (order > MAX_ORDER) throw reader.fail(`checksums of 2^${order} bytes each`);
  return { type, order, values: reader.slice() };
}

/** Who uses how much of a blob: nothing that reading needs. */
function skipUseTracker(reader: ByteReader): void {
  if (reader.varsize() === 0) return;
  const n = varintCount(reader, 1);
  for (let i = 0; i < Math.max(1, n); i++) reader.varint64();
}

/** What stood there before Luminous (struct version 1). */
function skipReferences(reader: ByteReader): void {
  const n = varintCount(reader, 3);
  for (let i = 0; i < 3 * n; i++) reader.varint64();
}

/** bluestore_blob_t without a use tracker. */
export function readBlob(reader: ByteReader): Blob {
  const pieces = readPieces(reader);
  const flags = reader.varsize();
  const has = (flag: number): boolean => Math.floor(flags / flag) % 2 === 1;
  const compressed = has(BLOB_FLAG.compressed) ? readCompressed(reader) : undefined;
  const checksums = has(BLOB_FLAG.checksums) ? readChecksums(reader) : undefined;
  if (has(BLOB_FLAG.unused)) reader.skip(2);
  if (has(BLOB_FLAG.shared)) reader.skip(8);
  const length = pieces.reduce((sum, piece) => sum + piece.length, 0);
  if (!Number.isSafeInteger(length)) throw reader.fail(`a blob of ${length} bytes`);
  return { pieces, length, checksums, compressed };
}

/** The blobs of an object that extents of several shards use, by id. */
export function readSpanningBlobs(reader: ByteReader): Map<number, Blob> {
  const version = reader.u8();
  if (version < 1 || version > 2) throw reader.fail(`spanning blobs of version ${version}`);
  const n = varintCount(reader, 4);
  const blobs = new Map<number, Blob>();
  for (let i = 0; i < n; i++) {
    blobs.set(reader.varsize(), readBlob(reader));
    if (version === 1) skipReferences(reader);
    else skipUseTracker(reader);
  }
  return blobs;
}
