import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { BLOCK_TRAILER, type BlockHandle } from './block.ts';
import { readStored, type Table } from './table.ts';
import type { TableFiles } from './table-files.ts';
import { readTableIndex, type TableIndex } from './table-index.ts';

/** Reads grow up to this while blocks are read in a row. Values pin the read they came from. */
const READ_AHEAD_MAX = 64 << 10;
const READ_AHEAD_MIN = 8 << 10;

/** Keys wanted: not below `from`, below `to`. */
export interface KeyRange {
  from?: Uint8Array | undefined;
  to?: Uint8Array | undefined;
}

export interface DataBlock {
  bytes: Uint8Array;
  offset: number;
  path: string;
  /** file number of the table */
  number: number;
}

/** Reads blocks that follow each other in fewer, larger pieces. */
class ReadAhead {
  readonly #files: TableFiles;
  readonly #name: string;
  #piece = new Uint8Array();
  #start = 0;
  #size = READ_AHEAD_MIN;

  constructor(files: TableFiles, name: string) {
    this.#files = files;
    this.#name = name;
  }

  #has(handle: BlockHandle): boolean {
    const end = handle.offset + handle.size + BLOCK_TRAILER;
    return handle.offset >= this.#start && end <= this.#start + this.#piece.length;
  }

  #fetch(handle: BlockHandle): void {
    const source = this.#files.source(this.#name);
    this.#size = Math.min(this.#size * 2, READ_AHEAD_MAX);
    const room = Math.max(0, Math.min(this.#size, source.size - handle.offset));
    const bytes = new Uint8Array(room);
    try {
      this.#piece = bytes.subarray(0, source.read(bytes, handle.offset));
      this.#start = handle.offset;
    } catch (error) {
      // Something in the piece cannot be read: not necessarily this block.
      if (!isSourceFault(error)) throw error;
      this.#piece = new Uint8Array();
    }
  }

  read(handle: BlockHandle): Uint8Array {
    if (!this.#has(handle)) this.#fetch(handle);
    if (!this.#has(handle)) return readStored(this.#files.source(this.#name), handle);
    const at = handle.offset - this.#start;
    return this.#piece.subarray(at, at + handle.size + BLOCK_TRAILER);
  }
}

function* indexHandles(index: TableIndex, range: KeyRange): Generator<BlockHandle> {
  for (let i = index.seek(range.from); i < index.count; i++) {
    yield { offset: index.offsets[i]!, size: index.sizes[i]! };
    const { to } = range;
    if (to !== undefined && index.searchable && index.compareKey(i, to) >= 0) return;
  }
}

/** The lower index that a block of a two-level index holds; `undefined` when damaged (reported). */
function partition(
  files: TableFiles,
  name: string,
  table: Table,
  handle: BlockHandle,
): TableIndex | undefined {
  const block = files.block(name, table, handle);
  if (block === undefined) return undefined;
  try {
    return readTableIndex(block, handle.offset, table.form);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    const { offset, size } = handle;
    files.report({ path: table.path, offset, dropped: size, reason: errorText(error) });
    return undefined;
  }
}

function* dataHandles(
  files: TableFiles,
  name: string,
  table: Table,
  range: KeyRange,
): Generator<BlockHandle> {
  if (table.form.twoLevel !== true) {
    yield* indexHandles(table.index, range);
    return;
  }
  for (const handle of indexHandles(table.index, range)) {
    const lower = partition(files, name, table, handle);
    if (lower !== undefined) yield* indexHandles(lower, range);
  }
}

/** The data blocks of a table that may hold keys of the range, unpacked; damaged ones left out. */
export function* tableBlocks(
  files: TableFiles,
  file: { name: string; number: number },
  table: Table,
  range: KeyRange,
): Generator<DataBlock> {
  const { name, number } = file;
  const ahead = new ReadAhead(files, name);
  // The first goes through the cache: neighbouring small ranges often share it.
  let first = true;
  for (const handle of dataHandles(files, name, table, range)) {
    const stored = first ? undefined : () => ahead.read(handle);
    first = false;
    const bytes = files.block(name, table, handle, stored);
    if (bytes !== undefined) yield { bytes, offset: handle.offset, path: table.path, number };
  }
}
