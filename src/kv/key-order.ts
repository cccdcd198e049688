/** The order of every database Ceph makes: unsigned bytes (`leveldb.BytewiseComparator`). */

/** Negative, zero or positive; stretches of two buffers, so that hot loops need no views. */
export function compareStretches(
  a: Uint8Array,
  aStart: number,
  aLength: number,
  b: Uint8Array,
  bStart: number,
  bLength: number,
): number {
  const shorter = Math.min(aLength, bLength);
  for (let i = 0; i < shorter; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  return compareStretches(a, 0, a.length, b, 0, b.length);
}

/** The smallest index in `[0, count)` for which `test` holds, `count` when none; `test` must be monotonous. */
export function lowerBound(count: number, test: (index: number) => boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (test(middle)) high = middle;
    else low = middle + 1;
  }
  return low;
}
