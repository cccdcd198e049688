import type { CatalogOsd } from '../catalog/catalog.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import type { DeviceLane } from '../io/ports.ts';
import { DeviceQueue, type QueuedCopy, type Run, type Waiting, type Work } from './device-queue.ts';

/** What the queue knows of the disks. */
export interface QueueHost<Item extends QueuedCopy> {
  /** the device that a copy lies on; undefined where it is not at hand */
  deviceOf(copy: ObjectCopy): DeviceLane | undefined;
  /** may a device take over what another was asked for? */
  mayHelp(device: string): boolean;
  /** from now on one of its spare copies is the one to be read */
  move(item: Item, to: ObjectCopy): void;
  /** it is not read at all, because others of its run have failed */
  drop(item: Item): void;
}

/** One message to a worker, who hands back what it does not come to: a reader waits about a millisecond for the next. */
const TASK_BYTES = 64 << 20;
/** As little as is worth a message, towards the end. */
const LEAST_BYTES = 1 << 20;
/** So many of another device's objects are looked at for one to take over. */
const LOOK_AT = 512;
/**
 * What is to be copied waits here for its disk, and is handed to a worker only when a reader of that
 * disk is free. A disk that has nothing to do takes over what others have not begun and it has a copy
 * of as well: disks are of different speeds, and one that fails may become very slow.
 */
export class CopyQueue<Item extends QueuedCopy> {
  readonly #host: QueueHost<Item>;
  readonly #queues = new Map<string, DeviceQueue<Item>>();

  constructor(host: QueueHost<Item>) {
    this.#host = host;
  }

  /**
   * Has each item worked on, with others of the same OSD, in about the order given. Resolves when all
   * are done.
   * @throws what the first failed work threw, once no other is in flight; those not begun are dropped
   */
  run(items: readonly Item[], work: Work<Item>): Promise<void> {
    if (items.length === 0) return Promise.resolve();
    return new Promise((resolve, reject) => {
      const run: Run<Item> = {
        ...{ work, left: items.length, failure: undefined },
        end: () => (run.failure === undefined ? resolve() : reject(run.failure.error)),
      };
      for (const item of items) {
        this.#queueOf(item.copy!)!.push({ item, bytes: item.bytes, run });
        // It may have nothing of its own to do, and help all the more.
        for (const copy of item.spare) this.#queueOf(copy);
      }
      this.#startAll();
    });
  }

  /** How many readers a device takes, as far as it is known by now; undefined: nothing was asked of it yet. */
  readersOf(device: string): number | undefined {
    return this.#queues.get(device)?.readers;
  }

  #queueOf(copy: ObjectCopy): DeviceQueue<Item> | undefined {
    const lane = this.#host.deviceOf(copy);
    if (lane === undefined) return undefined;
    let queue = this.#queues.get(lane.device);
    if (queue === undefined) {
      queue = new DeviceQueue(lane);
      this.#queues.set(lane.device, queue);
    }
    return queue;
  }

  #startAll(): void {
    const queues = [...this.#queues.values()];
    for (const queue of queues) if (queue.isFree) this.#giveAway(queue);
    for (const queue of queues) {
      while (queue.isFree && this.#start(queue, this.#takeOwn(queue)));
    }
    for (const queue of queues) {
      while (queue.isFree && this.#start(queue, this.#takeOver(queue)));
    }
  }

  /** Bytes to hand out at once: few towards the end, so that all disks end together. */
  #limitFor({ moderate }: DeviceQueue<Item>): number {
    let bytes = 0;
    let readers = 0;
    for (const queue of this.#queues.values()) {
      bytes += queue.bytes;
      readers += queue.readers;
    }
    return Math.min(TASK_BYTES, Math.max(LEAST_BYTES, Math.min(moderate, bytes / (2 * readers))));
  }

  /** Near the end the others are sooner done with it than a slow disk. */
  #giveAway(queue: DeviceQueue<Item>): void {
    for (let { first } = queue; first !== undefined; first = queue.first) {
      const { item, bytes } = first;
      const isBetter = (copy: ObjectCopy) => {
        const other = this.#queueOf(copy);
        // Several OSDs may lie on one disk.
        if (other === undefined || other === queue) return false;
        return this.#host.mayHelp(other.device) && queue.isLater(bytes, other);
      };
      const copy = item.spare.find(isBetter);
      if (copy === undefined) return;
      queue.take(1, 1, () => true);
      this.#host.move(item, copy);
      this.#queueOf(copy)!.push(first);
    }
  }

  #takeOwn(queue: DeviceQueue<Item>): Waiting<Item>[] {
    const { first } = queue;
    if (first === undefined) return [];
    const osd = first.item.copy!.osd.catalog;
    return queue.take(
      ...([this.#limitFor(queue), Number.POSITIVE_INFINITY] as const),
      ({ item, run }) =>
        run === first.run &&
        item.copy!.osd.catalog === osd &&
        item.isSharded === first.item.isSharded,
    );
  }

  /** What others have not begun, from the one that has most to do; the first of it is wanted first. */
  #takeOver(queue: DeviceQueue<Item>): Waiting<Item>[] {
    if (!this.#host.mayHelp(queue.device)) return [];
    const others = [...this.#queues.values()]
      .filter((other) => other !== queue && other.first !== undefined)
      .sort((a, b) => b.bytes - a.bytes);
    for (const other of others) {
      const taken = this.#takeFrom(other, queue);
      if (taken.length > 0) return taken;
    }
    return [];
  }

  #takeFrom(other: DeviceQueue<Item>, queue: DeviceQueue<Item>): Waiting<Item>[] {
    let run: Run<Item> | undefined;
    let osd: CatalogOsd | undefined;
    const copyHere = ({ spare }: Item) =>
      spare.find((copy) => this.#host.deviceOf(copy)?.device === queue.device);
    const isWanted = (one: Waiting<Item>) => {
      const copy = copyHere(one.item);
      if (copy === undefined || one.item.isSharded) return false;
      if (!queue.isSooner(one.bytes, other)) return false;
      run ??= one.run;
      osd ??= copy.osd.catalog;
      return one.run === run && copy.osd.catalog === osd;
    };
    const limit = Math.min(this.#limitFor(queue), other.bytes / 2);
    const taken = other.take(limit, LOOK_AT, isWanted);
    for (const { item } of taken) this.#host.move(item, copyHere(item)!);
    return taken;
  }

  /** @returns false when there is nothing to start */
  #start(queue: DeviceQueue<Item>, batch: Waiting<Item>[]): boolean {
    if (batch.length === 0) return false;
    this.#work(queue, batch);
    return true;
  }

  async #work(queue: DeviceQueue<Item>, batch: readonly Waiting<Item>[]): Promise<void> {
    const { run, item } = batch[0]!;
    const bytes = batch.reduce((sum, one) => sum + one.bytes, 0);
    const items = batch.map((one) => one.item);
    queue.running++;
    queue.inFlight += bytes;
    const started = performance.now();
    let again: readonly Waiting<Item>[] = [];
    try {
      const outcome = await run.work(items, item.copy!.osd.catalog);
      queue.noteSpeed(outcome, (performance.now() - started) / 1000);
      const notBegun = new Set(outcome.notBegun);
      again = batch.filter((one) => notBegun.has(one.item));
      queue.putBack(again);
      if (run.failure !== undefined) this.#dropFrom(queue, run);
    } catch (error) {
      this.#fail(run, error);
    }
    queue.running--;
    queue.inFlight -= bytes;
    run.left -= batch.length - again.length;
    if (run.left === 0) run.end();
    this.#startAll();
  }

  #fail(run: Run<Item>, error: unknown): void {
    run.failure ??= { error };
    for (const queue of this.#queues.values()) this.#dropFrom(queue, run);
  }

  #dropFrom(queue: DeviceQueue<Item>, run: Run<Item>): void {
    for (const { item } of queue.remove(run)) {
      this.#host.drop(item);
      run.left--;
    }
  }
}
