import { ByteReader } from '../bytes/byte-reader.ts';
import { BLOCK_TRAILER, type BlockHandle } from './block.ts';
import { BlockEntries } from './block-entries.ts';
import { compareStretches, lowerBound } from './key-order.ts';
import { KEY_TAIL } from './record.ts';
import { readBlockHandle } from './table-footer.ts';

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
  #keys: Uint8Array;
  readonly #keyEnds: number[] = [];

  constructor(room: number, searchable: boolean) {
    this.#keys = new Uint8Array(room);
    this.searchable = searchable;
  }

  get count(): number {
    return this.offsets.length;
  }
  #keyStart(i: number): number {
    return i === 0 ? 0 : this.#keyEnds[i - 1]!;
  }
  /** User key; a view. */
  key(i: number): Uint8Array {
    return this.#keys.subarray(this.#keyStart(i), this.#keyEnds[i]);
  }

  add(key: Uint8Array, length: number, handle: BlockHandle): void {
    const start = this.#keyEnds.at(-1) ?? 0;
    if (start + length > this.#keys.length) {
      const room = new Uint8Array(Math.max(start + length, this.#keys.length * 2));
      room.set(this.#keys);
      this.#keys = room;
    }
    this.#keys.set(key.subarray(0, length), start);
    this.#keyEnds.push(start + length);
    this.offsets.push(handle.offset);
    this.sizes.push(handle.size);
  }

  compareKey(i: number, to: Uint8Array): number {
    const start = this.#keyStart(i);
    return compareStretches(this.#keys, start, this.#keyEnds[i]! - start, to, 0, to.length);
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

/** Blocks stand one after the other, so the size is all that changes. */
function nextHandle(reader: ByteReader, previous: BlockHandle): BlockHandle {
  const size = previous.size + zigzag(reader.varint64());
  return { offset: previous.offset + previous.size + BLOCK_TRAILER, size };
}

/**
 * @param block an unpacked index block
 * @param offset of the block in its file, which no block of the table can lie behind
 * @throws CORRUPT
 */
export function readTableIndex(block: Uint8Array, offset: number, form: IndexForm): TableIndex {
  const index = new TableIndex(block.length, form.userKeys !== undefined);
  const entries = new BlockEntries();
  entries.load(block, offset);
  const reader = new ByteReader(block, 'index block', offset);
  const tail = form.userKeys === true ? 0 : KEY_TAIL;
  let room = block.length * MAX_GROWTH + MIN_ROOM;
  let handle: BlockHandle = { offset: 0, size: -BLOCK_TRAILER };
  while (entries.next(!form.delta)) {
    const length = Math.max(0, entries.keyLength - tail);
    room -= length;
    if (room < 0) throw entries.fail('index keys grow beyond reason');
    reader.seek(entries.valueStart);
    const after = handle.offset + handle.size + BLOCK_TRAILER;
    handle =
      form.delta && entries.shared > 0 ? nextHandle(reader, handle) : readBlockHandle(reader);
    if (form.firstKey) reader.slice();
    if (form.delta) entries.pos = reader.pos;
    if (handle.size < 0 || handle.offset < after) throw entries.fail('blocks out of order');
    index.add(entries.key, length, handle);
  }
  return index;
}
