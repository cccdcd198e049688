import type { DeviceLane } from '../io/ports.ts';
import type { ShareResult } from './scan-messages.ts';
import { Semaphore } from './semaphore.ts';

/** Directories that no disk with an arm lists in a second: for nearly each it has to move, and mostly more than once. */
const SPINNING_DIRECTORIES = 500;
/** Of fewer nothing follows: they may have lain side by side. */
const ENOUGH_DIRECTORIES = 100;

/**
 * The readers of one device during a scan. The kernel takes many a virtual disk or RAID set for one that spins, and what
 * lies in the page cache comes from no disk: while directories come faster than an arm can move, there are as many readers as
 * the lane takes at most.
 */
export class ScanLane {
  readonly lane: DeviceLane;
  readonly #gate: Semaphore;
  #isFast = false;

  constructor(lane: DeviceLane) {
    this.lane = lane;
    this.#gate = new Semaphore(lane.readers);
  }

  get readers(): number {
    const { readers, most = readers } = this.lane;
    return this.#isFast ? most : readers;
  }

  use<T>(work: () => Promise<T>): Promise<T> {
    return this.#gate.use(work);
  }

  /** What one of its readers was done with, while as many others as there are now were at work. */
  note({ directories, seconds }: Pick<ShareResult, 'directories' | 'seconds'>): void {
    if (directories < ENOUGH_DIRECTORIES) return;
    const all = (directories / Math.max(seconds, 1e-6)) * this.readers;
    this.#isFast = all > (this.#isFast ? SPINNING_DIRECTORIES : 2 * SPINNING_DIRECTORIES);
    this.#gate.limit = this.readers;
  }
}
