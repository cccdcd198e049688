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

/** For each reader of a disk that has given nothing yet: nobody knows its speed. */
const FIRST_BYTES = 8 << 20;
const TASK_OBJECTS = 1024;
/** A slow disk gets less at once: what it has begun, nobody takes over. */
const TASK_SECONDS = 0.5;
/** What no disk with an arm gives in a second. The kernel takes many a device for one, and may have what it holds in memory. */
const SPINNING_SPEED = 300 << 20;
/** What a device's last task counts for in its speed. */
const NEWEST = 0.5;

export interface BatchOutcome<Item> {
  /** bytes of the image that were had: what a disk failed at says nothing of its speed */
  bytes: number;
  /** bytes that the disk itself gave for them: holes cost it nothing */
  read: number;
  /** the others took too long, or their disk fell silent: these wait again, before all that wait already */
  notBegun: readonly Item[];
}

export type Work<Item> = (batch: Item[], osd: CatalogOsd) => Promise<BatchOutcome<Item>>;

const averaged = (before: number | undefined, newest: number): number =>
  before === undefined ? newest : before + NEWEST * (newest - before);

/** What is queued together and waited for together. */
export interface Run<Item> {
  work: Work<Item>;
  left: number;
  failure: { error: unknown } | undefined;
  end(): void;
}

export interface Waiting<Item> {
  item: Item;
  bytes: number;
  run: Run<Item>;
}

/** What waits for one device, in the order in which it was asked for. */
export class DeviceQueue<Item extends QueuedCopy> {
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
