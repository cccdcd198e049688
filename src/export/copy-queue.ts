import type { CatalogOsd } from '../catalog/catalog.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import type { DeviceLane } from '../io/ports.ts';

/** An object that waits for its disk. */
export interface QueuedCopy {
  /** the copy that is to be read; it is chosen when the object is queued */
  readonly copy: ObjectCopy | undefined;
  /** bytes of the image that it is to give */
  readonly bytes: number;
  /** copies that would do as well */
  readonly spare: readonly ObjectCopy[];
  /** its bytes come from several OSDs at once: in a batch there are only such, or none */
  readonly isSharded: boolean;
}

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

/** One message to a worker: a reader waits about a millisecond for the next one. What it does not come to in time is handed back. */
const TASK_BYTES = 64 << 20;
/** For each reader of a disk that has given nothing yet: nobody knows its speed. */
const FIRST_BYTES = 8 << 20;
const TASK_OBJECTS = 1024;
/** As little as is worth a message, towards the end. */
const LEAST_BYTES = 1 << 20;
/** A slow disk gets less at once: what it has begun, nobody takes over. */
const TASK_SECONDS = 0.5;
/** So many of another device's objects are looked at for one to take over. */
const LOOK_AT = 512;
/** What no disk with an arm gives in a second. The kernel takes many a device for one, and may have what it holds in memory. */
const SPINNING_SPEED = 300 << 20;
/** What a device's last task counts for in its speed. */
const NEWEST = 0.5;

export interface BatchOutcome<Item> {
  /** bytes of the image that were had: what a disk failed at says nothing of its speed */
  bytes: number;
  /** bytes that the disk itself gave for them: holes cost it nothing */
  read: number;
  /** these took too long for the others: they wait again, before all that wait already */
  notBegun: readonly Item[];
}

type Work<Item> = (batch: Item[], osd: CatalogOsd) => Promise<BatchOutcome<Item>>;

const averaged = (before: number | undefined, newest: number): number =>
  before === undefined ? newest : before + NEWEST * (newest - before);

/** What is queued together and waited for together. */
interface Run<Item> {
  work: Work<Item>;
  left: number;
  failure: { error: unknown } | undefined;
  end(): void;
}

interface Waiting<Item> {
  item: Item;
  bytes: number;
  run: Run<Item>;
}

/** What waits for one device, in the order in which it was asked for. */
class DeviceQueue<Item extends QueuedCopy> {
  readonly device: string;
  readonly #lane: DeviceLane;
  #isFast = false;
  /** bytes that wait, and bytes and tasks that are being read */
  bytes = 0;
  inFlight = 0;
  running = 0;
  /** bytes of the image that a reader of it is done with in a second; undefined: not known yet */
  #speed: number | undefined;
  /** bytes that it gives all its readers in a second */
  #throughput: number | undefined;
  #waiting: Waiting<Item>[] = [];

  constructor(lane: DeviceLane) {
    this.device = lane.device;
    this.#lane = lane;
  }

  get readers(): number {
    const { readers, most = readers } = this.#lane;
    return this.#isFast ? most : readers;
  }

  get isFree(): boolean {
    return this.running < this.readers;
  }

  get first(): Waiting<Item> | undefined {
    return this.#waiting[0];
  }

  push(one: Waiting<Item>): void {
    this.#waiting.push(one);
    this.bytes += one.bytes;
  }

  putBack(some: readonly Waiting<Item>[]): void {
    this.#waiting.unshift(...some);
    for (const { bytes } of some) this.bytes += bytes;
  }

  /** Takes what is wanted of the first `look`, in order, until it is `limit` bytes. */
  take(limit: number, look: number, isWanted: (one: Waiting<Item>) => boolean): Waiting<Item>[] {
    const waiting = this.#waiting;
    const taken: Waiting<Item>[] = [];
    const end = Math.min(look, waiting.length);
    let bytes = 0;
    let kept = 0;
    let i = 0;
    for (; i < end && bytes < limit && taken.length < TASK_OBJECTS; i++) {
      const one = waiting[i]!;
      if (isWanted(one)) {
        taken.push(one);
        bytes += one.bytes;
      } else waiting[kept++] = one;
    }
    waiting.splice(kept, i - kept);
    this.bytes -= bytes;
    return taken;
  }

  remove(run: Run<Item>): Waiting<Item>[] {
    const isOfRun = (one: Waiting<Item>) => one.run === run;
    const removed = this.#waiting.filter(isOfRun);
    this.#waiting = this.#waiting.filter((one) => !isOfRun(one));
    for (const { bytes } of removed) this.bytes -= bytes;
    return removed;
  }

  /** Of a batch, before it counts as no longer running. */
  noteSpeed({ bytes, read }: BatchOutcome<Item>, seconds: number): void {
    if (bytes === 0) return;
    const speed = bytes / Math.max(seconds, 1e-3);
    this.#speed = averaged(this.#speed, speed);
    // All that read at the same time have got as much. Holes, and too few readers, do not show what it can.
    if (read < bytes / 2 || this.running < this.readers) return;
    this.#throughput = averaged(this.#throughput, (speed * this.running * read) / bytes);
    this.#isFast = this.#throughput > (this.#isFast ? SPINNING_SPEED : 2 * SPINNING_SPEED);
  }

  /** Bytes that one of its readers is not too long busy with. */
  get moderate(): number {
    return this.#speed === undefined ? FIRST_BYTES : this.#speed * TASK_SECONDS;
  }

  /** Would one of its readers have an object sooner than another disk that has it in its queue? */
  isSooner(bytes: number, other: DeviceQueue<Item>): boolean {
    if (this.#speed === undefined || other.#speed === undefined) return true;
    return bytes / this.#speed <= other.#secondsOf(other.bytes + other.inFlight);
  }

  /** Would another disk have an object sooner, at the end of its queue, than a reader of this one now? */
  isLater(bytes: number, other: DeviceQueue<Item>): boolean {
    if (this.#speed === undefined || other.#speed === undefined) return false;
    // All readers of the other disk get at what waits there, but one alone at each object.
    const waits = other.#secondsOf(other.bytes + other.inFlight + bytes);
    return bytes / this.#speed > Math.max(waits, bytes / other.#speed);
  }

  #secondsOf(bytes: number): number {
    return bytes / (this.#speed! * this.readers);
  }
}

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
