import type { ByteReader } from '../../bytes/byte-reader.ts';
import { ByteReader as Reader } from '../../bytes/byte-reader.ts';
import { cephCrc32c } from '../../bytes/crc32c.ts';
import { UTIME_BYTES, uuid, versioned } from '../../ceph/encoding.ts';
import { readLba, readLowz } from './packed-numbers.ts';

/** BlueFS, superblock and file nodes: docs/formats/bluestore.md, "BlueFS". */

/** Where the superblock stands on the DB device, and how much is read for it. */
export const SUPERBLOCK_AT = 4096;
export const SUPERBLOCK_BYTES = 4096;

/** BlueFS::BDEV_*: device 1 is the main device unless there is a block.db. */
export const BLUEFS_DEVICE = { wal: 0, db: 1, slow: 2 } as const;

/** bluefs_extent_t */
export interface BlueFsExtent {
  device: number;
  offset: number;
  length: number;
}

/** How a file's bytes are packed (Tentacle): plain, or in envelopes. */
export const NODE_ENCODING = { plain: 0, open: 1, closed: 2 } as const;

/** bluefs_fnode_t */
export interface FileNode {
  ino: number;
  size: number;
  extents: BlueFsExtent[];
  /** see `NODE_ENCODING` */
  encoding: number;
}

/** A change to a node: keeps its extents up to `offset` allocated bytes and appends others. */
export interface NodeDelta extends FileNode {
  offset: number;
}

/** What it takes to replay the log: the superblock tells, or a search. */
export interface FoundLog {
  /** of BlueFS itself */
  fsid: string;
  blockSize: number;
  log: FileNode;
  /** a search found it; `newest`: no transaction was seen that is newer than those it leads to */
  searched?: { newest: boolean };
}

export interface BlueFsSuperblock extends FoundLog {
  osdFsid: string;
  /** raised each time that the log is compacted */
  sequence: number;
  /** what devices there are; undefined up to Octopus, which did not note it */
  layout: { dedicatedDb: boolean; dedicatedWal: boolean } | undefined;
  /** false: the fields made sense, but the checksum is wrong */
  intact: boolean;
}

function readExtent(reader: ByteReader): BlueFsExtent {
  return versioned(reader, 'bluefs_extent_t', 1, (body) => {
    const offset = readLba(body);
    const length = readLowz(body);
    const device = body.u8();
    if (offset < 0) throw body.fail('an extent without a place');
    return { device, offset, length };
  });
}

/** versioned head, offset, length, device */
const EXTENT_MIN_BYTES = 12;

const readEncoding = (body: ByteReader, version: number): number => {
  if (version < 2) return NODE_ENCODING.plain;
  const encoding = body.varsize();
  body.varsize(); // bytes of content: the envelopes tell
  return encoding;
};

/** bluefs_fnode_t v1 and v2 (Tentacle). */
export function readFileNode(reader: ByteReader): FileNode {
  return versioned(reader, 'bluefs_fnode_t', 1, (body, version) => {
    const ino = body.varsize();
    const size = body.varsize();
    body.skip(UTIME_BYTES + 1); // mtime; once the preferred device
    const extents = body.list(EXTENT_MIN_BYTES, readExtent);
    return { ino, size, extents, encoding: readEncoding(body, version) };
  });
}

/** bluefs_fnode_delta_t v1 and v2. */
export function readNodeDelta(reader: ByteReader): NodeDelta {
  return versioned(reader, 'bluefs_fnode_delta_t', 1, (body, version) => {
    const ino = body.varsize();
    const size = body.varsize();
    body.skip(UTIME_BYTES);
    const offset = body.size();
    const extents = body.list(EXTENT_MIN_BYTES, readExtent);
    return { ino, size, extents, offset, encoding: readEncoding(body, version) };
  });
}

/** Bytes that extents hold together; a file's size may be less. */
export const allocatedBytes = (extents: readonly BlueFsExtent[]): number =>
  extents.reduce((sum, extent) => sum + extent.length, 0);

const MIN_BLOCK = 512;
const MAX_BLOCK = 1 << 20;

function readLayout(body: ByteReader): BlueFsSuperblock['layout'] {
  if (!body.bool()) return undefined;
  return versioned(body, 'bluefs_layout_t', 1, (layout) => {
    layout.skip(4); // the shared device's id
    return { dedicatedDb: layout.bool(), dedicatedWal: layout.bool() };
  });
}

/**
 * bluefs_super_t v1 (no layout) to v3 (Tentacle: some files are in envelopes).
 * @param bytes what stands at `SUPERBLOCK_AT` of the DB device
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeBlueFsSuperblock(bytes: Uint8Array): BlueFsSuperblock {
  const reader = new Reader(bytes, 'bluefs_super_t');
  const fields = versioned(reader, 'bluefs_super_t', 3, (body, version) => {
    const fsid = uuid(body);
    const osdFsid = uuid(body);
    const sequence = body.size();
    const blockSize = body.u32();
    if (blockSize < MIN_BLOCK || blockSize > MAX_BLOCK || !Number.isInteger(Math.log2(blockSize))) {
      throw body.fail(`block size ${blockSize}`);
    }
    const log = readFileNode(body);
    const layout = version >= 2 ? readLayout(body) : undefined;
    return { fsid, osdFsid, sequence, blockSize, log, layout };
  });
  const covered = bytes.subarray(0, reader.pos);
  return { ...fields, intact: cephCrc32c(0xffffffff, covered) === reader.u32() };
}
