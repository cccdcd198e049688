import { describe, expect, it } from 'vitest';
import { PrefixTable } from '../../src/catalog/prefix-table.ts';

function add(table: PrefixTable, text: string): number {
  const padded = Buffer.from(`<${text}>`);
  const found = table.find(padded, 1, padded.length - 1);
  return found >= 0 ? found : table.add(padded, 1, padded.length - 1);
}

describe.each([
  ['of format 2', (i: number) => `rbd\\udata.${(0x100000000000 + i * 7919).toString(16)}`],
  ['of format 1, whose ends are equal', (i: number) => `rb.0.${i.toString(16)}.6b8b4567`],
  ['of growing length', (i: number) => `rb.${'0'.repeat(i % 200)}${i}`],
])('ten thousand prefixes %s', (_, prefix) => {
  it('are numbered as they come and found again, quickly', () => {
    const table = new PrefixTable();
    const started = performance.now();
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 10_000; i++) expect(add(table, prefix(i)) === i).toBe(true);
    }
    // with all of them in one chain it would be minutes
    expect(performance.now() - started).toBeLessThan(5000);
    expect(table.prefixes).toHaveLength(10_000);
    expect(table.prefixes[1234]!.toString()).toBe(prefix(1234));
  });
});

it('tells prefixes apart that differ in one byte or in length', () => {
  const table = new PrefixTable();
  const names = ['ab', 'aB', 'a', '', 'abc', 'bb'];
  expect(names.map((name) => add(table, name))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(names.map((name) => add(table, name))).toEqual([0, 1, 2, 3, 4, 5]);
  expect(table.find(Buffer.from('zz'), 0, 2)).toBe(-1);
});
