/** Rows in fixed-size chunks: growing never copies, and a cleared set is filled again in place. */

const CHUNK_ROWS = 1 << 16;

/** Uint32 values appended in chunks. */
class ChunkedColumn {
  readonly #chunks: Uint32Array[] = [];

  set(row: number, value: number): void {
    let chunk = this.#chunks[row >>> 16];
    if (chunk === undefined) {
      chunk = new Uint32Array(CHUNK_ROWS);
      this.#chunks[row >>> 16] = chunk;
    }
    chunk[row & 0xffff] = value;
  }
  get(row: number): number {
    return this.#chunks[row >>> 16]![row & 0xffff]!;
  }
  /** One typed array of the first `n` values. */
  flat(n: number): Uint32Array {
    const out = new Uint32Array(n);
    for (let at = 0, i = 0; at < n; at += CHUNK_ROWS, i++) {
      out.set(this.#chunks[i]!.subarray(0, Math.min(CHUNK_ROWS, n - at)), at);
    }
    return out;
  }
}

/** Copies of data objects: 20 bytes each, no object per row. */
export class RowChunks {
  length = 0;
  readonly group = new ChunkedColumn();
  readonly objectNo = new ChunkedColumn();
  /** snap + 2, so that ROW_HEAD is 0 */
  readonly snap = new ChunkedColumn();
  readonly hash = new ChunkedColumn();
  readonly unit = new ChunkedColumn();

  push(group: number, objectNo: number, snap: number, hash: number, unit: number): void {
    const row = this.length++;
    this.group.set(row, group);
    this.objectNo.set(row, objectNo);
    this.snap.set(row, snap + 2);
    this.hash.set(row, hash);
    this.unit.set(row, unit);
  }

  clear(): void {
    this.length = 0;
  }

  /** Row numbers in group order, and where each group begins (one more entry than groups). */
  byGroup(groups: number): { order: Uint32Array; starts: Uint32Array } {
    const starts = new Uint32Array(groups + 1);
    for (let row = 0; row < this.length; row++) starts[this.group.get(row) + 1]!++;
    for (let g = 0; g < groups; g++) starts[g + 1]! += starts[g]!;
    const next = starts.slice();
    const order = new Uint32Array(this.length);
    for (let row = 0; row < this.length; row++) order[next[this.group.get(row)]!++] = row;
    return { order, starts };
  }
}
