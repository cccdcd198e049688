/** The ends of file names, `_<namespace>_<pool>[_<generation>_<shard>]`: a few, for whole directories. */
import { MAX_TAILS, SCRATCH, TAIL_BYTES, TAIL_HEADS, TAILS } from './memory';

let count: usize = 0;
/** The one that was met last. */
let last: usize = 0;

export function clearTails(): void {
  count = 0;
  last = 0;
}

/** Looks for the tail in SCRATCH from now on. @returns false where there is no room for it */
export function addTail(length: u32, number: u32): bool {
  if (count === MAX_TAILS || length === 0 || <usize>length > TAIL_BYTES) return false;
  memory.copy(TAILS + (count + 1) * TAIL_BYTES - <usize>length, SCRATCH, <usize>length);
  store<u32>(TAIL_HEADS + count * 8, length);
  store<u32>(TAIL_HEADS + count * 8, number, 4);
  last = count++;
  return true;
}

export function lengthOfTail(tail: i32): usize {
  return <usize>load<u32>(TAIL_HEADS + <usize>tail * 8);
}

export function numberOfTail(tail: i32): u32 {
  return load<u32>(TAIL_HEADS + <usize>tail * 8, 4);
}

/** The tail of a name with at least 24 bytes before it; -1 where it is none of those. */
// @inline
export function matchTail(start: usize, end: usize): i32 {
  if (last < count && isTail(last, start, end)) return <i32>last;
  for (let tail: usize = 0; tail < count; tail++) {
    if (!isTail(tail, start, end)) continue;
    last = tail;
    return <i32>tail;
  }
  return -1;
}

// @inline
function isTail(tail: usize, start: usize, end: usize): bool {
  const length = lengthOfTail(<i32>tail);
  if (end < start + length + 24) return false;
  const own = TAILS + (tail + 1) * TAIL_BYTES;
  for (let back: usize = 8; back <= length; back += 8) {
    if (load<u64>(end - back) !== load<u64>(own - back)) return false;
  }
  // What is left at its front, as the low bytes of a word.
  const left = <u64>((length & 7) << 3);
  if (left === 0) return true;
  return (load<u64>(end - length) ^ load<u64>(own - length)) << (64 - left) === 0;
}
