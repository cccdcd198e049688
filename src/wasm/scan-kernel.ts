import { instantiate } from '../bytes/wasm-module.ts';
import { unsupportedError } from '../errors/salvage-error.ts';
import { SCAN_KERNEL } from './scan-kernel.bytes.ts';

/** What assembly/index.ts exports, besides its memory. Addresses and counts come as signed numbers. */
interface Functions {
  listing(): number;
  listingBytes(): number;
  others(): number;
  scratch(): number;
  scratchBytes(): number;
  clear(): number;
  setUnit(unit: number): void;
  addTail(length: number, number: number): number;
  takeRecords(bytes: number): number;
  takeNames(bytes: number): number;
  findPrefix(at: number, length: number, tail: number): number;
  addPrefix(at: number, length: number, tail: number, number: number): number;
  pushRow(group: number, objectNo: number, snap: number, hash: number, unit: number): number;
  rowCount(): number;
  packRows(groups: number): number;
  packedStart(): number;
  packedLength(): number;
}

/** One group's part of `PackedRows.bytes`. */
export interface PackedGroup {
  rows: number;
  /** its bytes: [at, at + length), one column after the other */
  at: number;
  length: number;
  /** base and width of each column: docs/formats/catalog.md */
  columns: number[];
}

/** What `pack` gives; a view, until the next call. */
export interface PackedRows {
  bytes: Uint8Array;
  groups: PackedGroup[];
}

const COLUMNS = 4;
/** of a group's head, see assembly/rows.ts */
const HEAD_WORDS = 16;
const COLUMN_WORDS = 2;
const NOTHING = new Uint32Array(0);
/** 2^16 tails, 2^16 bytes of a prefix */
const MAX_TAILS = 0x7fff;

/**
 * Rows of the data objects that a scan finds, kept and packed outside of JavaScript's heap, and the
 * parser of the names that make up nearly all of a FileStore. One for each thread: `clear` begins a
 * new set. Views of its memory are good until the next call.
 */
export class ScanKernel {
  readonly #exports: ReturnType<typeof instantiated>;
  readonly #listing: { at: number; bytes: number };
  readonly #others: number;
  readonly #scratch: { at: number; bytes: number };
  /** growing the memory puts a new one in its place */
  #memory: Buffer = Buffer.alloc(0);
  #listed: Buffer = this.#memory;

  /** @throws UNSUPPORTED where address space is limited */
  constructor() {
    this.#exports = instantiated();
    const { listing, listingBytes, others, scratch, scratchBytes } = this.#exports;
    this.#listing = { at: listing(), bytes: listingBytes() };
    this.#others = others();
    this.#scratch = { at: scratch(), bytes: scratchBytes() };
    this.clear();
  }

  /** All of its memory. */
  #bytes(): Buffer {
    const { buffer } = this.#exports.memory;
    if (this.#memory.buffer !== buffer) {
      this.#memory = Buffer.from(buffer);
      const { at, bytes } = this.#listing;
      this.#listed = this.#memory.subarray(at, at + bytes);
    }
    return this.#memory;
  }

  /** Forgets rows, prefixes and tails. */
  clear(): void {
    enough(this.#exports.clear());
  }

  get rows(): number {
    return this.#exports.rowCount() >>> 0;
  }

  /** Where a directory's listing is put. */
  listing(): Buffer {
    this.#bytes();
    return this.#listed;
  }

  /**
   * Takes the data objects whose prefix and tail are known out of the first `bytes` of the listing.
   * @param plain names with a NUL behind each, instead of what getdents64 gives
   * @returns where the records begin that are left
   */
  take(bytes: number, unit: number, plain: boolean): Uint32Array {
    const { setUnit, takeNames, takeRecords, memory } = this.#exports;
    setUnit(unit);
    const left = plain ? takeNames(bytes) : takeRecords(bytes);
    enough(left + 1);
    // As in most directories.
    if (left === 0) return NOTHING;
    return new Uint32Array(memory.buffer, this.#others, left);
  }

  /** Names that end in `tail` are looked at from now on; where there are too many tails, not. */
  addTail(tail: Uint8Array, number: number): void {
    if (number > MAX_TAILS || tail.length > this.#scratch.bytes) return;
    this.#bytes().set(tail, this.#scratch.at);
    this.#exports.addTail(tail.length, number);
  }

  /** Address of bytes [start, end) of `b` in its memory; they are copied there if they lie elsewhere. */
  place(b: Uint8Array, start: number, end: number): number {
    const memory = this.#bytes();
    if (b.buffer === memory.buffer) return b.byteOffset + start;
    const { at } = this.#scratch;
    // Shorter than what it costs to make a view of it.
    for (let i = start, to = at; i < end; i++, to++) memory[to] = b[i]!;
    return at;
  }

  /** Can it be placed, and numbered? */
  holds(prefixLength: number, tail: number): boolean {
    return prefixLength <= this.#scratch.bytes && tail <= MAX_TAILS;
  }

  /** Number of the prefix at an address; -1: it has none. */
  findPrefix(at: number, length: number, tail: number): number {
    return this.#exports.findPrefix(at, length, tail);
  }

  addPrefix(at: number, length: number, tail: number, number: number): void {
    enough(this.#exports.addPrefix(at, length, tail, number));
  }

  /** @param snap + 2 */
  push(group: number, objectNo: number, snap: number, hash: number, unit: number): void {
    enough(this.#exports.pushRow(group, objectNo, snap, hash, unit));
  }

  /** Packs all rows by group. */
  pack(groups: number): PackedRows {
    const { packRows, packedStart, packedLength, memory } = this.#exports;
    const heads = packRows(groups) >>> 0;
    enough(heads);
    const words = new Uint32Array(memory.buffer, heads, groups * HEAD_WORDS);
    const bytes = new Uint8Array(memory.buffer, packedStart() >>> 0, packedLength() >>> 0);
    return { bytes, groups: Array.from({ length: groups }, (_, g) => groupAt(words, g)) };
  }
}

function instantiated() {
  const made = instantiate<Functions>(Buffer.from(SCAN_KERNEL, 'base64'));
  if (made !== undefined) return made;
  // Ten gigabytes of addresses for each memory, however little of it is used.
  throw unsupportedError(
    'no address space for WebAssembly, which scans need: `ulimit -v unlimited`',
  );
}

function groupAt(words: Uint32Array, group: number): PackedGroup {
  const head = group * HEAD_WORDS;
  const rows = words[head]!;
  const first = head + 2;
  const columns = [...words.subarray(first, first + COLUMNS * COLUMN_WORDS)];
  const width = columns.reduce((sum, value, i) => (i % COLUMN_WORDS === 1 ? sum + value : sum), 0);
  return { rows, at: words[head + 1]!, length: rows * width, columns };
}

/** WebAssembly's memory ends at 4 GiB: some 100 million rows. */
function enough(answer: number): void {
  if (answer === 0) {
    throw unsupportedError('more objects in one directory than there is memory for');
  }
}
