import { compareStretches } from './key-order.ts';
import type { RangeDeleteSweep } from './range-deletes.ts';
import { RECORD, type RecordCursor } from './record.ts';

export interface KvEntry {
  key: Uint8Array;
  /** a view that keeps up to 64 KiB (or its block, if larger) alive: copy what is kept for long */
  value: Uint8Array;
}

/** Keys ascending; of one key the newest version first. */
function comesBefore(a: RecordCursor, b: RecordCursor): boolean {
  const order = compareStretches(
    a.keyBytes,
    a.keyStart,
    a.keyLength,
    b.keyBytes,
    b.keyStart,
    b.keyLength,
  );
  if (order !== 0) return order < 0;
  return a.sequence === b.sequence ? a.origin > b.origin : a.sequence > b.sequence;
}

/** A binary heap of cursors, the one to read next on top. */
export class CursorHeap {
  readonly #heap: RecordCursor[];

  constructor(cursors: readonly RecordCursor[]) {
    this.#heap = cursors.filter((cursor) => cursor.valid);
    for (let i = (this.#heap.length >> 1) - 1; i >= 0; i--) this.#sink(i);
  }

  get top(): RecordCursor | undefined {
    return this.#heap[0];
  }

  /** Moves the top cursor on. */
  step(): void {
    const top = this.#heap[0]!;
    top.next();
    if (!top.valid) {
      const last = this.#heap.pop()!;
      if (this.#heap.length === 0) return;
      this.#heap[0] = last;
    }
    this.#sink(0);
  }

  #sink(from: number): void {
    const heap = this.#heap;
    const cursor = heap[from]!;
    let at = from;
    for (let child = 2 * at + 1; child < heap.length; child = 2 * at + 1) {
      if (child + 1 < heap.length && comesBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!comesBefore(heap[child]!, cursor)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = cursor;
  }
}

const isAtOrAbove = (cursor: RecordCursor, limit: Uint8Array): boolean =>
  compareStretches(cursor.keyBytes, cursor.keyStart, cursor.keyLength, limit, 0, limit.length) >= 0;

/**
 * The newest version of every key below `to`, deleted ones left out. So are keys whose newest
 * version is a merge operand: without the operator it has no value (docs/formats/kv.md, "Merges").
 * @param disorder called when keys of a source are not ascending; such records are skipped
 */
export function* visibleEntries(
  heap: CursorHeap,
  tombstones: RangeDeleteSweep,
  to: Uint8Array | undefined,
  disorder: (cursor: RecordCursor) => void,
): Generator<KvEntry> {
  let last: Uint8Array | undefined;
  for (let cursor = heap.top; cursor !== undefined; cursor = heap.top) {
    const { keyBytes, keyStart, keyLength, sequence } = cursor;
    const order =
      last === undefined
        ? 1
        : compareStretches(keyBytes, keyStart, keyLength, last, 0, last.length);
    if (order > 0) {
      if (to !== undefined && isAtOrAbove(cursor, to)) return;
      last = keyBytes.slice(keyStart, keyStart + keyLength);
      const hidden =
        cursor.type !== RECORD.put ||
        (!tombstones.empty && tombstones.hides(keyBytes, keyStart, keyLength, sequence));
      if (!hidden) yield { key: last, value: cursor.value() };
    } else if (order < 0) disorder(cursor);
    heap.step();
  }
}
