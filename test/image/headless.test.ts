import { describe, expect, it } from 'vitest';
import type { Segment } from '../../src/catalog/segment.ts';
import { segmentOf } from '../helpers/segments.ts';
import { imageOf, KNOWS_BETTER, NO_AUTHORITY, prefixOf } from './headless-images.ts';

const MIB = 2 ** 20;

/** Heads of objects [from, from + n), the first of them with clone 7 as well; reads of rows are counted. */
function segmentFrom(from: number, n: number, reads: { rows: number }): Segment {
  const nameOf = (objectNo: number, snap: string) =>
    `rbd\\udata.1.${objectNo.toString(16).padStart(16, '0')}__${snap}_0000000C__2`;
  const heads = Array.from({ length: n }, (_, i) => nameOf(from + i, 'head'));
  const segment = segmentOf({ '2.c_head': [nameOf(from, '7'), ...heads] });
  const rows = segment.rows.bind(segment);
  segment.rows = (group) => {
    reads.rows++;
    return rows(group);
  };
  return segment;
}

describe('an image without a header', () => {
  it('is found by one piece of the catalog, the rest being read when its size or snapshots are asked for', () => {
    const reads = { rows: 0 };
    const prefix = prefixOf([0, 10, 20].map((from) => segmentFrom(from, 10, reads)));
    const image = imageOf(NO_AUTHORITY, prefix)!;
    expect(image.headless).toBe(true);
    expect(image.header.objectPrefix).toEqual(Buffer.from('rbd_data.1'));
    expect(reads.rows).toBe(1);
    expect(image.header.size).toBe(30 * 4 * MIB);
    expect(image.header.snapshots.map(({ id, size }) => [id, size])).toEqual([[7n, 120 * MIB]]);
    expect(image.guesses.at(-1)).toBe(`size ${120 * MIB}: the highest object is 29`);
    expect(reads.rows).toBe(4);
  });

  it('is found by the number of its rows where that is large', () => {
    const reads = { rows: 0 };
    const prefix = prefixOf([segmentFrom(0, 2500, reads), segmentFrom(2500, 2500, reads)]);
    expect(imageOf(KNOWS_BETTER, prefix)).toBeDefined();
    expect(reads.rows).toBe(0);
  });

  it('is none where its PG knows all of few objects as deleted', () => {
    const reads = { rows: 0 };
    const prefix = prefixOf([segmentFrom(0, 100, reads), segmentFrom(100, 100, reads)]);
    expect(imageOf(KNOWS_BETTER, prefix)).toBeUndefined();
    expect(reads.rows).toBe(3);
  });

  it('takes guesses that somebody has made better', () => {
    const reads = { rows: 0 };
    const image = imageOf(NO_AUTHORITY, prefixOf([segmentFrom(0, 1, reads)]))!;
    image.guesses = ['seen'];
    expect(image.guesses).toEqual(['seen']);
    expect(reads.rows).toBe(1);
  });

  it('says why its size is not known where the catalog is damaged', () => {
    const reads = { rows: 0 };
    const sound = segmentFrom(0, 10, reads);
    const damaged = segmentFrom(10, 10, reads);
    damaged.head.groups[0]![5] ^= 1;
    const image = imageOf(NO_AUTHORITY, prefixOf([sound, damaged]))!;
    expect(image.header.size).toBe(0);
    expect(image.header.snapshots).toEqual([]);
    expect(image.guesses.at(-1)).toBe('size 0: its rows in the catalog are damaged');
    expect(image.problems.at(-1)).toMatch(/checksum/);
  });
});
