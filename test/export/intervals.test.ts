import { describe, expect, it } from 'vitest';
import { intersection, subtract, union } from '../../src/export/intervals.ts';

const ranges = (text: string) =>
  text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => part.split('-').map(Number))
    .map(([from, to]) => ({ offset: from!, length: to! - from! }));

describe('ranges as sets', () => {
  it.each([
    ['0-4 4-8', '0-8'],
    ['4-8 0-2', '0-2 4-8'],
    ['0-9 2-4', '0-9'],
    ['3-3 5-6', '5-6'],
    ['', ''],
  ])('joins %s to %s', (given, wanted) => {
    expect(union(ranges(given))).toEqual(ranges(wanted));
  });

  it.each([
    ['0-9', '2-4 6-7', '0-2 4-6 7-9'],
    ['0-4 6-9', '3-7', '0-3 7-9'],
    ['2-4', '0-9', ''],
    ['2-4', '4-9', '2-4'],
    ['0-2 4-6 8-9', '5-6', '0-2 4-5 8-9'],
    ['0-100', '', '0-100'],
  ])('takes from %s what is in %s', (from, others, wanted) => {
    expect(subtract(ranges(from), ranges(others))).toEqual(ranges(wanted));
  });

  it.each([
    ['0-4 6-9', '3-7', '3-4 6-7'],
    ['0-2', '2-4', ''],
    ['0-9', '1-2 4-5', '1-2 4-5'],
  ])('finds what %s and %s share', (a, b, wanted) => {
    expect(intersection(ranges(a), ranges(b))).toEqual(ranges(wanted));
  });
});
