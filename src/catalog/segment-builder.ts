import { cephCrc32c } from '../bytes/crc32c.ts';
import { isCanonicalField } from '../store/escaped-field.ts';
import {
  isUnreadable,
  type ListingSink,
  type ObjectId,
  type ObjectSink,
  type UnitStamp,
} from '../store/object-store.ts';
import { ScanKernel } from '../wasm/scan-kernel.ts';
import { pack } from './packing.ts';
import type { GroupEntry, NamedEntry, SegmentHead } from './segment.ts';
import { UnitPacker } from './unit-packer.ts';

/** Rows of one segment: 20 bytes each while it grows, and about half as much again while it is packed. */
export const SEGMENT_ROWS = 1 << 17;
const NAMED_LIMIT = 1 << 16;
/** Directories may be empty, all of them. */
const UNIT_BYTES_LIMIT = 8 << 20;
/** length and checksum of the head */
const LEAD = 8;
const MAX_OBJECT_NO = 0xffffffff;
const MAX_SNAP = 0xfffffff0;

interface Counters {
  objects: number;
  others: number;
}

/** Takes a segment's payload, the number of objects in it, and `FinishedSegment`'s directories. */
export type Flush = (segment: Uint8Array, objects: number, directories: Uint8Array) => void;

/**
 * Packs what a scan finds into segments of the catalog: rows of data objects grouped by image and
 * kept as columns, everything else as entries. A unit never spans two segments.
 */
export class SegmentBuilder implements ObjectSink {
  readonly #flush: Flush;
  readonly #kernel: ScanKernel;
  readonly listings: ListingSink;
  readonly #tails = new Map<string, number>();
  #groups: { prefix: Buffer; tail: Buffer }[] = [];
  readonly #units = new UnitPacker();
  /** of the current unit, once it is asked for */
  #directory: Uint8Array | undefined;
  /** units that were listed, in all segments */
  listed = 0;
  #kept: Buffer[] = [];
  #unreadable: number[] = [];
  #named: NamedEntry[] = [];
  /** of each named object */
  #directories: Uint8Array[] = [];
  #counters: Counters = { objects: 0, others: 0 };
  /** when the current unit began */
  #objectsBefore = 0;
  #othersBefore = 0;

  /** Memo of the last tail: it is the same for a whole collection. */
  #tail: { bytes: Buffer; number: number } | undefined;

  /**
   * @param flush takes each finished segment
   * @param kernel this builder's alone from now on
   */
  constructor(flush: Flush, kernel: ScanKernel = new ScanKernel()) {
    this.#flush = flush;
    this.#kernel = kernel;
    kernel.clear();
    this.listings = {
      listing: () => this.#kernel.listing(),
      take: (n, plain) => this.#take(n, plain),
    };
  }

  #take(n: number, plain: boolean): Uint32Array {
    const before = this.#kernel.rows;
    const left = this.#kernel.take(n, this.#units.count - 1, plain);
    this.#counters.objects += this.#kernel.rows - before;
    return left;
  }

  beginUnit(path: Uint8Array): void {
    this.listed++;
    this.#units.begin(path);
    this.#directory = undefined;
    this.#objectsBefore = this.#counters.objects;
    this.#othersBefore = this.#counters.others;
  }

  endUnit(stamp: UnitStamp, subdirectories: readonly string[]): void {
    const units = this.#units;
    const objects = this.#counters.objects - this.#objectsBefore;
    const others = this.#counters.others - this.#othersBefore;
    units.end(stamp, objects, others, subdirectories);
    if (isUnreadable(stamp)) this.#unreadable.push(units.count - 1);
    const isFull =
      this.#kernel.rows >= SEGMENT_ROWS ||
      this.#named.length >= NAMED_LIMIT ||
      units.bytes >= UNIT_BYTES_LIMIT;
    if (isFull) this.finish();
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
      this.#units.count - 1,
    ]);
    this.#directory ??= this.#units.path();
    this.#directories.push(this.#directory);
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
    const kernel = this.#kernel;
    const tail = this.#tailNumber(b, tailStart, tailEnd);
    const length = prefixEnd - prefixStart;
    if (!kernel.holds(length, tail)) return false;
    const at = kernel.place(b, prefixStart, prefixEnd);
    let group = kernel.findPrefix(at, length, tail);
    if (group < 0) {
      // An unescaped underscore would be the locator key's; an escape that no Ceph writes could not
      // be undone. Neither is the canonical form.
      if (!isCanonicalField(b.subarray(prefixStart, prefixEnd))) return false;
      const prefix = Buffer.from(b.subarray(prefixStart, prefixEnd));
      group = this.#groups.push({ prefix, tail: this.#tail!.bytes }) - 1;
      kernel.addPrefix(at, length, tail, group);
    }
    kernel.push(group, objectNo, snap + 2, hash, this.#units.count - 1);
    this.#counters.objects++;
    return true;
  }

  #tailNumber(b: Uint8Array, start: number, end: number): number {
    const last = this.#tail;
    let same = last !== undefined && last.bytes.length === end - start;
    for (let i = 0; same && i < end - start; i++) same = last!.bytes[i] === b[start + i];
    if (same) return last!.number;
    const bytes = Buffer.from(b.subarray(start, end));
    const key = bytes.toString('latin1');
    let number = this.#tails.get(key);
    if (number === undefined) {
      number = this.#tails.size;
      this.#tails.set(key, number);
      this.#kernel.addTail(bytes, number);
    }
    this.#tail = { bytes, number };
    return number;
  }

  /** Hands out what has been gathered as a segment, if there is anything. */
  finish(): void {
    if (this.#units.count === 0 && this.#kept.length === 0) return;
    this.#flush(this.#pack(), this.#counters.objects, pack(this.#directories));
    this.#kernel.clear();
    this.#tails.clear();
    this.#tail = undefined;
    this.#groups = [];
    this.#units.clear();
    this.#kept = [];
    this.#unreadable = [];
    this.#named = [];
    this.#directories = [];
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
      units: place(this.#units.packed()),
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
    const { bytes, groups } = this.#kernel.pack(this.#groups.length);
    return groups.map(({ rows, at: from, length, columns }, g) => {
      const { prefix, tail } = this.#groups[g]!;
      const { at, crc } = place(bytes.subarray(from, from + length));
      return [prefix, tail, rows, at, length, crc, ...columns] as unknown as GroupEntry;
    });
  }
}
