import { ByteReader } from '../bytes/byte-reader.ts';
import { corruptError, unsupportedError } from '../errors/salvage-error.ts';
import type { ByteSource } from '../io/ports.ts';
import { BLOCK_TRAILER, type BlockHandle, CHECKSUM } from './block.ts';

/** The end of a table file (docs/formats/kv.md, "Tables"). */
export interface TableFooter {
  /** of `CHECKSUM` */
  checksum: number;
  /** -1 when the footer is LevelDB's, which has no version */
  formatVersion: number;
  metaindex: BlockHandle;
  index: BlockHandle;
}

/** LevelDB's tables, and RocksDB's of format_version 0. */
const LEVELDB_MAGIC = 0xdb4775248b80fb57n;
const ROCKSDB_MAGIC = 0x88e241b785f4cff7n;
/** RocksDB's other table kinds, which Ceph has never used. */
const OTHER_MAGICS = new Map([
  [0x8242229663bf9564n, 'plain table'],
  [0x4f3418eb7a8f13b8n, 'plain table'],
  [0x926789d0c5f17873n, 'cuckoo table'],
]);

const LEVELDB_FOOTER = 48;
const ROCKSDB_FOOTER = 53;
/** Newer ones (RocksDB 8.6 on) have another footer and checksums that depend on the place. */
const MAX_FORMAT_VERSION = 5;

export function readBlockHandle(reader: ByteReader): BlockHandle {
  return { offset: reader.varsize(), size: reader.varsize() };
}

function footerHandle(reader: ByteReader, blocksEnd: number): BlockHandle {
  const handle = readBlockHandle(reader);
  if (handle.offset + handle.size + BLOCK_TRAILER > blocksEnd) {
    throw reader.fail(`block at 0x${handle.offset.toString(16)} lies past the end`);
  }
  return handle;
}

function readTail(source: ByteSource): ByteReader {
  const length = Math.min(source.size, ROCKSDB_FOOTER);
  const bytes = new Uint8Array(length);
  const found = source.read(bytes, source.size - length);
  return new ByteReader(bytes.subarray(0, found), 'table footer', source.size - length);
}

/** @throws CORRUPT, UNSUPPORTED, SOURCE_IO */
export function readTableFooter(source: ByteSource): TableFooter {
  const tail = readTail(source);
  if (tail.length < LEVELDB_FOOTER) throw tail.fail('the file is too short for a table');
  tail.seek(tail.length - 8);
  const magic = tail.u64();
  if (magic === LEVELDB_MAGIC) {
    tail.seek(tail.length - LEVELDB_FOOTER);
    const end = source.size - LEVELDB_FOOTER;
    const metaindex = footerHandle(tail, end);
    const index = footerHandle(tail, end);
    return { checksum: CHECKSUM.crc32c, formatVersion: -1, metaindex, index };
  }
  if (magic !== ROCKSDB_MAGIC || tail.length < ROCKSDB_FOOTER) {
    const kind = OTHER_MAGICS.get(magic);
    if (kind !== undefined) throw unsupportedError(`table footer: a ${kind}`);
    throw corruptError('table footer: no table magic', { offset: source.size - 8 });
  }
  return rocksdbFooter(tail, source.size - ROCKSDB_FOOTER);
}

function rocksdbFooter(tail: ByteReader, blocksEnd: number): TableFooter {
  tail.seek(ROCKSDB_FOOTER - 12);
  const formatVersion = tail.u32();
  if (formatVersion > MAX_FORMAT_VERSION) {
    throw unsupportedError(`table footer: format_version ${formatVersion}`, {
      expected: MAX_FORMAT_VERSION,
      found: formatVersion,
    });
  }
  tail.seek(0);
  const checksum = tail.u8();
  if (checksum > CHECKSUM.xxh3) {
    throw unsupportedError(`table footer: checksum type ${checksum}`, { found: checksum });
  }
  const metaindex = footerHandle(tail, blocksEnd);
  return { checksum, formatVersion, metaindex, index: footerHandle(tail, blocksEnd) };
}
