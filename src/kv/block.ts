import { ByteReader } from '../bytes/byte-reader.ts';
import { maskedCrc32c } from '../bytes/crc32c.ts';
import { inflateRaw, lz4Decode, snappyDecode, zstdDecode } from '../bytes/decompress.ts';
import { xxh3Low, xxhash32, xxhash64Low } from '../bytes/xxhash.ts';
import { corruptError, unsupportedError } from '../errors/salvage-error.ts';

/** Blocks of a table file (docs/formats/kv.md, "Blocks"). */

/** u8 compression, u32 checksum behind every block. */
export const BLOCK_TRAILER = 5;
/** No block of a Ceph store comes near (4 KiB and one entry); keeps a hostile one from taking all memory. */
export const MAX_BLOCK = 128 << 20;

export interface BlockHandle {
  offset: number;
  /** without the trailer */
  size: number;
}

export interface BlockFormat {
  /** of `CHECKSUM` */
  checksum: number;
  /** -1 for LevelDB's tables and RocksDB's of the same footer */
  formatVersion: number;
  /** blocks were compressed with a dictionary from the metaindex */
  dictionary: boolean;
}

/** Source: RocksDB `include/rocksdb/table.h` (ChecksumType), 7.9. */
export const CHECKSUM = { none: 0, crc32c: 1, xxhash32: 2, xxhash64: 3, xxh3: 4 } as const;

/** Source: RocksDB `include/rocksdb/compression_type.h`, 7.9. */
const COMPRESSION = {
  none: 0x0,
  snappy: 0x1,
  zlib: 0x2,
  lz4: 0x4,
  lz4hc: 0x5,
  zstd: 0x7,
  zstdEarly: 0x40,
} as const;

/** XXH3 leaves the compression byte out of the hash and mixes it in with this factor. */
const XXH3_BYTE_FACTOR = 0x6b9083d9;
/** From here on compressed blocks begin with their size. */
const SIZED_BLOCKS_VERSION = 2;
const LEGACY_LZ4_HEADER = 8;

/** `covered` is the data and the compression byte. */
function checksumOf(type: number, covered: Uint8Array): number {
  switch (type) {
    case CHECKSUM.crc32c:
      return maskedCrc32c(covered);
    case CHECKSUM.xxhash32:
      return xxhash32(covered);
    case CHECKSUM.xxhash64:
      return xxhash64Low(covered);
    case CHECKSUM.xxh3: {
      const data = covered.subarray(0, -1);
      return (xxh3Low(data) ^ Math.imul(covered.at(-1)!, XXH3_BYTE_FACTOR)) >>> 0;
    }
  }
  throw unsupportedError(`table: checksum type ${type}`, { found: type });
}

function sized(reader: ByteReader, unpack: (bytes: Uint8Array, size: number) => Uint8Array) {
  const size = reader.varint32();
  if (size > MAX_BLOCK) throw reader.fail(`block of ${size} bytes announced`);
  const out = unpack(reader.rest(), size);
  if (out.length !== size) throw reader.fail(`${size} bytes announced, ${out.length} unpacked`);
  return out;
}

/** Before format_version 2 the size was missing (zlib) or as the writer's machine had it (lz4). */
function unpackUnsized(reader: ByteReader, compression: number): Uint8Array {
  if (compression === COMPRESSION.zlib) return inflateRaw(reader.rest(), MAX_BLOCK);
  const size = reader.u32();
  reader.skip(LEGACY_LZ4_HEADER - 4);
  if (size > MAX_BLOCK) throw reader.fail(`block of ${size} bytes announced`);
  return lz4Decode(reader.rest(), size);
}

function unpack(reader: ByteReader, compression: number, formatVersion: number): Uint8Array {
  const isSized = formatVersion >= SIZED_BLOCKS_VERSION;
  switch (compression) {
    case COMPRESSION.snappy:
      return snappyDecode(reader.rest(), MAX_BLOCK);
    case COMPRESSION.zlib:
      return isSized ? sized(reader, inflateRaw) : unpackUnsized(reader, compression);
    case COMPRESSION.lz4:
    case COMPRESSION.lz4hc:
      return isSized ? sized(reader, lz4Decode) : unpackUnsized(reader, compression);
    case COMPRESSION.zstd:
    case COMPRESSION.zstdEarly:
      return sized(reader, zstdDecode);
  }
  throw unsupportedError(`block: compression type ${compression}`, { found: compression });
}

/**
 * Checks and decompresses a block.
 * @param stored the block and its trailer; an uncompressed block comes back as a view into it
 * @param offset of the block in its file
 * @throws CORRUPT, UNSUPPORTED
 */
export function unpackBlock(stored: Uint8Array, offset: number, format: BlockFormat): Uint8Array {
  const size = stored.length - BLOCK_TRAILER;
  const trailer = new ByteReader(stored, 'table block', offset);
  trailer.seek(size);
  const compression = trailer.u8();
  const checksum = trailer.u32();
  const found =
    format.checksum === CHECKSUM.none
      ? checksum
      : checksumOf(format.checksum, stored.subarray(0, size + 1));
  if (found !== checksum) {
    throw corruptError(`table block: wrong checksum at 0x${offset.toString(16)}`, {
      structure: 'table block',
      offset,
      expected: checksum,
      found,
    });
  }
  const data = stored.subarray(0, size);
  if (compression === COMPRESSION.none) return data;
  if (format.dictionary && compression !== COMPRESSION.snappy) {
    throw unsupportedError('block: compressed with a dictionary', { offset });
  }
  return unpack(
    new ByteReader(data, 'compressed block', offset),
    compression,
    format.formatVersion,
  );
}
