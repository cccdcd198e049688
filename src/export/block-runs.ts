import type { ImageRange } from './plan.ts';
import { HOLE_BYTES } from './zero-runs.ts';

/** Image bytes that a diff tells of. */
export interface DiffRun extends ImageRange {
  /** undefined: they are zeros */
  data: Uint8Array | undefined;
}

/** Image bytes to look at. */
export interface DiffSegment extends ImageRange {
  /** tell of all of it, changed or not: what was there before is not known for certain */
  all: boolean;
}

/** Two ends of a diff in memory; the first byte of both is image byte `base`. */
export interface DiffBytes {
  /** undefined: nothing but zeros */
  from: Buffer | undefined;
  to: Buffer;
  base: number;
}

/** What a receiver has to hold in memory at once. */
const MAX_DATA_RUN = 4 << 20;
const ZEROS = Buffer.alloc(HOLE_BYTES);

type BlockState = 'same' | 'zero' | 'data';

function stateOf({ from, to }: DiffBytes, at: number, end: number, all: boolean): BlockState {
  const isZero = to[at] === 0 && to.compare(ZEROS, 0, end - at, at, end) === 0;
  if (all) return isZero ? 'zero' : 'data';
  const isSame = from === undefined ? isZero : from.compare(to, at, end, at, end) === 0;
  if (isSame) return 'same';
  return isZero ? 'zero' : 'data';
}

/**
 * What changed within some segments, in blocks of 4096 bytes of the image. Runs never reach beyond
 * the segments, whose ends may lie inside a block.
 * @param segments sorted and disjoint
 */
export function blockRuns(bytes: DiffBytes, segments: readonly DiffSegment[]): DiffRun[] {
  const { to, base } = bytes;
  const runs: DiffRun[] = [];
  let state: BlockState = 'same';
  let start = 0;
  let end = 0;
  const close = () => {
    const run = { offset: base + start, length: end - start };
    if (state !== 'same')
      runs.push({ ...run, data: state === 'zero' ? undefined : to.subarray(start, end) });
    state = 'same';
  };
  for (const { offset, length, all } of segments) {
    const stop = offset - base + length;
    for (let at = offset - base; at < stop; ) {
      const next = Math.min(stop, at + HOLE_BYTES - ((base + at) % HOLE_BYTES));
      const found = stateOf(bytes, at, next, all);
      const isFull = state === 'data' && end - start >= MAX_DATA_RUN;
      if (found !== state || at !== end || isFull) {
        close();
        state = found;
        start = at;
      }
      end = next;
      at = next;
    }
  }
  close();
  return runs;
}
