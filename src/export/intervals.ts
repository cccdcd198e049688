import type { ImageRange } from './plan.ts';

/** Ranges of bytes as sets. Results are sorted and disjoint, touching ranges joined. */

export function union(...lists: readonly (readonly ImageRange[])[]): ImageRange[] {
  const joined: ImageRange[] = [];
  for (const { offset, length } of lists.flat().sort((a, b) => a.offset - b.offset)) {
    if (length === 0) continue;
    const last = joined[joined.length - 1];
    if (last === undefined || offset > last.offset + last.length) joined.push({ offset, length });
    else last.length = Math.max(last.length, offset + length - last.offset);
  }
  return joined;
}

/** What is in `from` and in none of `others`. */
export function subtract(from: readonly ImageRange[], others: readonly ImageRange[]): ImageRange[] {
  const left: ImageRange[] = [];
  const cuts = union(others);
  let first = 0;
  for (const { offset, length } of union(from)) {
    const end = offset + length;
    let at = offset;
    while (first < cuts.length && cuts[first]!.offset + cuts[first]!.length <= offset) first++;
    for (let i = first; i < cuts.length && cuts[i]!.offset < end; i++) {
      const cut = cuts[i]!;
      if (cut.offset > at) left.push({ offset: at, length: cut.offset - at });
      at = Math.max(at, cut.offset + cut.length);
    }
    if (at < end) left.push({ offset: at, length: end - at });
  }
  return left;
}

export const intersection = (a: readonly ImageRange[], b: readonly ImageRange[]): ImageRange[] =>
  subtract(a, subtract(a, b));
