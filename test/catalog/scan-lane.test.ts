import { describe, expect, it } from 'vitest';
import { ScanLane } from '../../src/catalog/scan-lane.ts';

const VIRTUAL = { device: 'vda', readers: 1, most: 4, spins: true };

/** How many of some tasks a lane lets in at once; `end` ends the first of those. */
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

describe('readers of a device during a scan', () => {
  it('are as many as the lane says, while nothing is known of it', async () => {
    expect(await tasksAt(new ScanLane(VIRTUAL), 3).atOnce()).toBe(1);
    expect(await tasksAt(new ScanLane({ device: 'nvme', readers: 2 }), 3).atOnce()).toBe(2);
  });

  it('are more once directories come faster than an arm can move', async () => {
    const lane = new ScanLane(VIRTUAL);
    const tasks = tasksAt(lane, 8);
    expect(await tasks.atOnce()).toBe(1);
    lane.note({ directories: 2000, seconds: 1 });
    expect(await tasks.atOnce()).toBe(4);
    tasks.end();
    expect(await tasks.atOnce()).toBe(4);
  });

  it.each([
    ['a disk that spins', { directories: 20_000, seconds: 100 }],
    ['a few directories that lay side by side', { directories: 50, seconds: 0.01 }],
    ['nothing at all', { directories: 0, seconds: 0 }],
  ])('are not more after %s', (_, share) => {
    const lane = new ScanLane(VIRTUAL);
    lane.note(share);
    expect(lane.readers).toBe(1);
  });

  it('are fewer again when the rest comes from an arm, which all of them share', () => {
    const lane = new ScanLane(VIRTUAL);
    lane.note({ directories: 20_000, seconds: 1 });
    // Each of the four gets a quarter of what the device gives.
    lane.note({ directories: 600, seconds: 3 });
    expect(lane.readers).toBe(4);
    lane.note({ directories: 300, seconds: 3 });
    expect(lane.readers).toBe(1);
  });

  it('stay as they are where the operator has said how many', () => {
    const lane = new ScanLane({ device: 'vda', readers: 1, most: 1, spins: true });
    lane.note({ directories: 20_000, seconds: 1 });
    expect(lane.readers).toBe(1);
  });
});
