/** Granularity of holes in the output: file systems keep no smaller ones. */
export const HOLE_BYTES = 4096;

const ZEROS = Buffer.alloc(HOLE_BYTES);

function isZero(buffer: Buffer, from: number, to: number): boolean {
  // Most blocks differ in their first byte already; the compare is a memcmp.
  return buffer[from] === 0 && buffer.compare(ZEROS, 0, to - from, from, to) === 0;
}

/**
 * Calls `write` for each run of blocks of `buffer` [start, end) that hold other than zeros. Blocks
 * are cut at multiples of 4096 of the output, where byte `start` goes to `position`.
 */
export function forEachDataRun(
  buffer: Buffer,
  start: number,
  end: number,
  position: number,
  write: (from: number, to: number) => void,
): void {
  let runStart = -1;
  let from = start;
  let to = Math.min(end, start + HOLE_BYTES - (position % HOLE_BYTES));
  while (from < end) {
    if (isZero(buffer, from, to)) {
      if (runStart >= 0) write(runStart, from);
      runStart = -1;
    } else if (runStart < 0) {
      runStart = from;
    }
    from = to;
    to = Math.min(end, to + HOLE_BYTES);
  }
  if (runStart >= 0) write(runStart, end);
}
