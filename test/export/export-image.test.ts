import { describe, expect, it } from 'vitest';
import { rangeBytes } from '../../src/export/export-image.ts';
import type { Layer } from '../../src/image/layer.ts';
import { makeGeometry } from '../../src/rbd/striping.ts';

const layerOf = (order: number, unit?: number, count?: number) =>
  ({ geometry: makeGeometry(order, unit, count) }) as Layer;
const MIB = 2 ** 20;

describe('rangeBytes', () => {
  it.each([
    ['4 MiB objects', 22, undefined, 1, 256, 256],
    ['32 MiB objects', 25, undefined, 1, 256, 256],
    ['32 MiB objects, a range of one', 25, undefined, 1, 32, 32],
    ['five objects in turn: a multiple of 20 MiB', 22, 65536, 5, 256, 240],
    ['three in turn', 22, 65536, 3, 32, 24],
    ['4 KiB objects: no more than 8192 of them', 12, undefined, 1, 256, 32],
  ])('cuts no object in two: %s', (_, order, unit, count, wanted, range) => {
    expect(rangeBytes(layerOf(order, unit, count), wanted * MIB)).toBe(range * MIB);
  });

  it('takes what is wanted where one round of objects is larger than that', () => {
    expect(rangeBytes(layerOf(25, 65536, 5), 32 * MIB)).toBe(32 * MIB);
    expect(rangeBytes(layerOf(25, 65536, 100), 256 * MIB)).toBe(256 * MIB);
  });

  it('is never nothing, and never more than what is wanted, for any geometry', () => {
    for (let order = 12; order <= 25; order++) {
      for (const count of [1, 2, 3, 5, 7, 16, 100, 5000, 100_000]) {
        for (const wanted of [32 * MIB, 256 * MIB]) {
          const layer = layerOf(order, 4096, count);
          const range = rangeBytes(layer, wanted);
          expect(range).toBeGreaterThan(0);
          expect(range).toBeLessThanOrEqual(wanted);
          const period = layer.geometry.objectSize * count;
          if (period <= wanted) expect(range % period).toBe(0);
        }
      }
    }
  });
});
