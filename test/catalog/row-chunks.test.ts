import { expect, it } from 'vitest';
import { RowChunks } from '../../src/catalog/row-chunks.ts';

it('keeps rows over many chunks, and orders them by group as they came', () => {
  const rows = new RowChunks();
  const n = 150_000;
  for (let i = 0; i < n; i++) rows.push(i % 3, i, -2, 0xffffffff, i >>> 10);
  const { order, starts } = rows.byGroup(4);
  expect([...starts]).toEqual([0, n / 3, (2 * n) / 3, n, n]);
  for (const row of [0, 1, n / 3, n - 1]) {
    const group = starts.findLastIndex((start, g) => g < 4 && start <= row && starts[g + 1]! > row);
    expect(order[row]).toBe((row - starts[group]!) * 3 + group);
  }
  expect(rows.hash.flat(n)[n - 1]).toBe(0xffffffff);
  expect(rows.snap.flat(n)[n - 1]).toBe(0);
});

it('begins anew when cleared', () => {
  const rows = new RowChunks();
  for (let i = 0; i < 70_000; i++) rows.push(1, i, 0, 0, 0);
  rows.clear();
  rows.push(0, 42, 5, 6, 7);
  expect([rows.length, rows.objectNo.flat(1)[0], rows.snap.flat(1)[0]]).toEqual([1, 42, 7]);
  expect([...rows.byGroup(1).order]).toEqual([0]);
});
