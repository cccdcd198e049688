import type { DeviceLane } from '../io/ports.ts';
import type { ShareResult } from './scan-messages.ts';
import { Semaphore } from './semaphore.ts';

/** Directories that no disk with an arm lists in a second: for nearly each it has to move, and mostly more than once. */
const SPINNING_DIRECTORIES = 500;
/** Of fewer nothing follows: they may have lain side by side. */
const ENOUGH_DIRECTORIES = 100;

/** Threads beside one for each device, which fast devices share: work for slow ones must not wait for theirs. */
export interface SpareThreads {
  left: number;
}

/**
 * The readers of one device during a scan. The kernel takes many a virtual disk or RAID set for one that spins, and what
 * lies in the page cache comes from no disk: while directories come faster than an arm can move, there are as many readers as
 * the lane takes at most, and as there are threads for.
 */
export class ScanLane {
  readonly lane: DeviceLane;
  readonly #gate: Semaphore;
  readonly #spare: SpareThreads;
  #extra = 0;

  constructor(lane: DeviceLane, spare: SpareThreads) {
    this.lane = lane;
    this.#gate = new Semaphore(lane.readers);
    this.#spare = spare;
  }

  get readers(): number {
    return this.lane.readers + this.#extra;
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#gate.use(work);
    } finally {
      if (this.#gate.isIdle) this.#take(0);
    }
  }

  /** @param extra readers beside those that the lane has in any case */
  #take(extra: number): void {
    this.#spare.left -= extra - this.#extra;
    this.#extra = extra;
    this.#gate.limit = this.readers;
  }

  /**
   * What one reader of a FileStore was done with, while others were at work: called before it leaves. Some of those may have
   * been at an OSD's metadata, which is a small part of a scan.
   */
  note({ listed, seconds }: Pick<ShareResult, 'listed' | 'seconds'>): void {
    if (listed < ENOUGH_DIRECTORIES) return;
    const { readers, most = readers } = this.lane;
    const all = (listed / Math.max(seconds, 1e-6)) * this.#gate.held;
    const isFast = all > (this.#extra > 0 ? SPINNING_DIRECTORIES : 2 * SPINNING_DIRECTORIES);
    this.#take(isFast ? Math.min(most - readers, this.#extra + this.#spare.left) : 0);
  }
}
