import { cephCrc32c } from '../bytes/crc32c.ts';
import { viewOf } from '../bytes/words.ts';
import { isCanonicalField } from '../store/escaped-field.ts';
import {
  isUnreadable,
  type ObjectId,
  type ObjectSink,
  type UnitStamp,
} from '../store/object-store.ts';
import { packColumn } from './columns.ts';
import { pack } from './packing.ts';
import { PrefixTable } from './prefix-table.ts';
import { RowChunks } from './row-chunks.ts';
import type { GroupEntry, NamedEntry, SegmentHead, UnitEntry } from './segment.ts';

/** Rows of one segment: 20 bytes each while it grows, and as much again while it is packed. */
export const SEGMENT_ROWS = 1 << 17;
const NAMED_LIMIT = 1 << 16;
/** length and checksum of the head */
const LEAD = 8;
const MAX_OBJECT_NO = 0xffffffff;
const MAX_SNAP = 0xfffffff0;

interface Counters {
  objects: number;
  others: number;
}

/**
 * Packs what a scan finds into segments of the catalog: rows of data objects grouped by image and
 * kept as columns, everything else as entries. A unit never spans two segments.
 */
export class SegmentBuilder implements ObjectSink {
  readonly #flush: (segment: Uint8Array, objects: number) => void;
  readonly #rows = new RowChunks();
  #tables = new Map<string, { table: PrefixTable; ids: number[] }>();
  #groups: { prefix: Buffer; tail: Buffer }[] = [];
  #units: UnitEntry[] = [];
  #kept: Buffer[] = [];
  #unreadable: number[] = [];
  #named: NamedEntry[] = [];
  #counters: Counters = { objects: 0, others: 0 };
  /** the counters when the current unit began */
  #before: Counters = { objects: 0, others: 0 };

  // The scanner's buffer is the same for all names.
  #buffer: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#buffer);

  // Memo of the last tail: it is the same for a whole collection.
  #tail: Buffer = Buffer.alloc(0);
  #current: { table: PrefixTable; ids: number[] } | undefined;

  /** @param flush takes each finished segment's payload, and the number of objects in it */
  constructor(flush: (segment: Uint8Array, objects: number) => void) {
    this.#flush = flush;
  }

  beginUnit(path: Uint8Array): void {
    this.#units.push([path, 0n, 0n, 0n, 0, 0, []]);
    this.#before = { ...this.#counters };
  }

  endUnit({ ino, mtimeNs, ctimeNs }: UnitStamp, subdirectories: readonly string[]): void {
    const unit = this.#units[this.#units.length - 1]!;
    unit[1] = ino;
    unit[2] = mtimeNs;
    unit[3] = ctimeNs;
    unit[4] = this.#counters.objects - this.#before.objects;
    unit[5] = this.#counters.others - this.#before.others;
    unit[6] = subdirectories;
    if (isUnreadable({ mtimeNs })) this.#unreadable.push(this.#units.length - 1);
    if (this.#rows.length >= SEGMENT_ROWS || this.#named.length >= NAMED_LIMIT) this.finish();
  }

  keptUnit(path: Uint8Array): void {
    this.#kept.push(Buffer.from(path));
  }

  otherObject(): void {
    this.#counters.others++;
  }

  namedObject(id: ObjectId, fileName: Uint8Array): void {
    const { pool, namespace, name, key, snap, hash, shard } = id;
    this.#named.push([
      pool,
      namespace,
      name,
      key,
      snap,
      hash,
      shard,
      fileName,
      this.#units.length - 1,
    ]);
    this.#counters.objects++;
  }

  dataObject(
    b: Uint8Array,
    prefixStart: number,
    prefixEnd: number,
    objectNo: number,
    snap: number,
    hash: number,
    tailStart: number,
    tailEnd: number,
  ): boolean {
    if (objectNo > MAX_OBJECT_NO || snap > MAX_SNAP) return false;
    const { table, ids } = this.#tableFor(b, tailStart, tailEnd);
    if (b !== this.#buffer) {
      this.#buffer = b;
      this.#view = viewOf(b);
    }
    let local = table.find(this.#view, prefixStart, prefixEnd);
    if (local < 0) {
      // An unescaped underscore would be the locator key's; an escape that no Ceph writes could not
      // be undone. Neither is the canonical form.
      if (!isCanonicalField(b.subarray(prefixStart, prefixEnd))) return false;
      local = table.add(this.#view, prefixStart, prefixEnd);
      ids.push(this.#groups.push({ prefix: table.prefixes[local]!, tail: this.#tail }) - 1);
    }
    this.#rows.push(ids[local]!, objectNo, snap, hash, this.#units.length - 1);
    this.#counters.objects++;
    return true;
  }

  #tableFor(b: Uint8Array, start: number, end: number) {
    const tail = this.#tail;
    let same = this.#current !== undefined && tail.length === end - start;
    for (let i = 0; same && i < tail.length; i++) same = tail[i] === b[start + i];
    if (same) return this.#current!;
    this.#tail = Buffer.from(b.subarray(start, end));
    const key = this.#tail.toString('latin1');
    let entry = this.#tables.get(key);
    if (entry === undefined) {
      entry = { table: new PrefixTable(), ids: [] };
      this.#tables.set(key, entry);
    }
    this.#current = entry;
    return entry;
  }

  /** Hands out what has been gathered as a segment, if there is anything. */
  finish(): void {
    if (this.#units.length === 0 && this.#kept.length === 0) return;
    this.#flush(this.#pack(), this.#counters.objects);
    this.#rows.clear();
    this.#tables = new Map();
    this.#current = undefined;
    this.#groups = [];
    this.#units = [];
    this.#kept = [];
    this.#unreadable = [];
    this.#named = [];
    this.#counters = { objects: 0, others: 0 };
  }

  #pack(): Uint8Array {
    const blobs: Uint8Array[] = [];
    let at = 0;
    const place = (bytes: Uint8Array) => {
      const extent = { at, length: bytes.length, crc: cephCrc32c(0, bytes) };
      blobs.push(bytes);
      at += bytes.length;
      return extent;
    };
    const head: SegmentHead = {
      ...this.#counters,
      unreadable: this.#unreadable,
      groups: this.#packGroups(place),
      units: place(pack(this.#units)),
      kept: place(pack(this.#kept)),
      named: place(pack(this.#named)),
    };
    const packed = pack(head);
    const lead = Buffer.alloc(LEAD);
    lead.writeUInt32LE(packed.length);
    lead.writeUInt32LE(cephCrc32c(0, packed), 4);
    // Memory of its own: pieces of Node's buffer pool cannot be transferred to another thread.
    const out = new Uint8Array(LEAD + packed.length + at);
    let to = 0;
    for (const part of [lead, packed, ...blobs]) {
      out.set(part, to);
      to += part.length;
    }
    return out;
  }

  #packGroups(
    place: (bytes: Uint8Array) => { at: number; length: number; crc: number },
  ): GroupEntry[] {
    const rows = this.#rows;
    const { starts, objectNo, snap, hash, unit } = rows.sorted(this.#groups.length);
    const columns = [objectNo, snap, hash, unit];
    return this.#groups.map(({ prefix, tail }, g) => {
      const from = starts[g]!;
      const to = starts[g + 1]!;
      const packed = columns.map((column) => packColumn(column, from, to));
      const { at, length, crc } = place(Buffer.concat(packed.map((column) => column.bytes)));
      const heads = packed.flatMap(({ head }) => [head.base, head.width]);
      return [prefix, tail, to - from, at, length, crc, ...heads] as unknown as GroupEntry;
    });
  }
}
