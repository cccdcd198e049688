import { describe, expect, it } from 'vitest';
import type { Segment } from '../../src/catalog/segment.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import { segmentOf } from '../helpers/segments.ts';
import { imageOf, KNOWS_BETTER, NO_AUTHORITY, prefixOf } from './headless-images.ts';

const MIB = 2 ** 20;

/** Heads of objects [from, from + n), the first of them with clone 7 as well; reads of rows are counted. */
function segmentFrom(from: number, n: number, reads: { rows: number }): Segment {
  const nameOf = (objectNo: number, snap: string) =>
    `rbd\\udata.1.${objectNo.toString(16).padStart(16, '0')}__${snap}_0000000C__2`;
  // As in a directory, in no order.
  const heads = Array.from({ length: n }, (_, i) => nameOf(from + ((i * 7 + 3) % n), 'head'));
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

  it('is looked for among all rows where a later scan found the directories of many gone', () => {
    const reads = { rows: 0 };
    const gone = segmentFrom(0, 5000, reads);
    gone.dead.add(0);
    const prefix = prefixOf([gone, segmentFrom(5000, 3, reads)]);
    expect(imageOf(KNOWS_BETTER, prefix)).toBeUndefined();
    expect(imageOf(NO_AUTHORITY, prefixOf([gone]))).toBeUndefined();
    const image = imageOf(NO_AUTHORITY, prefix)!;
    expect(image.header.size).toBe(5003 * 4 * MIB);
  });

  it('is found by objects that are kept by their names', () => {
    const prefix = prefixOf([]);
    const id = {
      ...{ pool: 2, namespace: Buffer.alloc(0), name: Buffer.from('rbd_data.1.0000000000000009') },
      ...{ key: Buffer.alloc(0), snap: NOSNAP, hash: 5, shard: -1 },
    };
    const ref = { id, directory: Buffer.from('2.5_head'), fileName: Buffer.from('odd') };
    const osd = { index: 0, name: 'osd.0' } as ClusterOsd;
    prefix.odd.push({ osd, ref, objectNo: 9 });
    expect(imageOf(NO_AUTHORITY, prefix)!.header.size).toBe(10 * 4 * MIB);
    expect(imageOf(KNOWS_BETTER, prefix)).toBeUndefined();
  });

  it('is not hidden, nor made out to be empty, where the catalog is damaged', () => {
    const reads = { rows: 0 };
    const damaged = segmentFrom(10, 10, reads);
    damaged.head.groups[0]![5] ^= 1;
    for (const segments of [
      [segmentFrom(0, 10, reads), damaged],
      [damaged, segmentFrom(0, 10, reads)],
    ]) {
      const image = imageOf(NO_AUTHORITY, prefixOf(segments))!;
      for (const ask of [
        () => image.header.size,
        () => image.header.snapshots,
        () => image.guesses,
      ]) {
        expect(ask).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
      }
    }
    const image = imageOf(KNOWS_BETTER, prefixOf([damaged]))!;
    expect(image.problems.at(-1)).toMatch(/checksum/);
  });

  it('has its size again once the catalog can be read', () => {
    const reads = { rows: 0 };
    const flaky = segmentFrom(10, 10, reads);
    const image = imageOf(NO_AUTHORITY, prefixOf([segmentFrom(0, 10, reads), flaky]))!;
    const group = flaky.head.groups[0]!;
    const crc = group[5];
    group[5] = crc + 1;
    expect(() => image.header.size).toThrow();
    group[5] = crc;
    expect(image.header.size).toBe(20 * 4 * MIB);
  });
});
