import { corruptError } from '../errors/salvage-error.ts';

/**
 * Columns of whole numbers, stored as their minimum and unsigned differences of the smallest width
 * that holds them: 0 bytes (all equal), 1, 2 or 4 (packed by wasm/assembly/rows.ts). A column of 8
 * (doubles) can be read too.
 */
export interface ColumnHead {
  base: number;
  width: number;
}

function typed(width: number, buffer: ArrayBuffer, at: number, n: number) {
  if (width === 1) return new Uint8Array(buffer, at, n);
  if (width === 2) return new Uint16Array(buffer, at, n);
  if (width === 4) return new Uint32Array(buffer, at, n);
  return new Float64Array(buffer, at, n);
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
