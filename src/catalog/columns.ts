import { corruptError } from '../errors/salvage-error.ts';

/**
 * Columns of whole numbers, stored as their minimum and unsigned differences of the smallest width
 * that holds them: 0 bytes (all equal), 1, 2 or 4. A column of 8 (doubles) can be read too.
 */
export interface ColumnHead {
  base: number;
  width: number;
}

function widthOf(range: number): number {
  if (range === 0) return 0;
  if (range < 0x100) return 1;
  return range < 0x10000 ? 2 : 4;
}

function typed(width: number, buffer: ArrayBuffer, at: number, n: number) {
  if (width === 1) return new Uint8Array(buffer, at, n);
  if (width === 2) return new Uint16Array(buffer, at, n);
  if (width === 4) return new Uint32Array(buffer, at, n);
  return new Float64Array(buffer, at, n);
}

/** Packs `values[from .. to)`, of which there must be some. */
export function packColumn(
  values: Uint32Array,
  from: number,
  to: number,
): { head: ColumnHead; bytes: Uint8Array } {
  let base = 0xffffffff;
  let top = 0;
  for (let i = from; i < to; i++) {
    const value = values[i]!;
    if (value < base) base = value;
    if (value > top) top = value;
  }
  const width = widthOf(top - base);
  const column = narrowed(values.subarray(from, to), base, width);
  return { head: { base, width }, bytes: new Uint8Array(column.buffer) };
}

/** One loop for each type: a loop that meets several of them is several times slower. */
function narrowed(values: Uint32Array, base: number, width: number) {
  if (width === 0) return new Uint8Array(0);
  if (width === 1) {
    const out = new Uint8Array(values.length);
    for (let i = 0; i < out.length; i++) out[i] = values[i]! - base;
    return out;
  }
  if (width === 2) {
    const out = new Uint16Array(values.length);
    for (let i = 0; i < out.length; i++) out[i] = values[i]! - base;
    return out;
  }
  const out = values.slice();
  if (base !== 0) for (let i = 0; i < out.length; i++) out[i]! -= base;
  return out;
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
