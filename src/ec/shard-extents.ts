import { corruptError } from '../errors/salvage-error.ts';

/** Where an object's bytes are in its shards. See docs/formats/erasure-code.md, "Striping". */

/**
 * Bytes of one chunk.
 * @param stripeWidth of the pool, bytes
 * @param unit `ErasureCode.unit`: what every chunk must be a multiple of
 * @throws CORRUPT when the pool's width cannot belong to the profile
 */
export function chunkSize(stripeWidth: number, k: number, unit = 1): number {
  const size = stripeWidth / k;
  if (Number.isSafeInteger(size) && size > 0 && size % unit === 0) return size;
  throw corruptError(
    `stripe width ${stripeWidth} cannot be ${k} chunks of a multiple of ${unit} bytes`,
    { structure: 'erasure code profile' },
  );
}

/**
 * Visits the pieces of a logical range in ascending order, one for each chunk touched.
 * @param visit gets the data chunk index (`ErasureCode.dataShards` has its shard), the offset in the
 *   shard, the length, and the logical offset of the piece
 * @throws CORRUPT when `stripeWidth` is not k chunks
 */
export function forEachShardExtent(
  stripeWidth: number,
  k: number,
  offset: number,
  length: number,
  visit: (chunk: number, shardOffset: number, length: number, logicalOffset: number) => void,
): void {
  const size = chunkSize(stripeWidth, k);
  const end = offset + length;
  for (let at = offset; at < end; ) {
    const stripe = Math.floor(at / stripeWidth);
    const inStripe = at - stripe * stripeWidth;
    const chunk = Math.floor(inStripe / size);
    const inChunk = inStripe - chunk * size;
    const piece = Math.min(size - inChunk, end - at);
    visit(chunk, stripe * size + inChunk, piece, at);
    at += piece;
  }
}

/** The whole chunks of every shard that a logical range touches: what to read to rebuild it. */
export function shardRange(
  stripeWidth: number,
  k: number,
  offset: number,
  length: number,
): { offset: number; length: number } {
  const size = chunkSize(stripeWidth, k);
  if (length <= 0) return { offset: Math.floor(offset / stripeWidth) * size, length: 0 };
  const first = Math.floor(offset / stripeWidth);
  const last = Math.floor((offset + length - 1) / stripeWidth);
  return { offset: first * size, length: (last - first + 1) * size };
}

/** Bytes of each shard of an object of `size` logical bytes: the last stripe is filled with zeros. */
export function shardLength(stripeWidth: number, k: number, size: number): number {
  return Math.ceil(size / stripeWidth) * chunkSize(stripeWidth, k);
}
