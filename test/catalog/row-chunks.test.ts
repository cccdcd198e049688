import { expect, it } from 'vitest';
import { RowChunks } from '../../src/catalog/row-chunks.ts';

it('keeps rows over many chunks, and orders them by group as they came', () => {
  const rows = new RowChunks();
  const n = 150_000;
  for (let i = 0; i < n; i++) rows.push(i % 3, i, (i % 5) - 2, 0xffffffff - i, i >>> 10);
  const { starts, objectNo, snap, hash, unit } = rows.sorted(4);
  expect([...starts]).toEqual([0, n / 3, (2 * n) / 3, n, n]);
  for (const at of [0, 1, n / 3 - 1, n / 3, n - 1]) {
    const group = Math.floor(at / (n / 3));
    const row = (at - starts[group]!) * 3 + group;
    expect([objectNo[at], snap[at], hash[at], unit[at]]).toEqual([
      ...[row, row % 5, 0xffffffff - row, row >>> 10],
    ]);
  }
});

it('begins anew when cleared', () => {
  const rows = new RowChunks();
  for (let i = 0; i < 70_000; i++) rows.push(1, i, 0, 0, 0);
  rows.sorted(2);
  rows.clear();
  rows.push(0, 42, 5, 6, 7);
  const { starts, objectNo, snap, hash, unit } = rows.sorted(1);
  expect(rows.length).toBe(1);
  expect([...starts]).toEqual([0, 1]);
  expect([objectNo[0], snap[0], hash[0], unit[0]]).toEqual([42, 7, 6, 7]);
});
