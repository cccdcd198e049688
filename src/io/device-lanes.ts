import { readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { DeviceLane, DeviceLanes } from './ports.ts';
import { asSourceError } from './source-errors.ts';

/** Linux's dev_t as `stat` gives it, split as sys/sysmacros.h does. */
const major = (dev: number): number => ((dev >> 8) & 0xfff) | (Math.floor(dev / 2 ** 32) & ~0xfff);
const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00);

/** What the kernel says of a block device. */
export const sysBlockPath = (dev: number): string => `/sys/dev/block/${major(dev)}:${minor(dev)}`;

/** A spinning disk has one arm: a second reader only moves it about. */
function isRotational(dev: number): boolean {
  const base = sysBlockPath(dev);
  for (const queue of [`${base}/queue/rotational`, `${base}/../queue/rotational`]) {
    try {
      return readFileSync(queue, 'latin1').trim() === '1';
    } catch {
      // a partition has no queue of its own; a network or FUSE mount has none at all
    }
  }
  return false;
}

function deviceOf(path: string): number {
  try {
    const stat = statSync(path);
    return stat.isBlockDevice() ? stat.rdev : stat.dev;
  } catch (error) {
    throw asSourceError(error, 'cannot stat', path);
  }
}

export const coreCount = (): number => availableParallelism();

/** Readers by device: `jobs` where the operator says so, else one for a disk that spins. */
export function deviceLanes(jobs: number | undefined): DeviceLanes {
  const byDevice = new Map<number, DeviceLane>();
  return {
    of: (path) => {
      const dev = deviceOf(path);
      let lane = byDevice.get(dev);
      if (lane === undefined) {
        const spins = isRotational(dev);
        const most = jobs ?? coreCount();
        // The kernel takes most virtual disks and RAID sets for such as spin.
        lane = { device: String(dev), readers: jobs ?? (spins ? 1 : most), most, spins };
        byDevice.set(dev, lane);
      }
      return lane;
    },
  };
}
