import { describe, expect, it } from 'vitest';
import type { Segment } from '../../src/catalog/segment.ts';
import type { Cluster, ClusterOsd } from '../../src/image/cluster.ts';
import { dataPrefixes } from '../../src/image/object-table.ts';
import { countTogether } from '../../src/image/pg-union.ts';
import { segmentOf } from '../helpers/segments.ts';
import { copy } from './pg-samples.ts';

const POOL = 2;
/** An object of a PG: the last digit of its hash is the PG's. */
const file = (image: number, number: number, pg: number, snap = 'head'): string =>
  `rbd\\udata.${image}.${number.toString(16).padStart(16, '0')}__${snap}_ABCDEF0${pg}__2`;

/** OSDs with these segments, and their copies of both PGs, of which each lists so many objects. */
function count(segments: Segment[], listed: readonly [number, number][]) {
  const osds = segments.map(
    (segment, index) => ({ index, catalog: { segments: [segment] } }) as unknown as ClusterOsd,
  );
  const cluster = { osds, oddDataObjects: () => [] } as unknown as Cluster;
  const prefixes = [...dataPrefixes(cluster).values()];
  Object.assign(cluster, { dataPrefixes: () => prefixes });
  const copies = (pg: 0 | 1) =>
    osds.map((osd, i) => ({ ...copy(i, { listed: listed[i]![pg] }), osd }));
  const cells = new Map([0, 1].map((pg) => [pg, copies(pg as 0 | 1)]));
  return Object.fromEntries(countTogether(cluster, POOL, 1, cells)!);
}

describe('countTogether', () => {
  it('counts an object once, on however many OSDs it is', () => {
    const first = segmentOf({ a: [file(1, 0, 0), file(1, 1, 0), file(1, 0, 1)] });
    const second = segmentOf({ a: [file(1, 1, 0), file(1, 2, 0), file(1, 0, 1)] });
    expect(
      count(
        [first, second],
        [
          [2, 1],
          [2, 1],
        ],
      ),
    ).toEqual({ 0: 3, 1: 1 });
  });

  it('tells images, numbers and clones apart', () => {
    const first = segmentOf({ a: [file(1, 0, 0), file(2, 0, 0), file(1, 0, 0, '4')] });
    const second = segmentOf({ a: [file(1, 0, 0, '5'), file(1, 16, 0)] });
    expect(
      count(
        [first, second],
        [
          [3, 0],
          [2, 0],
        ],
      ),
    ).toEqual({ 0: 5, 1: 0 });
  });

  it('leaves out what a later scan found gone', () => {
    const first = segmentOf({ a: [file(1, 0, 0)], b: [file(1, 1, 0), file(1, 2, 0)] });
    first.dead.add(1);
    const second = segmentOf({ a: [file(1, 0, 0), file(1, 3, 0)] });
    expect(
      count(
        [first, second],
        [
          [1, 0],
          [2, 0],
        ],
      ),
    ).toEqual({ 0: 2, 1: 0 });
  });

  it('adds those that were merely counted, of the copy that has most', () => {
    const first = segmentOf({ a: [file(1, 0, 0)] });
    const second = segmentOf({ a: [file(1, 1, 0)] });
    expect(
      count(
        [first, second],
        [
          [4, 0],
          [3, 0],
        ],
      ),
    ).toEqual({ 0: 5, 1: 0 });
  });
});
