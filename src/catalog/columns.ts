import { corruptError } from '../errors/salvage-error.ts';

/**
 * Columns of whole numbers below 2^53, stored as their minimum and unsigned differences of the
 * smallest width that holds them: 0 bytes (all equal), 1, 2, 4 or 8 (a double).
 */
export interface ColumnHead {
  base: number;
  width: number;
}

type Numbers = { readonly length: number; readonly [i: number]: number };

function widthOf(range: number): number {
  if (range === 0) return 0;
  if (range < 0x100) return 1;
  if (range < 0x10000) return 2;
  return range < 0x100000000 ? 4 : 8;
}

function typed(width: number, buffer: ArrayBuffer, at: number, n: number) {
  if (width === 1) return new Uint8Array(buffer, at, n);
  if (width === 2) return new Uint16Array(buffer, at, n);
  if (width === 4) return new Uint32Array(buffer, at, n);
  return new Float64Array(buffer, at, n);
}

/** Packs `values[order[from .. to)]`. */
export function packColumn(
  values: Numbers,
  order: Numbers,
  from: number,
  to: number,
): { head: ColumnHead; bytes: Uint8Array } {
  let base = Number.MAX_SAFE_INTEGER;
  let top = Number.MIN_SAFE_INTEGER;
  for (let i = from; i < to; i++) {
    const value = values[order[i]!]!;
    if (value < base) base = value;
    if (value > top) top = value;
  }
  const width = widthOf(top - base);
  const bytes = new Uint8Array((to - from) * width);
  if (width > 0) {
    const column = typed(width, bytes.buffer, 0, to - from);
    for (let i = from; i < to; i++) column[i - from] = values[order[i]!]! - base;
  }
  return { head: { base, width }, bytes };
}

/**
 * Unpacks `n` values into `out` from `at` on.
 * @param bytes exactly the column's bytes
 * @throws CORRUPT when they are not `n` values of that width
 */
export function unpackColumn(
  head: ColumnHead,
  bytes: Uint8Array,
  n: number,
  out: { [i: number]: number },
  at: number,
): void {
  const { base, width } = head;
  if (![0, 1, 2, 4, 8].includes(width) || bytes.length !== n * width) {
    throw corruptError(
      `catalog: column of ${n} values with width ${width} in ${bytes.length} bytes`,
    );
  }
  if (width === 0) {
    for (let i = 0; i < n; i++) out[at + i] = base;
    return;
  }
  // Copied for alignment: a column may start anywhere in its record.
  const column = typed(width, new Uint8Array(bytes).buffer, 0, n);
  for (let i = 0; i < n; i++) out[at + i] = base + column[i]!;
}
