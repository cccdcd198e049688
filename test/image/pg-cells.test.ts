import { describe, expect, it } from 'vitest';
import { PgCells } from '../../src/image/pg-cells.ts';
import { bitsOfPg } from '../../src/image/pg-copies.ts';

function cellsOf(...pgs: [seed: number, bits: number][]): PgCells<{ seed: number; bits: number }> {
  const cells = new PgCells<{ seed: number; bits: number }>();
  for (const [seed, bits] of pgs) cells.add({ seed, bits });
  return cells;
}

describe('PgCells', () => {
  it('finds a PG and, on an OSD that was away, the one that it was split from', () => {
    const cells = cellsOf([1, 2], [5, 3], [5, 3], [1, 3]);
    const covering = (hash: number) => cells.covering(hash).map(({ seed, bits }) => [seed, bits]);
    expect(covering(0xabcdef05).sort()).toEqual([
      [1, 2],
      [5, 3],
      [5, 3],
    ]);
    expect(covering(0x80000001).sort()).toEqual([
      [1, 2],
      [1, 3],
    ]);
    expect(covering(2)).toEqual([]);
    expect(cells.bits).toBe(3);
  });

  it('has one PG for every hash of a pool, whatever its pg_num', () => {
    for (const pgNum of [1, 3, 8, 12]) {
      const cells = cellsOf(
        ...Array.from({ length: pgNum }, (_, seed): [number, number] => [
          seed,
          bitsOfPg(seed, pgNum),
        ]),
      );
      for (let hash = 0; hash < 64; hash++)
        expect(cells.covering((hash | 0xf0000000) >>> 0)).toHaveLength(1);
    }
  });

  it('takes 32 bits for the whole hash, and is empty without PGs', () => {
    expect(cellsOf([0xffffffff, 32]).covering(0xffffffff)).toHaveLength(1);
    expect(cellsOf([0xffffffff, 32]).covering(0x7fffffff)).toEqual([]);
    expect(cellsOf()).toMatchObject({ isEmpty: true, bits: 0 });
  });
});
