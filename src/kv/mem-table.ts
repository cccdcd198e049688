import { compareStretches, lowerBound } from './key-order.ts';
import type { RangeDelete } from './range-deletes.ts';
import { RECORD, type RecordCursor } from './record.ts';

/** Keys and values are packed into buffers of this size; a larger entry gets one of its own. */
const CHUNK = 1 << 20;
/** Superseded versions are thrown out whenever this much has been added since the last time. */
const COMPACT_AFTER = 64 << 20;
/** Index bytes per entry, which count towards `COMPACT_AFTER`. */
const ENTRY_OVERHEAD = 29;
const FIRST_CAPACITY = 1024;

/** Where the entries are: parallel arrays instead of an object each. */
interface Slots {
  chunk: Uint32Array;
  start: Uint32Array;
  keyLength: Uint32Array;
  valueLength: Uint32Array;
  sequence: Float64Array;
  type: Uint8Array;
}

const slots = (capacity: number): Slots => ({
  chunk: new Uint32Array(capacity),
  start: new Uint32Array(capacity),
  keyLength: new Uint32Array(capacity),
  valueLength: new Uint32Array(capacity),
  sequence: new Float64Array(capacity),
  type: new Uint8Array(capacity),
});

function grown(old: Slots, capacity: number): Slots {
  const next = slots(capacity);
  for (const name of Object.keys(old) as (keyof Slots)[]) next[name].set(old[name]);
  return next;
}

/** What the write-ahead logs say about one column family. Fill it, `seal` it, then read it. */
export class MemTable {
  readonly rangeDeletes: RangeDelete[] = [];
  #chunks: Uint8Array[] = [];
  #used = CHUNK;
  #slots = slots(FIRST_CAPACITY);
  #count = 0;
  #added = 0;
  readonly #compactAfter: number;
  #threshold: number;
  /** slot numbers by key once sealed, one per key */
  #order = new Uint32Array();

  /** @param compactAfter bytes, for tests */
  constructor(compactAfter = COMPACT_AFTER) {
    this.#compactAfter = compactAfter;
    this.#threshold = compactAfter;
  }

  get count(): number {
    return this.#order.length;
  }

  add(sequence: number, type: number, key: Uint8Array, value: Uint8Array): void {
    if (type === RECORD.rangeDelete) {
      this.rangeDeletes.push({ first: key.slice(), end: value.slice(), sequence });
      return;
    }
    this.#put(sequence, type, key, value);
    this.#added += key.length + value.length + ENTRY_OVERHEAD;
    if (this.#added > this.#threshold) this.#compact();
  }

  #reserve(bytes: number): Uint8Array {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#used + bytes <= last.length) return last;
    const chunk = new Uint8Array(Math.max(CHUNK, bytes));
    this.#chunks.push(chunk);
    this.#used = 0;
    return chunk;
  }

  #put(sequence: number, type: number, key: Uint8Array, value: Uint8Array): void {
    const chunk = this.#reserve(key.length + value.length);
    chunk.set(key, this.#used);
    chunk.set(value, this.#used + key.length);
    if (this.#count === this.#slots.type.length) {
      this.#slots = grown(this.#slots, this.#count * 2);
    }
    const i = this.#count++;
    this.#slots.chunk[i] = this.#chunks.length - 1;
    this.#slots.start[i] = this.#used;
    this.#slots.keyLength[i] = key.length;
    this.#slots.valueLength[i] = value.length;
    this.#slots.sequence[i] = sequence;
    this.#slots.type[i] = type;
    this.#used += key.length + value.length;
  }

  #compareKeys(a: number, b: number): number {
    const { chunk, start, keyLength } = this.#slots;
    return compareStretches(
      this.#chunks[chunk[a]!]!,
      start[a]!,
      keyLength[a]!,
      this.#chunks[chunk[b]!]!,
      start[b]!,
      keyLength[b]!,
    );
  }

  /** Slots in key order, the newest version of each key only. */
  #newest(): Uint32Array<ArrayBuffer> {
    const { sequence } = this.#slots;
    const order = new Uint32Array(this.#count);
    for (let i = 0; i < order.length; i++) order[i] = i;
    // Of equal sequences (a log read twice) the later one counts.
    order.sort((a, b) => this.#compareKeys(a, b) || sequence[b]! - sequence[a]! || b - a);
    let kept = 0;
    for (const slot of order) {
      if (kept > 0 && this.#compareKeys(order[kept - 1]!, slot) === 0) continue;
      order[kept++] = slot;
    }
    return order.slice(0, kept);
  }

  #compact(): void {
    const [order, chunks, old] = [this.#newest(), this.#chunks, this.#slots];
    this.#chunks = [];
    this.#used = CHUNK;
    this.#slots = slots(Math.max(FIRST_CAPACITY, order.length * 2));
    this.#count = 0;
    let live = 0;
    for (const i of order) {
      const chunk = chunks[old.chunk[i]!]!;
      const middle = old.start[i]! + old.keyLength[i]!;
      const end = middle + old.valueLength[i]!;
      const key = chunk.subarray(old.start[i]!, middle);
      this.#put(old.sequence[i]!, old.type[i]!, key, chunk.subarray(middle, end));
      live += end - old.start[i]! + ENTRY_OVERHEAD;
    }
    this.#added = 0;
    this.#threshold = Math.max(this.#compactAfter, live);
  }

  seal(): void {
    this.#order = this.#newest();
  }

  /** From the first key not below `from`. */
  cursor(from: Uint8Array | undefined): RecordCursor {
    const { chunk, start, keyLength } = this.#slots;
    const notBelow = (index: number): boolean => {
      const i = this.#order[index]!;
      const bytes = this.#chunks[chunk[i]!]!;
      return compareStretches(bytes, start[i]!, keyLength[i]!, from!, 0, from!.length) >= 0;
    };
    const first = from === undefined ? 0 : lowerBound(this.#order.length, notBelow);
    return new MemCursor(this.#chunks, this.#slots, this.#order, first);
  }
}

class MemCursor implements RecordCursor {
  valid = false;
  keyBytes = new Uint8Array();
  keyStart = 0;
  keyLength = 0;
  sequence = 0;
  type = 0;
  readonly origin = Number.POSITIVE_INFINITY;
  readonly #chunks: Uint8Array[];
  readonly #slots: Slots;
  readonly #order: Uint32Array;
  #next: number;
  #valueLength = 0;

  constructor(chunks: Uint8Array[], from: Slots, order: Uint32Array, first: number) {
    this.#chunks = chunks;
    this.#slots = from;
    this.#order = order;
    this.#next = first;
    this.next();
  }

  next(): void {
    const i = this.#order[this.#next++];
    this.valid = i !== undefined;
    if (i === undefined) return;
    this.keyBytes = this.#chunks[this.#slots.chunk[i]!]! as Uint8Array<ArrayBuffer>;
    this.keyStart = this.#slots.start[i]!;
    this.keyLength = this.#slots.keyLength[i]!;
    this.sequence = this.#slots.sequence[i]!;
    this.type = this.#slots.type[i]!;
    this.#valueLength = this.#slots.valueLength[i]!;
  }

  value(): Uint8Array {
    const start = this.keyStart + this.keyLength;
    return this.keyBytes.subarray(start, start + this.#valueLength);
  }
}
