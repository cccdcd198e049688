/** Rows in fixed-size chunks: growing never copies, and a cleared set is filled again in place. */

const CHUNK_ROWS = 1 << 13;
/** group, objectNo, snap, hash, unit: side by side, so that a row touches one or two cache lines */
const FIELDS = 5;

/**
 * Columns of rows in group order, longer than there are rows, and where each group begins (one more
 * entry than groups).
 */
export interface SortedRows {
  starts: Uint32Array;
  objectNo: Uint32Array;
  /** snap + 2, so that ROW_HEAD is 0 */
  snap: Uint32Array;
  hash: Uint32Array;
  unit: Uint32Array;
}

/** Copies of data objects: 20 bytes each, no object per row. */
export class RowChunks {
  length = 0;
  readonly #chunks: Uint32Array[] = [];
  /** kept, for making large arrays costs more than filling them */
  #sorted = columnsOf(0);
  #chunk: Uint32Array = new Uint32Array(0);
  /** where in the chunk the next row goes */
  #at = 0;

  push(group: number, objectNo: number, snap: number, hash: number, unit: number): void {
    if (this.#at === this.#chunk.length) this.#nextChunk();
    const chunk = this.#chunk;
    const at = this.#at;
    chunk[at] = group;
    chunk[at + 1] = objectNo;
    chunk[at + 2] = snap + 2;
    chunk[at + 3] = hash;
    chunk[at + 4] = unit;
    this.#at = at + FIELDS;
    this.length++;
  }

  #nextChunk(): void {
    const i = this.length / CHUNK_ROWS;
    this.#chunk = this.#chunks[i] ?? new Uint32Array(CHUNK_ROWS * FIELDS);
    this.#chunks[i] = this.#chunk;
    this.#at = 0;
  }

  clear(): void {
    this.length = 0;
    this.#chunk = new Uint32Array(0);
    this.#at = 0;
  }

  /** All rows, until the next call; those of one group keep their order. */
  sorted(groups: number): SortedRows {
    const starts = this.#starts(groups);
    const next = starts.slice();
    if (this.#sorted.hash.length < this.length) this.#sorted = columnsOf(this.length);
    for (let done = 0, i = 0; done < this.length; done += CHUNK_ROWS, i++) {
      scatter(this.#chunks[i]!, this.#filled(done), next, this.#sorted);
    }
    return { starts, ...this.#sorted };
  }

  #starts(groups: number): Uint32Array {
    const starts = new Uint32Array(groups + 1);
    for (let done = 0, i = 0; done < this.length; done += CHUNK_ROWS, i++) {
      const chunk = this.#chunks[i]!;
      const end = this.#filled(done);
      for (let at = 0; at < end; at += FIELDS) starts[chunk[at]! + 1]!++;
    }
    for (let g = 0; g < groups; g++) starts[g + 1]! += starts[g]!;
    return starts;
  }

  /** Where the rows end in the chunk that begins with row `first`. */
  #filled(first: number): number {
    return Math.min(CHUNK_ROWS, this.length - first) * FIELDS;
  }
}

type Columns = Omit<SortedRows, 'starts'>;

const columnsOf = (rows: number): Columns => ({
  objectNo: new Uint32Array(rows),
  snap: new Uint32Array(rows),
  hash: new Uint32Array(rows),
  unit: new Uint32Array(rows),
});

/** Puts the rows in [0, end) of a chunk where `next` says, by group. */
function scatter(chunk: Uint32Array, end: number, next: Uint32Array, columns: Columns): void {
  const { objectNo, snap, hash, unit } = columns;
  for (let at = 0; at < end; at += FIELDS) {
    const to = next[chunk[at]!]!++;
    objectNo[to] = chunk[at + 1]!;
    snap[to] = chunk[at + 2]!;
    hash[to] = chunk[at + 3]!;
    unit[to] = chunk[at + 4]!;
  }
}
