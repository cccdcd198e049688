/**
 * What an object's bytes are made of after a replay: ranges of files as the file system has them,
 * ranges of the journal, zeros. Nothing is copied.
 */

/** Zeros have no source. */
export interface Piece<Source> {
  start: number;
  end: number;
  source: Source | undefined;
  /** position in the source of the byte at `start` */
  at: number;
}

/** Pieces in order and without gaps: together all bytes of an object. */
export type Pieces<Source> = Piece<Source>[];

export const sizeOf = (pieces: Pieces<unknown>): number => pieces.at(-1)?.end ?? 0;

/** Index of the first piece that ends behind `position`. */
export function pieceAt(pieces: Pieces<unknown>, position: number): number {
  let low = 0;
  let high = pieces.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (pieces[middle]!.end <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** The part of a piece in [start, end). */
function clip<S>(piece: Piece<S>, start: number, end: number): Piece<S> {
  const from = Math.max(piece.start, start);
  return {
    ...piece,
    start: from,
    end: Math.min(piece.end, end),
    at: piece.at + from - piece.start,
  };
}

/** Puts a piece over what is there; a gap before it becomes zeros. */
export function overwrite<S>(pieces: Pieces<S>, piece: Piece<S>): void {
  if (piece.end <= piece.start) return;
  const size = sizeOf(pieces);
  if (piece.start > size) pieces.push({ start: size, end: piece.start, source: undefined, at: 0 });
  const first = pieceAt(pieces, piece.start);
  let last = first;
  while (last < pieces.length && pieces[last]!.start < piece.end) last++;
  const covered = pieces.slice(first, last);
  const left = covered[0];
  const right = covered.at(-1);
  const put = [piece];
  if (left !== undefined && left.start < piece.start) put.unshift(clip(left, 0, piece.start));
  if (right !== undefined && right.end > piece.end) put.push(clip(right, piece.end, right.end));
  pieces.splice(first, last - first, ...put);
}

/** Cuts the object to `size` bytes, or lets it grow by zeros. */
export function resize<S>(pieces: Pieces<S>, size: number): void {
  const old = sizeOf(pieces);
  if (size > old) pieces.push({ start: old, end: size, source: undefined, at: 0 });
  while (pieces.length > 0 && pieces.at(-1)!.start >= size) pieces.pop();
  const last = pieces.at(-1);
  if (last !== undefined && last.end > size) pieces[pieces.length - 1] = clip(last, 0, size);
}

/** Copies of the pieces in [start, end), moved by `shift`. */
export function rangeOf<S>(
  pieces: Pieces<S>,
  start: number,
  end: number,
  shift: number,
): Pieces<S> {
  const found: Pieces<S> = [];
  for (let i = pieceAt(pieces, start); i < pieces.length && pieces[i]!.start < end; i++) {
    const piece = clip(pieces[i]!, start, end);
    found.push({ ...piece, start: piece.start + shift, end: piece.end + shift });
  }
  return found;
}
