import { describe, expect, it } from 'vitest';
import { LossMap } from '../../src/export/loss-map.ts';

function mapOf(...ranges: [number, number, string, string][]): LossMap {
  const map = new LossMap();
  for (const range of ranges) map.add(...range);
  return map;
}
const range = (offset: number, length: number, object: string, reason: string) => ({
  offset,
  length,
  object,
  reason,
});

describe('LossMap', () => {
  it('is empty until something is lost, ranges of nothing not counted', () => {
    const map = new LossMap();
    expect(map.isEmpty).toBe(true);
    map.add(4096, 0, 'a', 'gone');
    map.add(4096, -1, 'a', 'gone');
    expect(map.isEmpty).toBe(true);
    expect(map.ranges()).toEqual([]);
    map.add(0, 1, 'a', 'gone');
    expect(map.isEmpty).toBe(false);
  });

  it('gives ranges sorted by offset, as numbers', () => {
    const map = mapOf([1000, 1, 'b', 'x'], [9, 1, 'a', 'x'], [200, 1, 'c', 'x']);
    expect(map.ranges().map(({ offset }) => offset)).toEqual([9, 200, 1000]);
  });

  it('joins neighbours and overlaps of one object and reason', () => {
    const map = mapOf([10, 10, 'a', 'x'], [0, 10, 'a', 'x'], [15, 10, 'a', 'x'], [16, 2, 'a', 'x']);
    expect(map.ranges()).toEqual([range(0, 25, 'a', 'x')]);
  });

  it('keeps apart what differs in object or reason, or does not touch', () => {
    const map = mapOf([0, 10, 'a', 'x'], [10, 10, 'b', 'x'], [20, 10, 'b', 'y'], [31, 1, 'b', 'y']);
    expect(map.ranges()).toHaveLength(4);
  });

  it('gives the same again, and what came after', () => {
    const map = mapOf([0, 10, 'a', 'x'], [10, 10, 'a', 'x']);
    expect(map.ranges()).toEqual(map.ranges());
    map.add(20, 5, 'a', 'x');
    expect(map.ranges()).toEqual([range(0, 25, 'a', 'x')]);
  });

  it('joins the stripes of one object that lie apart in the image not at all', () => {
    const map = mapOf([0, 65536, 'a', 'x'], [131072, 65536, 'a', 'x'], [65536, 65536, 'b', 'x']);
    expect(map.ranges().map(({ object }) => object)).toEqual(['a', 'b', 'a']);
  });
});
