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
const MARK_BYTES = Buffer.from('SCER');
const HEAD_BYTES = 24;
/** Bytes read at once when looking for the next record behind damage. */
const SEARCH_BYTES = 1 << 20;

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
  /** bytes between records that belong to none, and the index of the entry behind them */
  readonly gaps: { entry: number; at: number; length: number }[] = [];
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
    if (size < MAGIC.length) {
      this.torn = size;
      return;
    }
    let end = MAGIC.length;
    for (let at = end; ; ) {
      const entry = this.#entryAt(at, size);
      if (entry !== undefined) {
        if (at > end) this.gaps.push({ entry: this.entries.length, at: end, length: at - end });
        this.entries.push(entry);
        at = entry.at + entry.length;
        end = at;
        continue;
      }
      // One bad head must not cost the OSDs behind it: on to the next record that holds.
      const next = this.#findMark(at + 1, size);
      if (next < 0) break;
      at = next;
    }
    this.torn = size - end;
  }

  #entryAt(at: number, size: number): RecordEntry | undefined {
    if (at + HEAD_BYTES > size) return undefined;
    const head = parseHead(this.storage.read(at, HEAD_BYTES));
    if (head === undefined || head.length > size - at - HEAD_BYTES) return undefined;
    return { ...head, at: at + HEAD_BYTES };
  }

  /** Position of the next mark from `from` on, -1 when there is none. */
  #findMark(from: number, size: number): number {
    for (let at = from; at + HEAD_BYTES <= size; at += SEARCH_BYTES) {
      const length = Math.min(SEARCH_BYTES + MARK_BYTES.length - 1, size - at);
      const found = Buffer.from(this.storage.read(at, length)).indexOf(MARK_BYTES);
      if (found >= 0) return at + found;
    }
    return -1;
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
    const entry = {
      type,
      at: this.storage.size(),
      length: payload.length,
      crc: head.readUInt32LE(16),
    };
    if (payload.length > 0) this.storage.append(payload);
    this.entries.push(entry);
    return entry;
  }

  /** The whole payload, verified. @throws CORRUPT */
  payload(entry: RecordEntry): Uint8Array {
    const bytes = this.storage.read(entry.at, entry.length);
    if (cephCrc32c(0, bytes) !== entry.crc) {
      throw corruptError(
        `${this.storage.path}: record fails its checksum at 0x${entry.at.toString(16)}`,
        {
          path: this.storage.path,
          offset: entry.at,
        },
      );
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
