import { cephCrc32c, readBuffer } from '../bytes/crc32c.ts';
import { crc32cZeros } from '../bytes/crc32c-zeros.ts';
import { sourceIoError } from '../errors/salvage-error.ts';
import type { OpenObject } from '../store/object-store.ts';

/** Takes bytes [0, length) of `buffer`, which are those of the object from `offset` on. */
type UseBytes = (buffer: Buffer, length: number, offset: number) => void;

/**
 * Reads [from, to) of an object in large pieces, holes left out.
 * @returns the crc32c of the range (holes as zeros) continued from `crc`; `crc` itself if undefined
 */
export function readRange(
  object: OpenObject,
  from: number,
  to: number,
  crc: number | undefined,
  use: UseBytes,
): number | undefined {
  const buffer = readBuffer();
  let sum = crc;
  let at = from;
  while (at < to) {
    const data = object.nextData(at, to);
    if (data === undefined) break;
    const [start, end] = data;
    // A store that does not get ahead must not be asked for ever.
    if (end <= at)
      throw sourceIoError(`${object.path}: no data range at ${at}`, {
        path: object.path,
        offset: at,
      });
    if (sum !== undefined) sum = crc32cZeros(sum, start - at);
    for (at = start; at < end; ) {
      const n = object.read(buffer.subarray(0, Math.min(buffer.length, end - at)), at);
      // Shorter than it said: taking that for the end would lose the rest without a word.
      if (n === 0)
        throw sourceIoError(`${object.path}: ends at ${at}, not ${end}`, {
          path: object.path,
          offset: at,
        });
      if (sum !== undefined) sum = cephCrc32c(sum, buffer.subarray(0, n));
      use(buffer, n, at);
      at += n;
    }
  }
  return sum === undefined ? undefined : crc32cZeros(sum, to - at);
}

export const crcOf = (object: OpenObject): number =>
  readRange(object, 0, object.size, 0xffffffff, () => {})!;

/** Takes bytes [from, to) of `buffer`, which belong at `position` of the image. */
type UsePiece = (buffer: Buffer, from: number, to: number, position: number) => void;

/**
 * Reads the pieces of an object that lie below `size`. Pieces that follow each other in the object
 * are read as one, wherever in the image they go: stripe units cost no reads of their own.
 * @param pieces triples, ascending in the object
 * @returns as `readRange`
 */
export function readPieces(
  object: OpenObject,
  pieces: readonly number[],
  size: number,
  crc: number | undefined,
  use: UsePiece,
): number | undefined {
  let sum = crc;
  for (let i = 0; i < pieces.length && pieces[i]! < size; ) {
    const start = pieces[i]!;
    let first = i;
    let end = start;
    for (; pieces[i] === end; i += 3) end += pieces[i + 1]!;
    sum = readRange(object, start, Math.min(end, size), sum, (buffer, n, at) => {
      while (pieces[first]! + pieces[first + 1]! <= at) first += 3;
      for (let k = first; k < i && pieces[k]! < at + n; k += 3) {
        const from = Math.max(pieces[k]!, at);
        const to = Math.min(pieces[k]! + pieces[k + 1]!, at + n);
        use(buffer, from - at, to - at, pieces[k + 2]! + from - pieces[k]!);
      }
    });
  }
  return sum;
}
