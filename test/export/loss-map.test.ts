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

  it('tells objects apart as long as there are few, in whatever order they come', () => {
    const map = new LossMap(100);
    // Each object comes twice: never more than a hundred once neighbours are joined.
    for (let i = 0; i < 100; i++) map.add(10 * ((i * 37) % 100), 5, `o${(i * 37) % 100}`, 'x');
    for (let i = 0; i < 100; i++) map.add(10 * i + 5, 5, `o${i}`, 'x');
    for (let i = 0; i < 100; i++) map.add(10 * i, 10, `o${i}`, 'x');
    expect(map.ranges()).toEqual(
      Array.from({ length: 100 }, (_, i) => range(10 * i, 10, `o${i}`, 'x')),
    );
  });

  it('of a whole image that is doubtful keeps no object for each, and names every byte', () => {
    const map = new LossMap(100);
    const count = 100_000;
    // Out of order, as they are read; every tenth thousand is of another reason, some are missing.
    const reason = (i: number) => (Math.floor(i / 1000) % 10 === 9 ? 'y' : 'x');
    const missing = (i: number) => i % 20_011 === 20_010;
    for (let n = 0; n < count; n++) {
      const i = (n * 7919) % count;
      if (!missing(i)) map.add(i, 1, `o${i}`, reason(i));
    }
    const ranges = map.ranges();
    const named = new Map<number, string>();
    for (const { offset, length, reason } of ranges) {
      for (let at = offset; at < offset + length; at++) named.set(at, reason);
    }
    expect(named.size).toBe(count - 4);
    for (const [at, why] of named) if (why !== reason(at)) expect.fail(`${at}: ${why}`);
    expect(ranges.length).toBe(20 + 4);
  });
});
