import { ByteReader } from '../../../bytes/byte-reader.ts';
import { uuid } from '../../../ceph/encoding.ts';
import { corruptError } from '../../../errors/salvage-error.ts';

/** The header of a FileStore journal. docs/formats/filestore-journal.md, "Header". */
export interface JournalHeader {
  /** 4 since Firefly */
  version: number;
  /** every entry has a checksum; without it only those whose checksum is not 0 */
  hasCrcs: boolean;
  /** the OSD that it belongs to; undefined before version 2 */
  fsid: string | undefined;
  /** first eight bytes of the fsid: part of every entry's magic */
  fsidLow: bigint;
  /** the ring begins behind one block, which holds the header */
  blockSize: number;
  /** end of the ring */
  maxSize: number;
  /** offset of the oldest entry kept when the header was written, which is now and then */
  start: number;
  /** last entry known to be in the file system then; 0 before version 3 */
  committedUpTo: number;
  /** sequence number of the entry at `start`; undefined before version 4 */
  startSeq: number | undefined;
}

export const JOURNAL_HEADER_BYTES = 4096;
const FLAG_CRC = 1n;
/** bits above were garbage in headers of old releases */
const KNOWN_FLAGS = 3n;
const MAX_BLOCK = 1 << 22;

function readFields(reader: ByteReader, version: number): JournalHeader {
  const body = reader.sub(reader.u32());
  const flags = body.u64();
  const fsidLow = new ByteReader(body.bytes.subarray(body.pos), 'fsid').u64();
  const fsid = uuid(body);
  const blockSize = body.u32();
  body.skip(4); // alignment: entries carry their own padding
  return {
    version,
    hasCrcs: flags <= KNOWN_FLAGS && (flags & FLAG_CRC) !== 0n,
    fsid,
    fsidLow,
    blockSize,
    maxSize: body.size(),
    start: body.size(),
    committedUpTo: version >= 3 ? body.size() : 0,
    startSeq: version >= 4 ? body.size() : undefined,
  };
}

/** Version 1: no length, an fsid of 64 bits. */
function readOldFields(reader: ByteReader): JournalHeader {
  reader.skip(4);
  const fsidLow = reader.u64();
  const blockSize = reader.u32();
  reader.skip(4);
  const ends = { maxSize: reader.size(), start: reader.size() };
  return {
    ...{ version: 1, hasCrcs: false, fsid: undefined, fsidLow, blockSize, ...ends },
    ...{ committedUpTo: 0, startSeq: undefined },
  };
}

/** @throws CORRUPT */
export function decodeJournalHeader(bytes: Uint8Array): JournalHeader {
  const reader = new ByteReader(bytes, 'journal header');
  const version = reader.u32();
  if (version < 1 || version > 4)
    throw corruptError('no journal header', { offset: 0, found: version });
  const header = version === 1 ? readOldFields(reader) : readFields(reader, version);
  const { blockSize, maxSize, start } = header;
  if (blockSize < 512 || blockSize > MAX_BLOCK || (blockSize & (blockSize - 1)) !== 0) {
    throw corruptError(`journal header: block size ${blockSize}`, { offset: 0, found: blockSize });
  }
  if (start < blockSize || start >= maxSize) {
    throw corruptError(`journal header: starts at ${start} of ${maxSize}`, {
      offset: 0,
      found: start,
    });
  }
  return header;
}
