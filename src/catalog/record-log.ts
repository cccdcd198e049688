import { cephCrc32c } from '../bytes/crc32c.ts';
import { corruptError } from '../errors/salvage-error.ts';
import type { CatalogStorage } from '../io/ports.ts';

/**
 * A catalog file is a log of records, only ever appended to: whatever moment a scan is killed at,
 * the records before it stand, and a torn one at the end is cut off by the next scan.
 * docs/formats/catalog.md.
 *
 *     file   = magic (16 bytes), record...
 *     record = u32 mark, u32 type, u64 payload length, u32 payload crc32c, u32 head crc32c, payload
 */

const MAGIC = Buffer.from('rbd-salvage cat1');
const MARK = 0x52454353;
const HEAD_BYTES = 24;

export const RECORD = {
  /** a scan began; what follows is complete only once its `scanEnd` stands */
  scanBegin: 1,
  scanEnd: 2,
  osdBegin: 3,
  segment: 4,
  /** RBD metadata objects of one OSD */
  rbdMetadata: 5,
  /** PG metadata of one OSD */
  pgMetadata: 6,
  osdMap: 7,
  osdEnd: 8,
} as const;

export type RecordType = (typeof RECORD)[keyof typeof RECORD];

export interface RecordEntry {
  type: number;
  /** position of the payload in the storage */
  at: number;
  length: number;
  crc: number;
}

export class RecordLog {
  readonly storage: CatalogStorage;
  readonly entries: RecordEntry[] = [];
  /** bytes at the end that belong to no whole record */
  torn = 0;

  /** @throws CORRUPT when the storage holds something else than a catalog */
  constructor(storage: CatalogStorage) {
    this.storage = storage;
    const size = storage.size();
    if (size === 0) return;
    const begin = storage.read(0, Math.min(MAGIC.length, size));
    if (!MAGIC.subarray(0, begin.length).equals(Buffer.from(begin))) {
      throw corruptError(`${storage.path} is not a catalog`, { path: storage.path });
    }
    this.#load(size);
  }

  #load(size: number): void {
    let at = MAGIC.length;
    while (at < size) {
      const entry = at + HEAD_BYTES <= size ? parseHead(this.storage.read(at, HEAD_BYTES)) : undefined;
      if (entry === undefined || entry.length > size - at - HEAD_BYTES) break;
      this.entries.push({ ...entry, at: at + HEAD_BYTES });
      at += HEAD_BYTES + entry.length;
    }
    this.torn = size < MAGIC.length ? size : size - at;
  }

  /** Makes a log ready to be appended to: its magic in front, nothing torn at its end. */
  prepareToAppend(): void {
    const { storage } = this;
    if (this.torn > 0) storage.truncate(storage.size() - this.torn);
    this.torn = 0;
    if (storage.size() === 0) storage.append(MAGIC);
  }

  append(type: RecordType, payload: Uint8Array): RecordEntry {
    const head = Buffer.alloc(HEAD_BYTES);
    head.writeUInt32LE(MARK, 0);
    head.writeUInt32LE(type, 4);
    head.writeBigUInt64LE(BigInt(payload.length), 8);
    head.writeUInt32LE(cephCrc32c(0, payload), 16);
    head.writeUInt32LE(cephCrc32c(0, head.subarray(0, 20)), 20);
    this.storage.append(head);
    const entry = { type, at: this.storage.size(), length: payload.length, crc: head.readUInt32LE(16) };
    if (payload.length > 0) this.storage.append(payload);
    this.entries.push(entry);
    return entry;
  }

  /** The whole payload, verified. @throws CORRUPT */
  payload(entry: RecordEntry): Uint8Array {
    const bytes = this.storage.read(entry.at, entry.length);
    if (cephCrc32c(0, bytes) !== entry.crc) {
      throw corruptError(`${this.storage.path}: record fails its checksum at 0x${entry.at.toString(16)}`, {
        path: this.storage.path,
        offset: entry.at,
      });
    }
    return bytes;
  }
}

function parseHead(bytes: Uint8Array): Omit<RecordEntry, 'at'> | undefined {
  const head = Buffer.from(bytes);
  if (head.readUInt32LE(0) !== MARK) return undefined;
  if (cephCrc32c(0, head.subarray(0, 20)) !== head.readUInt32LE(20)) return undefined;
  const length = Number(head.readBigUInt64LE(8));
  return { type: head.readUInt32LE(4), length, crc: head.readUInt32LE(16) };
}
