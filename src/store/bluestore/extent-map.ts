import { ByteReader } from '../../bytes/byte-reader.ts';
import { type Blob, readBlob } from './blob.ts';
import { readLowz, varintCount } from './packed-numbers.ts';

/** Extent maps, inline and in shards: docs/formats/bluestore.md, "Extent maps". */

/** Object bytes [offset, offset + length) are bytes of a blob from `blobOffset` on. */
export interface BlobExtent {
  offset: number;
  length: number;
  blob: Blob;
  blobOffset: number;
}

/** Low bits of an extent's first number (BlueStore.cc, BLOBID_FLAG_*). */
const FLAG = { contiguous: 1, zeroOffset: 2, sameLength: 4, spanning: 8 } as const;
const ID_SHIFT = 16;

/** Struct versions; 1 is older than Luminous and lays out blobs in the same way. */
const VERSIONS = [1, 2];

function blobOf(
  reader: ByteReader,
  id: number,
  flags: number,
  table: (Blob | undefined)[],
  spanning: ReadonlyMap<number, Blob>,
): Blob {
  if ((flags & FLAG.spanning) !== 0) {
    const blob = spanning.get(id);
    if (blob === undefined) throw reader.fail(`spanning blob ${id} is not in the object's record`);
    return blob;
  }
  if (id === 0) return readBlob(reader);
  // Counts extents, not blobs: the number of the extent that brought the blob.
  const blob = table[id - 1];
  if (blob === undefined) throw reader.fail(`blob ${id} has not been defined`);
  return blob;
}

/**
 * Decodes an extent map: ascending, not overlapping, offsets counted from the object's beginning.
 * @throws CORRUPT
 */
export function decodeExtentMap(
  bytes: Uint8Array,
  spanning: ReadonlyMap<number, Blob>,
): BlobExtent[] {
  if (bytes.length === 0) return [];
  const reader = new ByteReader(bytes, 'extent map');
  const version = reader.u8();
  if (!VERSIONS.includes(version)) throw reader.fail(`version ${version}`);
  const n = varintCount(reader, 1);
  const extents: BlobExtent[] = [];
  const table: (Blob | undefined)[] = [];
  let offset = 0;
  let length = 0;
  for (let i = 0; i < n; i++) {
    const first = reader.varsize();
    const flags = first % ID_SHIFT;
    if ((flags & FLAG.contiguous) === 0) offset += readLowz(reader);
    const blobOffset = (flags & FLAG.zeroOffset) === 0 ? readLowz(reader) : 0;
    if ((flags & FLAG.sameLength) === 0) length = readLowz(reader);
    const isNew = first < ID_SHIFT && (flags & FLAG.spanning) === 0;
    const blob = blobOf(reader, Math.floor(first / ID_SHIFT), flags, table, spanning);
    table.push(isNew ? blob : undefined);
    if (offset + length > Number.MAX_SAFE_INTEGER) throw reader.fail('offsets beyond any object');
    extents.push({ offset, length, blob, blobOffset });
    offset += length;
  }
  if (reader.remaining > 0) throw reader.fail(`${reader.remaining} bytes too many`);
  return extents;
}
