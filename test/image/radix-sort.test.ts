import { describe, expect, it } from 'vitest';
import { sortedOrder } from '../../src/image/radix-sort.ts';

const orderOf = (keys: number[]) => [...sortedOrder(Float64Array.from(keys), keys.length)];

describe('sortedOrder', () => {
  it.each([
    ['nothing', []],
    ['one key', [7]],
    ['equal keys, in their order', [5, 5, 5]],
    ['zeros', [0, 0]],
    ['small keys', [3, 1, 2, 0]],
    ['keys that differ above 16 bits only', [0x30000, 0x10000, 0x20000, 0]],
    ['keys on both sides of a digit', [0x10000, 0xffff, 0x10001, 0xfffe]],
    ['keys above 32 bits', [2 ** 33, 2 ** 32 + 1, 2 ** 32, 2 ** 53 - 1, 2 ** 48, 1]],
  ])('sorts %s', (_, keys) => {
    const wanted = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
    expect(orderOf(keys)).toEqual(wanted);
  });

  it('agrees with a comparison sort, equal keys staying in order', () => {
    let state = 1;
    const random = () => {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      return state;
    };
    const keys = Array.from({ length: 5000 }, () => (random() % 3) * 2 ** 40 + (random() % 200));
    const wanted = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
    expect(orderOf(keys)).toEqual(wanted);
  });

  it('takes the first n keys and no more', () => {
    expect([...sortedOrder(Float64Array.of(3, 1, 2, 0, 0), 3)]).toEqual([1, 2, 0]);
  });
});
