import { describe, expect, it } from 'vitest';
import { RangeDeleteSweep } from '../../src/kv/range-deletes.ts';
import { bytesOf } from './memory-directory.ts';

const range = (first: string, end: string, sequence: number) => ({
  first: bytesOf(first),
  end: bytesOf(end),
  sequence,
});

const hidden = (sweep: RangeDeleteSweep, keys: string, sequence: number): string =>
  [...keys].filter((key) => sweep.hides(bytesOf(key), 0, 1, sequence)).join('');

describe('RangeDeleteSweep', () => {
  it('hides older versions from the first key on, but not the end', () => {
    const sweep = new RangeDeleteSweep();
    sweep.add([range('c', 'e', 10)]);
    expect(hidden(sweep, 'abcdef', 9)).toBe('cd');
  });

  it('leaves the version alone that was written with or after it', () => {
    const sweep = new RangeDeleteSweep();
    sweep.add([range('a', 'z', 10)]);
    expect(sweep.hides(bytesOf('b'), 0, 1, 10)).toBe(false);
    expect(sweep.hides(bytesOf('b'), 0, 1, 9)).toBe(true);
  });

  it('minds overlapping ranges, also those added on the way', () => {
    const sweep = new RangeDeleteSweep();
    sweep.add([range('a', 'c', 5), range('b', 'd', 3)]);
    expect(hidden(sweep, 'abc', 4)).toBe('ab');
    sweep.add([range('d', 'f', 9), range('c', 'e', 2)]);
    expect(hidden(sweep, 'cdef', 4)).toBe('de');
  });
});
