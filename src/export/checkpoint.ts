import type { ImageMap, PartStatus } from './image-map.ts';
import { forEachPiece, type ImageRange, type Losses } from './plan.ts';

/** Where the state of an export is kept. */
export interface MapStore {
  /**
   * Replaces the kept state by the map as it is when this is called. Resolves when that, and every
   * byte which it says is done, would survive a power cut.
   * @throws DESTINATION
   */
  save(map: ImageMap): Promise<void>;
}

export interface CheckpointRequest {
  map: ImageMap;
  store: MapStore;
  /** false: nothing that is copied is known to be complete, so all of it stays doubtful */
  trusted: boolean;
  /** the output was begun by an earlier run */
  resumed: boolean;
  disks?: DisksSince;
}

/**
 * Whose disks are at hand, of those known when the earlier run read: all of them; fewer; or fewer, and others that were not
 * known then. Where some are away, it perhaps read what cannot be read now.
 */
export type DisksSince = 'all' | 'fewer' | 'others';

/** A killed export has this much, and what is in flight, to do again. */
const INTERVAL_MS = 40;

/**
 * Keeps the state of an export up to date while it runs. The output is made durable before the map
 * that tells of it: what the map calls done is never a promise.
 */
export class Checkpoint {
  readonly map: ImageMap;
  /** an earlier run may have left half-written bytes where the map says `?` */
  readonly resumed: boolean;
  readonly disks: DisksSince;
  /** bytes that the kept state calls done */
  #kept: number;
  /** what becomes of a range without losses */
  readonly #proven: PartStatus;
  readonly #store: MapStore;
  #dirty = false;
  #timer: NodeJS.Timeout | undefined;
  #saving: Promise<void> | undefined;
  #failure: unknown;
  #pauseMs = INTERVAL_MS;
  readonly #looks = new Set<() => void>();

  constructor({ map, store, trusted, resumed, disks = 'all' }: CheckpointRequest) {
    this.map = map;
    this.resumed = resumed;
    this.disks = disks;
    this.#kept = map.bytes('+');
    this.#store = store;
    this.#proven = trusted ? '+' : '/';
  }

  /** Bytes that a later run need not do again, as far as the state could be kept. */
  get kept(): number {
    return this.#kept;
  }

  /**
   * Takes back what is to be done again, before the first byte of it is touched.
   * @param kept doubtful ranges that stay as they are
   * @throws DESTINATION
   */
  begin(kept: readonly ImageRange[] = []): Promise<void> {
    for (const { offset, length, status } of [...this.map.runs()]) {
      if (status !== '+') this.map.set(offset, length, '?');
    }
    for (const { offset, length } of kept) this.map.set(offset, length, '/');
    return this.#save();
  }

  /** Pieces of an object, as triples, that were copied and are as good as proven. */
  readonly copied = (pieces: readonly number[]): void => {
    forEachPiece(pieces, (offset, length) => this.map.set(offset, length, this.#proven));
    this.#changed();
  };

  /**
   * Calls `look` whenever a save may be due, for what is done of work that takes longer; it calls `copied`.
   * @returns ends that
   */
  readonly watch = (look: () => void): (() => void) => {
    this.#looks.add(look);
    this.#wait();
    return () => this.#looks.delete(look);
  };

  /** Ranges that are done, holes and all, with what was lost in them. @throws DESTINATION */
  done(ranges: readonly ImageRange[], { lost, doubtful }: Losses): void {
    for (const { offset, length } of ranges) this.map.set(offset, length, this.#proven);
    for (const { offset, length } of doubtful.ranges()) this.map.set(offset, length, '/');
    for (const { offset, length } of lost.ranges()) this.map.set(offset, length, '-');
    this.#changed();
    // A state that cannot be kept is said at once, not after hours.
    if (this.#failure !== undefined) throw this.#failure;
  }

  #changed(): void {
    this.#dirty = true;
    this.#wait();
  }

  #wait(): void {
    if (this.#timer !== undefined || this.#failure !== undefined) return;
    this.#timer = setTimeout(() => this.#saveChanges(), this.#pauseMs);
  }

  #saveChanges(): void {
    for (const look of this.#looks) look();
    // Its failure is thrown by the next `done`.
    if (this.#dirty) this.#save().catch(() => {});
    else {
      this.#timer = undefined;
      if (this.#looks.size > 0) this.#wait();
    }
  }

  async #save(): Promise<void> {
    this.#dirty = false;
    const started = performance.now();
    const done = this.map.bytes('+');
    this.#saving = this.#store.save(this.map);
    try {
      await this.#saving;
      this.#kept = done;
    } catch (error) {
      // After a failed sync the system may call lost pages clean: nothing more is to be believed.
      this.#failure = error;
      throw error;
    } finally {
      this.#saving = undefined;
      this.#timer = undefined;
      // A slow disk has better things to do than to sync all the time.
      this.#pauseMs = Math.max(INTERVAL_MS, performance.now() - started);
    }
    if (this.#dirty || this.#looks.size > 0) this.#wait();
  }

  /** Saves no more, and waits for what is being saved. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer);
    this.#failure ??= new Error('stopped');
    await this.#saving?.catch(() => {});
    clearTimeout(this.#timer);
  }

  /** Saves what is there now, once nothing is being written any more. @throws DESTINATION */
  async finish(): Promise<void> {
    await this.#saving?.catch(() => {});
    clearTimeout(this.#timer);
    if (this.#failure !== undefined) throw this.#failure;
    await this.#save();
    clearTimeout(this.#timer);
  }
}
