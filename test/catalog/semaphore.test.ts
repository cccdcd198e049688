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

it('lets more in when its limit is raised, and as many fewer when it is lowered', async () => {
  const gate = new Semaphore(1);
  const inside = new Set<number>();
  const leave: (() => void)[] = [];
  const tick = () => new Promise((resolve) => setImmediate(resolve));
  const all = [0, 1, 2, 3, 4, 5].map((i) =>
    gate.use(async () => {
      inside.add(i);
      await new Promise<void>((resolve) => {
        leave[i] = resolve;
      });
      inside.delete(i);
    }),
  );
  await tick();
  expect([...inside]).toEqual([0]);
  gate.limit = 3;
  await tick();
  expect([...inside]).toEqual([0, 1, 2]);
  gate.limit = 1;
  leave[0]!();
  leave[1]!();
  await tick();
  expect([...inside]).toEqual([2]);
  for (let i = 2; i < 6; i++) {
    leave[i]!();
    await tick();
  }
  await Promise.all(all);
});
