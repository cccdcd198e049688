import { ByteReader } from '../bytes/byte-reader.ts';
import { BLOCK_TRAILER } from './block.ts';
import { BlockEntries } from './block-entries.ts';
import { compareStretches, lowerBound } from './key-order.ts';
import { KEY_TAIL } from './record.ts';

/** How the index blocks of a table are written (docs/formats/kv.md, "Index blocks"). */
export interface IndexForm {
  /** no value lengths; all but restart points hold the change of size only */
  delta: boolean;
  /** keys without sequence and type; `undefined` when unknown, then nothing can be searched */
  userKeys: boolean | undefined;
  /** the first key of the block follows its handle (index type 3) */
  firstKey: boolean;
  /** the handles are those of further index blocks (index type 2); `undefined` when unknown */
  twoLevel: boolean | undefined;
}

/** Prefix compression cannot reasonably blow an index up more than this. */
const MAX_GROWTH = 64;
const MIN_ROOM = 1 << 16;

/** Handles of consecutive blocks, each with a user key that none of the block's keys is above. */
export class TableIndex {
  readonly offsets: number[] = [];
  readonly sizes: number[] = [];
  readonly searchable: boolean;
  /** where keys are that stand there whole, as nearly all do */
  readonly #block: Uint8Array;
  /** keys that were put together: counted on from the block's end */
  #made = new Uint8Array();
  #madeEnd = 0;
  readonly #starts: number[] = [];
  readonly #lengths: number[] = [];

  /** @param block an unpacked index block; kept */
  constructor(block: Uint8Array, searchable: boolean) {
    this.#block = block;
    this.searchable = searchable;
  }

  get count(): number {
    return this.offsets.length;
  }

  /** @param length of its user key, which stands at `start` of the index block */
  add(offset: number, size: number, start = 0, length = 0): void {
    this.#starts.push(start);
    this.#lengths.push(length);
    this.offsets.push(offset);
    this.sizes.push(size);
  }

  /**
   * The same for a key that begins as the last one does, with `shared` bytes of it.
   * @param own the rest of it
   * @param tail bytes of it that are not the user key's
   */
  addCompressed(offset: number, size: number, shared: number, own: Uint8Array, tail: number): void {
    const [bytes, before] = this.#place(this.count - 1);
    const at = this.#madeEnd;
    const end = at + shared + own.length;
    if (end > this.#made.length) {
      const room = new Uint8Array(Math.max(end, this.#made.length * 2));
      room.set(this.#made);
      this.#made = room;
    }
    // Its own memory, too, or what that was before it grew.
    this.#made.set(bytes.subarray(before, before + shared), at);
    this.#made.set(own, at + shared);
    this.#madeEnd = end;
    this.add(offset, size, this.#block.length + at, Math.max(0, end - at - tail));
  }

  /** What holds a block's key, and where that begins in it. */
  #place(i: number): [bytes: Uint8Array, start: number] {
    const start = this.#starts[i]!;
    const shift = this.#block.length;
    return start < shift ? [this.#block, start] : [this.#made, start - shift];
  }

  /** User key; a view. */
  key(i: number): Uint8Array {
    const [bytes, start] = this.#place(i);
    return bytes.subarray(start, start + this.#lengths[i]!);
  }

  compareKey(i: number, to: Uint8Array): number {
    const [bytes, start] = this.#place(i);
    return compareStretches(bytes, start, this.#lengths[i]!, to, 0, to.length);
  }

  /** First block that may hold keys not below `from`. */
  seek(from: Uint8Array | undefined): number {
    if (from === undefined || !this.searchable) return 0;
    return lowerBound(this.count, (i) => this.compareKey(i, from) >= 0);
  }
}

function zigzag(value: bigint): number {
  const half = Number(value >> 1n);
  return (value & 1n) === 0n ? half : -half - 1;
}

/**
 * @param block an unpacked index block
 * @param offset of the block in its file, which no block of the table can lie behind
 * @throws CORRUPT
 */
export function readTableIndex(block: Uint8Array, offset: number, form: IndexForm): TableIndex {
  const index = new TableIndex(block, form.userKeys !== undefined);
  const entries = new BlockEntries();
  entries.load(block, offset);
  const reader = new ByteReader(block, 'index block', offset);
  const tail = form.userKeys === true ? 0 : KEY_TAIL;
  let room = block.length * MAX_GROWTH + MIN_ROOM;
  let end = 0;
  let size = 0;
  while (entries.step(!form.delta)) {
    const { shared, ownStart, keyLength, valueStart } = entries;
    // Keys that stand there whole take none.
    if (shared > 0) room -= keyLength;
    if (room < 0) throw entries.fail('index keys grow beyond reason');
    reader.seek(valueStart);
    // Blocks stand one after the other: the change of size may be all that is told.
    const isDelta = form.delta && shared > 0;
    const at = isDelta ? end : reader.varsize();
    size = isDelta ? size + zigzag(reader.varint64()) : reader.varsize();
    if (form.firstKey) reader.slice();
    if (form.delta) entries.pos = reader.pos;
    if (size < 0 || at < end) throw entries.fail('blocks out of order');
    end = at + size + BLOCK_TRAILER;
    if (shared === 0) index.add(at, size, ownStart, Math.max(0, keyLength - tail));
    else index.addCompressed(at, size, shared, block.subarray(ownStart, valueStart), tail);
  }
  return index;
}
