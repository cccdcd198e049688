import { expect, it } from 'vitest';
import { Semaphore } from '../../src/catalog/semaphore.ts';

it.each([0, 1, 3])(
  'with limit %i lets that many in at once (at least one), in order',
  async (limit) => {
    const gate = new Semaphore(limit);
    let inside = 0;
    let most = 0;
    const began: number[] = [];
    const work = (i: number) =>
      gate.use(async () => {
        began.push(i);
        most = Math.max(most, ++inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
        if (i % 2 === 0) throw new Error('failed');
        return i;
      });
    const results = await Promise.allSettled([0, 1, 2, 3, 4, 5, 6].map(work));
    expect(most).toBe(Math.max(1, limit));
    expect(began).toEqual([0, 1, 2, 3, 4, 5, 6]);
    expect(results.map((r) => r.status === 'fulfilled')).toEqual([
      false,
      true,
      false,
      true,
      false,
      true,
      false,
    ]);
  },
);
