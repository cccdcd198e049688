import { compareKeys, compareStretches } from './key-order.ts';

/** Deletes the versions of keys in `[first, end)` that are older than `sequence`. */
export interface RangeDelete {
  first: Uint8Array;
  /** excluded */
  end: Uint8Array;
  sequence: number;
}

/** Answers for ascending keys which versions are hidden; tombstones may still be added ahead. */
export class RangeDeleteSweep {
  /** sorted by `first`, the next at the end */
  #ahead: RangeDelete[] = [];
  #active: RangeDelete[] = [];
  #sorted = true;
  empty = true;

  add(tombstones: readonly RangeDelete[]): void {
    if (tombstones.length === 0) return;
    for (const tombstone of tombstones) this.#ahead.push(tombstone);
    this.#sorted = false;
    this.empty = false;
  }

  #advance(key: Uint8Array, start: number, length: number): void {
    if (!this.#sorted) this.#ahead.sort((a, b) => compareKeys(b.first, a.first));
    this.#sorted = true;
    const reached = (k: Uint8Array) => compareStretches(k, 0, k.length, key, start, length) <= 0;
    if (this.#active.some((t) => reached(t.end))) {
      this.#active = this.#active.filter((t) => !reached(t.end));
    }
    while (this.#ahead.length > 0 && reached(this.#ahead.at(-1)!.first)) {
      const next = this.#ahead.pop()!;
      if (!reached(next.end)) this.#active.push(next);
    }
  }

  hides(key: Uint8Array, start: number, length: number, sequence: number): boolean {
    this.#advance(key, start, length);
    return this.#active.some((t) => t.sequence > sequence);
  }
}
