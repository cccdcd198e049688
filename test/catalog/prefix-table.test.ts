import { describe, expect, it } from 'vitest';
import { viewOf } from '../../src/bytes/words.ts';
import { PrefixTable } from '../../src/catalog/prefix-table.ts';

function add(table: PrefixTable, text: string): number {
  const padded = Buffer.from(`<${text}>`);
  const view = viewOf(padded);
  const found = table.find(view, 1, padded.length - 1);
  return found >= 0 ? found : table.add(view, 1, padded.length - 1);
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
  const long = 'rbd\\udata.10226b8b4567';
  const changed = [...long].map((_, i) => `${long.slice(0, i)}#${long.slice(i + 1)}`);
  const cut = [...long].map((_, i) => long.slice(0, i));
  const names = ['ab', 'aB', 'a', 'abc', 'bb', ...changed, ...cut];
  const numbers = names.map((_, i) => i);
  expect(names.map((name) => add(table, name))).toEqual(numbers);
  expect(names.map((name) => add(table, name))).toEqual(numbers);
  expect(table.prefixes.map(String)).toEqual(names);
  expect(table.find(viewOf(Buffer.from('zz')), 0, 2)).toBe(-1);
});
