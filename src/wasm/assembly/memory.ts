/**
 * Memory of the scan kernel: fixed areas first, then an arena that a segment fills and the next one
 * begins anew. The host (../scan-kernel.ts) asks for the addresses.
 */

/** What a directory's listing is read into: 256 KiB, and room for words that reach over the end. */
export const LISTING: usize = 0x1000;
export const LISTING_BYTES: usize = 0x40000;
/** Where the records begin that the host has to look at: the shortest record has 24 bytes, a name 1. */
export const OTHERS: usize = LISTING + LISTING_BYTES + 0x40;
export const MAX_OTHERS: usize = LISTING_BYTES / 2;
/** A prefix or tail that the host hands in. */
export const SCRATCH: usize = OTHERS + MAX_OTHERS * 4 + 0x40;
export const SCRATCH_BYTES: usize = 0x4000;
/** Tails that are looked for, each at the end of its 64 bytes; behind them, u32 length and u32 number of each. */
export const TAILS: usize = SCRATCH + SCRATCH_BYTES;
export const MAX_TAILS: usize = 16;
export const TAIL_BYTES: usize = 64;
export const TAIL_HEADS: usize = TAILS + MAX_TAILS * TAIL_BYTES;
/** Addresses of the chunks of rows. */
export const CHUNKS: usize = TAIL_HEADS + MAX_TAILS * 8;
export const MAX_CHUNKS: usize = 0x4000;

const ARENA: usize = CHUNKS + MAX_CHUNKS * 4;
const PAGE_BITS = 16;

let top: usize = ARENA;

/** Everything that was allocated is gone. */
export function clearArena(): void {
  top = ARENA;
}

/** Memory of any content, at a multiple of 16; 0 where there is no more. */
export function allocate(bytes: usize): usize {
  const at = top;
  const end = <u64>at + <u64>((bytes + 15) & ~15);
  const pages = <u64>memory.size();
  const wanted = (end + 0xffff) >> PAGE_BITS;
  if (wanted > 0xffff) return 0;
  if (wanted > pages && memory.grow(<i32>(wanted - pages)) < 0) return 0;
  top = <usize>end;
  return at;
}
