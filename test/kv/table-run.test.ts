import { describe, expect, it } from 'vitest';
import { spanOf, type TableSpan, tableRuns } from '../../src/kv/table-run.ts';
import { bytesOf } from './memory-directory.ts';

const span = (name: string, smallest?: string, largest?: string): TableSpan => ({
  name,
  number: 1,
  smallest: smallest === undefined ? undefined : bytesOf(smallest),
  largest: largest === undefined ? undefined : bytesOf(largest),
  largestIncluded: true,
  clips: true,
});

const names = (spans: TableSpan[]): string[] =>
  tableRuns(spans).map((run) => run.map((table) => table.name).join(' '));

describe('tableRuns', () => {
  it('puts tables that do not overlap into one run', () => {
    expect(names([span('3', 'e', 'f'), span('1', 'a', 'b'), span('2', 'c', 'd')])).toEqual([
      '1 2 3',
    ]);
  });

  it('needs as many runs as tables overlap', () => {
    const spans = [
      span('1', 'a', 'd'),
      span('2', 'b', 'c'),
      span('3', 'd', 'e'),
      span('4', 'e', 'f'),
    ];
    expect(names(spans)).toEqual(['1 4', '2 3']);
  });

  it('puts a table of unknown extent where nothing follows it', () => {
    expect(names([span('1', 'a', 'b'), span('2'), span('3', 'c', 'd')])).toEqual(['2', '1 3']);
  });
});

describe('spanOf', () => {
  it('excludes a largest key that is only the end of a range delete', () => {
    // Internal keys: sequence 2^56 - 1 and type 0xf mark the sentinel.
    const sentinel = bytesOf('k\x0f\xff\xff\xff\xff\xff\xff\xff');
    const plain = bytesOf('a\x01\x05\0\0\0\0\0\0');
    const file = { number: 9, size: 1, smallest: plain, largest: sentinel };
    expect(spanOf(file, '9.sst')).toMatchObject({ largest: bytesOf('k'), largestIncluded: false });
    expect(spanOf({ ...file, largest: plain }, '9.sst')).toMatchObject({ largestIncluded: true });
  });
});
