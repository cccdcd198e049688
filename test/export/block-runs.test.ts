import { describe, expect, it } from 'vitest';
import { blockRuns, type DiffRun } from '../../src/export/block-runs.ts';

const BLOCK = 4096;

/** Blocks by letters: `.` zeros, any other letter that byte. */
const blocks = (text: string): Buffer =>
  Buffer.concat([...text].map((c) => Buffer.alloc(BLOCK, c === '.' ? 0 : c)));

/** Runs as `offset+length` in blocks, `z` behind those of zeros. */
const shown = (runs: readonly DiffRun[]): string =>
  runs
    .map(
      ({ offset, length, data }) =>
        `${offset / BLOCK}+${length / BLOCK}${data === undefined ? 'z' : ''}`,
    )
    .join(' ');

const whole = (n: number, all = false) => [{ offset: 0, length: n * BLOCK, all }];

describe('block runs', () => {
  it('tells of blocks that differ, and of zeros that were not there before', () => {
    const from = blocks('aab..c');
    const to = blocks('axb.y.');
    expect(shown(blockRuns({ from, to, base: 0 }, whole(6)))).toBe('1+1 4+1 5+1z');
  });

  it('leaves zeros out where nothing was before', () => {
    const to = blocks('.aa..b');
    expect(shown(blockRuns({ from: undefined, to, base: 0 }, whole(6)))).toBe('1+2 5+1');
  });

  it('tells of everything where what was before is not known', () => {
    const from = blocks('aab');
    const to = blocks('a.b');
    expect(shown(blockRuns({ from, to, base: 0 }, whole(3, true)))).toBe('0+1 1+1z 2+1');
  });

  it('never reaches beyond a segment that ends inside a block', () => {
    const to = blocks('xx');
    const segments = [{ offset: 100, length: 5000, all: false }];
    const runs = blockRuns({ from: undefined, to, base: 0 }, segments);
    expect(runs).toMatchObject([{ offset: 100, length: 5000 }]);
  });

  it('cuts blocks by image offsets, wherever the buffer begins', () => {
    const to = Buffer.concat([Buffer.alloc(96), Buffer.alloc(BLOCK, 1)]);
    const runs = blockRuns({ from: undefined, to, base: BLOCK * 7 - 96 }, [
      { offset: BLOCK * 7 - 96, length: to.length, all: false },
    ]);
    expect(runs).toMatchObject([{ offset: BLOCK * 7, length: BLOCK }]);
  });

  it('does not join what lies apart, nor data with zeros', () => {
    const to = blocks('aa.a');
    const segments = [
      { offset: 0, length: BLOCK, all: true },
      { offset: 2 * BLOCK, length: 2 * BLOCK, all: true },
    ];
    expect(shown(blockRuns({ from: undefined, to, base: 0 }, segments))).toBe('0+1 2+1z 3+1');
  });

  it('keeps single runs of data small enough for a receiver', () => {
    const to = Buffer.alloc(9 << 20, 1);
    const lengths = blockRuns({ from: undefined, to, base: 0 }, [
      { offset: 0, length: to.length, all: false },
    ]);
    expect(lengths.map(({ length }) => length)).toEqual([4 << 20, 4 << 20, 1 << 20]);
  });
});
