import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { CopyQueue } from '../../src/export/copy-queue.ts';
import type { ObjectCopy } from '../../src/image/object-candidates.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const MIB = 1 << 20;
const osds = Object.fromEntries(
  ['a', 'b', 'c'].map((key) => [key, { name: key, catalog: { key } }]),
);
const copyOn = (device: string) => ({ osd: osds[device] }) as unknown as ObjectCopy;

class Item {
  readonly name: number;
  readonly bytes = 4 * MIB;
  isSharded = false;
  copy: ObjectCopy;
  spare: ObjectCopy[];

  constructor(name: number, first: string, ...others: string[]) {
    this.name = name;
    this.copy = copyOn(first);
    this.spare = others.map(copyOn);
  }
}

interface Shape {
  /** the disk that does not help others */
  unwilling?: string;
  readers?: number;
  /** readers of a disk that is fast */
  most?: number;
  /** OSDs on one disk, `a:shared` */
  on?: Record<string, string>;
  /** seconds after which an object could not be read */
  fault?: Record<string, number>;
  /** MiB/s that all readers of an array get together */
  shared?: Record<string, number>;
  /** how much of the objects is data, if not all */
  full?: number;
  /** objects after which a disk hands back the rest of a batch */
  patience?: Record<string, number>;
}

/** Disks with a speed in MiB/s each, and what each of them was given, in order. */
function disks(speeds: Record<string, number>, shape: Shape = {}) {
  const { unwilling = '', readers = 1, most, on = {}, fault = {}, patience = {} } = shape;
  const { full = 1, shared = {} } = shape;
  const given: Record<string, number[][]> = {};
  let reading = 0;
  /** the most that were read from at a time */
  let atOnce = 0;
  const dropped: number[] = [];
  const queue = new CopyQueue<Item>({
    deviceOf: ({ osd }) => ({ device: on[osd.name] ?? osd.name, readers, ...(most && { most }) }),
    mayHelp: (device) => device !== unwilling,
    move: (item, to) => {
      item.spare = [...item.spare.filter((copy) => copy !== to), item.copy];
      item.copy = to;
    },
    drop: ({ name }) => dropped.push(name),
  });
  /** @returns seconds that it took */
  const run = async (items: Item[], failing = -1) => {
    const from = performance.now();
    atOnce = 0;
    const done = queue
      .run(items, async (whole, { key }) => {
        const batch = whole.slice(0, patience[key]);
        const bytes = batch.reduce((sum, one) => sum + one.bytes, 0);
        const notBegun = whole.slice(batch.length);
        given[key] = [...(given[key] ?? []), batch.map(({ name }) => name)];
        expect(batch.map(({ copy }) => copy.osd.name)).toEqual(batch.map(() => key));
        atOnce = Math.max(atOnce, ++reading);
        let left = bytes;
        if (key in fault) {
          await sleep(fault[key]!);
          left = 0;
        }
        while (left > 0) {
          // What reads at the same time shares what an array gives.
          const speed = MIB * Math.min(speeds[key]!, (shared[key] ?? Infinity) / reading);
          const seconds = Math.min(left / speed, 'a' in shared ? 0.005 : Infinity);
          await sleep(seconds);
          left -= seconds * speed;
        }
        reading--;
        if (key in fault) return { bytes: 0, read: 0, notBegun };
        if (batch.some(({ name }) => name === failing)) throw new Error(`no ${failing}`);
        return { bytes, read: bytes * full, notBegun };
      })
      .finally(() => clearInterval(timer));
    const timer = setInterval(() => {}, 1000);
    done.catch(() => {});
    await vi.runAllTimersAsync();
    await done;
    return (performance.now() - from) / 1000;
  };
  return { run, given, dropped, speeds, readersOf: () => [queue.readersOf('a'), atOnce] };
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));
const numbers = (count: number) => Array.from({ length: count }, (_, i) => i);
const each = (given: Record<string, number[][]>, device: string) => (given[device] ?? []).flat();

describe('what waits for a disk', () => {
  it('is read in order, a few objects at once, fewer towards the end', async () => {
    const { run, given } = disks({ a: 100 });
    await run(numbers(6).map((i) => new Item(i, 'a')));
    expect(given).toEqual({ a: [[0, 1], [2, 3], [4], [5]] });
  });

  it('is handed out for half a second of a disk whose speed is known, 64 MiB at the most', async () => {
    const { run, given } = disks({ a: 1000, b: 80 });
    await run([new Item(0, 'a'), new Item(1, 'b')]); // speeds are known now
    await run(numbers(100).map((i) => new Item(i + 2, i % 2 === 0 ? 'a' : 'b')));
    expect([given.a![1]!.length, given.b![1]!.length]).toEqual([16, 10]);
  });

  it('is taken over by a disk that has nothing to do and a copy as well, the first of it first', async () => {
    const { run, given } = disks({ a: 10, b: 10 });
    const seconds = await run(numbers(20).map((i) => new Item(i, 'a', 'b')));
    expect(seconds).toBeCloseTo(4, 1);
    expect(each(given, 'a')).toHaveLength(10);
    expect(given.b![0]).toEqual([2, 3]);
    expect([...each(given, 'a'), ...each(given, 'b')].sort((x, y) => x - y)).toEqual(numbers(20));
  });

  it('makes disks of different speeds end together', async () => {
    const { run, given } = disks({ a: 10, b: 10, c: 2 });
    const orders = [
      ['a', 'b', 'c'],
      ['b', 'c', 'a'],
      ['c', 'a', 'b'],
    ] as [string, string, string][];
    const items = numbers(66).map((i) => new Item(i, ...orders[i % 3]!));
    // 264 MiB at 22 MiB/s in all; the slow disk is asked for a third of it.
    expect(await run(items)).toBeLessThan(12 * 1.1);
    expect(each(given, 'c').length).toBeLessThan(8);
  });

  it('stays where no other disk has a copy', async () => {
    const { run, given } = disks({ a: 10, b: 10 });
    await run([new Item(0, 'b'), ...numbers(8).map((i) => new Item(i + 1, 'a'))]);
    expect(each(given, 'b')).toEqual([0]);
    expect(each(given, 'a')).toHaveLength(8);
  });

  it('stays with a busy disk that will have it sooner than an idle one', async () => {
    const { run, given } = disks({ a: 100, b: 1 });
    await run([new Item(0, 'a'), new Item(1, 'b')]); // speeds are known now
    await run(numbers(4).map((i) => new Item(i + 2, 'a', 'b')));
    expect(each(given, 'b')).toEqual([1]);
  });

  it('is given away by a slow disk that others are sooner than, once they have little left', async () => {
    const { run, given } = disks({ a: 100, b: 1 });
    await run([new Item(0, 'a'), new Item(1, 'b')]); // speeds are known now
    const seconds = await run([new Item(2, 'b'), new Item(3, 'b', 'a'), new Item(4, 'a', 'b')]);
    expect(each(given, 'b')).toEqual([1, 2]);
    expect(seconds).toBeCloseTo(4, 1);
    expect(await run([new Item(5, 'b', 'a')])).toBeLessThan(0.1);
  });

  it('is not passed round between OSDs that lie on one disk', async () => {
    const { run, given } = disks(
      { a: 100, b: 100 },
      { readers: 8, on: { a: 'shared', b: 'shared' } },
    );
    await run([new Item(0, 'a')]); // its speed is known now
    await run([new Item(1, 'a', 'b'), new Item(2, 'b', 'a')]);
    expect(given).toEqual({ a: [[0], [1]], b: [[2]] });
  });

  it('is not passed on to a disk that is as fast, however many readers that has', async () => {
    const { run, given } = disks({ a: 10, b: 10 }, { readers: 8 });
    await run([new Item(0, 'a'), new Item(1, 'b')]); // speeds are known now
    await run([new Item(2, 'a', 'b'), new Item(3, 'a', 'b')]);
    expect(each(given, 'b')).toEqual([1]);
  });

  it('is not drawn to a disk that fails quickly, as if it were fast', async () => {
    const { run, given } = disks({ a: 10, b: 10, c: 10 }, { fault: { c: 0.001 } });
    await run([new Item(0, 'a'), new Item(1, 'b'), new Item(2, 'c')]);
    await run([new Item(3, 'a', 'c')]);
    expect(each(given, 'c')).toEqual([2]);
    expect(each(given, 'a')).toEqual([0, 3]);
  });

  it('is not taken over by a disk that is better left alone', async () => {
    const { run, given } = disks({ a: 10, b: 10 }, { unwilling: 'b' });
    await run(numbers(20).map((i) => new Item(i, 'a', 'b')));
    expect(given.b).toBeUndefined();
  });

  it('is never handed out with what lies on several disks at once', async () => {
    const { run, given } = disks({ a: 100 });
    const items = numbers(4).map((i) => new Item(i, 'a'));
    for (const item of [items[0]!, items[2]!]) item.isSharded = true;
    await run(items);
    expect(given.a).toEqual([[0, 2], [1], [3]]);
  });

  it('is handed to a slow disk one by one, since nobody takes over what it has begun', async () => {
    const { run, given } = disks({ a: 2 });
    await run(numbers(8).map((i) => new Item(i, 'a')));
    expect(given.a!.map((batch) => batch.length)).toEqual([2, 1, 1, 1, 1, 1, 1]);
  });
});

describe('a disk that gives more than one with an arm can', () => {
  const many = () => numbers(64).map((i) => new Item(i, 'a'));

  it('has more readers, for as long as it does', async () => {
    const shared = { a: 250 };
    const { run, readersOf } = disks({ a: 1000 }, { most: 4, shared });
    await run(many());
    expect(readersOf()).toEqual([1, 1]);
    shared.a = 2000;
    await run(many());
    expect(readersOf()).toEqual([4, 4]);
    // What the system had in memory has come to its end.
    shared.a = 120;
    await run(many());
    expect(readersOf()).toEqual([1, 4]);
    await run(many());
    expect(readersOf()).toEqual([1, 1]);
  });

  it('has them as before where its speed lies between', async () => {
    const { run, speeds, readersOf } = disks({ a: 500 }, { most: 4 });
    await run(many());
    expect(readersOf()).toEqual([1, 1]);
    speeds.a = 1000;
    await run(many());
    speeds.a = 100;
    await run(many());
    expect(readersOf()).toEqual([4, 4]);
  });

  it('keeps them where they share what an array gives', async () => {
    const { run, readersOf } = disks({ a: 900 }, { most: 16, shared: { a: 2048 } });
    await run(numbers(512).map((i) => new Item(i, 'a')));
    expect(readersOf()).toEqual([16, 16]);
    await run(numbers(512).map((i) => new Item(i, 'a')));
    expect(readersOf()).toEqual([16, 16]);
  });

  it('is none that has only holes to give', async () => {
    const { run, readersOf } = disks({ a: 10000 }, { most: 4, full: 0.1 });
    await run(many());
    expect(readersOf()).toEqual([1, 1]);
  });

  it('has no more than the operator says', async () => {
    const { run, readersOf } = disks({ a: 1000 }, { readers: 2, most: 2 });
    await run(many());
    expect(readersOf()).toEqual([2, 2]);
  });
});

describe('what a disk hands back', () => {
  const patience = { a: 1 };

  it('is done next, in order', async () => {
    const { run, given } = disks({ a: 1000 }, { patience });
    await run(numbers(12).map((i) => new Item(i, 'a')));
    expect(each(given, 'a')).toEqual(numbers(12));
  });

  it('is taken over by another that has a copy', async () => {
    const { run, given } = disks({ a: 1, b: 10 }, { patience });
    expect(await run([new Item(0, 'a', 'b'), new Item(1, 'a', 'b')])).toBeLessThan(4.5);
    expect(given).toEqual({ a: [[0]], b: [[1]] });
  });

  it('is dropped when others have failed meanwhile', async () => {
    const { run, given, dropped } = disks({ a: 2, b: 10 }, { patience });
    const items = [...numbers(4).map((i) => new Item(i, 'a')), new Item(4, 'b')];
    await expect(run(items, 4)).rejects.toThrow('no 4');
    expect(each(given, 'a')).toEqual([0]);
    expect(dropped.sort()).toEqual([1, 2, 3]);
  });
});

describe('a failure', () => {
  it('ends its run once nothing is in flight, and drops what was not begun', async () => {
    const { run, dropped, given } = disks({ a: 10, b: 5 });
    const items = [...numbers(6).map((i) => new Item(i, 'a')), new Item(6, 'b'), new Item(7, 'b')];
    await expect(run(items, 1)).rejects.toThrow('no 1');
    expect(dropped).toEqual([2, 3, 4, 5]);
    // What the other disk had begun was waited for.
    expect(each(given, 'b')).toEqual([6, 7]);
  });

  it('leaves other runs alone', async () => {
    const { run, given } = disks({ a: 10 });
    const [first, second] = await Promise.allSettled([
      run(
        numbers(4).map((i) => new Item(i, 'a')),
        0,
      ),
      run([new Item(9, 'a')]),
    ]);
    expect(first.status).toBe('rejected');
    expect(second.status).toBe('fulfilled');
    expect(each(given, 'a')).toContain(9);
  });
});
