import type { ImageRange } from './plan.ts';

/**
 * What is known of a part of the output. The characters are those of ddrescue's map files:
 * `+` done, `?` not tried yet, `-` lost, `/` doubtful.
 */
export type PartStatus = '+' | '?' | '-' | '/';

export interface MapRun extends ImageRange {
  status: PartStatus;
}

/** The state of an image's output, byte by byte, as runs of one status that leave no gap. */
export class ImageMap {
  readonly size: number;
  /** where each run starts, ascending; a run ends where the next starts */
  readonly #starts: number[] = [];
  readonly #statuses: PartStatus[] = [];

  constructor(size: number, status: PartStatus = '?') {
    this.size = size;
    if (size > 0) {
      this.#starts.push(0);
      this.#statuses.push(status);
    }
  }

  /** Index of the run that holds a byte below `size`. */
  #at(offset: number): number {
    let low = 0;
    let high = this.#starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (this.#starts[middle]! <= offset) low = middle;
      else high = middle;
    }
    return low;
  }

  #endOf(index: number): number {
    return this.#starts[index + 1] ?? this.size;
  }

  /** Gives [offset, offset + length) a status; what lies beyond the image is ignored. */
  set(offset: number, length: number, status: PartStatus): void {
    const from = Math.max(0, offset);
    const to = Math.min(offset + length, this.size);
    if (from >= to) return;
    let first = this.#at(from);
    let last = this.#at(to - 1);
    const runs: [start: number, status: PartStatus][] = [[from, status]];
    if (this.#starts[first]! < from) runs.unshift([this.#starts[first]!, this.#statuses[first]!]);
    if (this.#endOf(last) > to) runs.push([to, this.#statuses[last]!]);
    // A neighbour may turn out to have the same status.
    if (first > 0) runs.unshift([this.#starts[--first]!, this.#statuses[first]!]);
    if (last + 1 < this.#starts.length) runs.push([this.#starts[++last]!, this.#statuses[last]!]);
    const kept = runs.filter(([, own], i) => i === 0 || own !== runs[i - 1]![1]);
    this.#starts.splice(first, last - first + 1, ...kept.map(([start]) => start));
    this.#statuses.splice(first, last - first + 1, ...kept.map(([, own]) => own));
  }

  /** All runs, or those parts of them that lie in [from, to). */
  *runs(from = 0, to = this.size): Generator<MapRun> {
    if (from >= to) return;
    for (let i = this.#at(from); i < this.#starts.length && this.#starts[i]! < to; i++) {
      const offset = Math.max(from, this.#starts[i]!);
      const length = Math.min(to, this.#endOf(i)) - offset;
      yield { offset, length, status: this.#statuses[i]! };
    }
  }

  /** Ranges of [from, to) with a status. */
  ranges(status: PartStatus, from = 0, to = this.size): ImageRange[] {
    return [...this.runs(from, to)]
      .filter((run) => run.status === status)
      .map(({ offset, length }) => ({ offset, length }));
  }

  /** Bytes with a status. */
  bytes(status: PartStatus): number {
    let sum = 0;
    for (const run of this.runs()) if (run.status === status) sum += run.length;
    return sum;
  }
}
