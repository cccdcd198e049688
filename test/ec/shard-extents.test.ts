import { expect, it } from 'vitest';
import {
  chunkSize,
  forEachShardExtent,
  shardLength,
  shardRange,
} from '../../src/ec/shard-extents.ts';

const extents = (...args: [number, number, number, number]) => {
  const out: number[][] = [];
  forEachShardExtent(...args, (...piece) => out.push(piece));
  return out;
};

it('cuts a range at every chunk', () => {
  // k = 2, chunks of 4096: bytes 4000 to 13000
  expect(extents(8192, 2, 4000, 9000)).toEqual([
    [0, 4000, 96, 4000],
    [1, 0, 4096, 4096],
    [0, 4096, 4096, 8192],
    [1, 4096, 712, 12288],
  ]);
});

it('visits nothing for an empty range', () => {
  expect(extents(8192, 2, 5000, 0)).toEqual([]);
});

it('keeps large offsets exact', () => {
  const far = 2 ** 45 + 5;
  expect(extents(12288, 3, far, 2)).toEqual([
    [Math.floor((far % 12288) / 4096), Math.floor(far / 12288) * 4096 + (far % 4096), 2, far],
  ]);
});

it('knows the length of a shard file', () => {
  // An object of 100000 bytes in a 2+1 pool of Ceph 16.2 had shards of 53248 bytes.
  expect(shardLength(8192, 2, 100_000)).toBe(53248);
  expect(shardLength(8192, 2, 0)).toBe(0);
});

it('asks for whole chunks of every stripe that a range touches', () => {
  expect(shardRange(8192, 2, 8191, 1)).toEqual({ offset: 0, length: 4096 });
  expect(shardRange(8192, 2, 8191, 2)).toEqual({ offset: 0, length: 8192 });
  expect(shardRange(8192, 2, 16384, 8192)).toEqual({ offset: 8192, length: 4096 });
  expect(shardRange(8192, 2, 9000, 0)).toEqual({ offset: 4096, length: 0 });
});

it.each([
  [0, 2, 1],
  [8191, 2, 1],
  [-8192, 2, 1],
  [8192, 2, 16384],
  [8192, 0, 1],
  [Number.NaN, 2, 1],
])('calls a stripe of %i over %i chunks in units of %i damage', (width, k, unit) => {
  expect(() => chunkSize(width, k, unit)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
});
