import { describe, expect, it } from 'vitest';
import { ScanLane } from '../../src/catalog/scan-lane.ts';
import type { DeviceLane } from '../../src/io/ports.ts';

const VIRTUAL = { device: 'vda', readers: 1, most: 4, spins: true };

/** Tasks that wait for a lane until they are ended. */
function tasksAt(lane: ScanLane, n: number) {
  const inside: (() => void)[] = [];
  for (let i = 0; i < n; i++) {
    void lane.use(() => new Promise<void>((resolve) => inside.push(resolve)));
  }
  const settled = () => new Promise<void>((resolve) => setImmediate(resolve));
  return {
    atOnce: async () => {
      await settled();
      return inside.length;
    },
    end: () => inside.shift()!(),
  };
}

const lane = (of: DeviceLane = VIRTUAL, left = 7) => new ScanLane(of, { left });

describe('readers of a device during a scan', () => {
  it('are as many as the lane says, while nothing is known of it', async () => {
    expect(await tasksAt(lane(), 3).atOnce()).toBe(1);
    expect(await tasksAt(lane({ device: 'nvme', readers: 2 }), 3).atOnce()).toBe(2);
  });

  it('are more once directories come faster than an arm can move', async () => {
    const own = lane();
    const tasks = tasksAt(own, 8);
    expect(await tasks.atOnce()).toBe(1);
    own.note({ listed: 1001, seconds: 1 });
    expect(await tasks.atOnce()).toBe(4);
    tasks.end();
    expect(await tasks.atOnce()).toBe(4);
  });

  it.each([
    ['a disk that spins', { listed: 20_000, seconds: 100 }],
    ['one with a good day', { listed: 999, seconds: 1 }],
    ['a few directories that lay side by side', { listed: 99, seconds: 0.001 }],
    ['nothing at all', { listed: 0, seconds: 0 }],
  ])('are not more after %s', async (_, share) => {
    const own = lane();
    const tasks = tasksAt(own, 3);
    await tasks.atOnce();
    own.note(share);
    expect(await tasks.atOnce()).toBe(1);
  });

  it('are fewer again when the rest comes from an arm, which all that are at work share', async () => {
    const own = lane();
    const tasks = tasksAt(own, 8);
    await tasks.atOnce();
    own.note({ listed: 20_000, seconds: 1 });
    expect(await tasks.atOnce()).toBe(4);
    // Each of the four gets a quarter of what the device gives.
    own.note({ listed: 378, seconds: 3 });
    expect(own.readers).toBe(4);
    own.note({ listed: 372, seconds: 3 });
    expect(own.readers).toBe(1);
  });

  it('count those that are at work, not those that could be', async () => {
    const own = lane({ ...VIRTUAL, most: 64 }, 63);
    const tasks = tasksAt(own, 2);
    await tasks.atOnce();
    own.note({ listed: 20_000, seconds: 1 });
    expect(own.readers).toBe(64);
    expect(await tasks.atOnce()).toBe(2);
    own.note({ listed: 600, seconds: 3 });
    expect(own.readers).toBe(1);
  });

  it('share the threads there are, and give them back', async () => {
    const spare = { left: 4 };
    const [one, two] = [new ScanLane(VIRTUAL, spare), new ScanLane(VIRTUAL, spare)];
    for (const own of [one, two]) await tasksAt(own, 1).atOnce();
    one.note({ listed: 20_000, seconds: 1 });
    two.note({ listed: 20_000, seconds: 1 });
    expect([one.readers, two.readers, spare.left]).toEqual([4, 2, 0]);
    one.note({ listed: 200, seconds: 10 });
    two.note({ listed: 20_000, seconds: 1 });
    expect([one.readers, two.readers, spare.left]).toEqual([1, 4, 1]);
  });

  it('are given back once nothing is left to do', async () => {
    const spare = { left: 3 };
    const own = new ScanLane(VIRTUAL, spare);
    await own.use(async () => own.note({ listed: 20_000, seconds: 1 }));
    expect([own.readers, spare.left]).toEqual([1, 3]);
    await Promise.all([
      own.use(async () => {
        own.note({ listed: 20_000, seconds: 1 });
        expect([own.readers, spare.left]).toEqual([4, 0]);
      }),
      own.use(async () => {}),
    ]);
    expect([own.readers, spare.left]).toEqual([1, 3]);
  });

  it('stay as they are where the operator has said how many', async () => {
    const own = lane({ device: 'vda', readers: 1, most: 1, spins: true });
    await tasksAt(own, 1).atOnce();
    own.note({ listed: 20_000, seconds: 1 });
    expect(own.readers).toBe(1);
  });
});
