import type { CatalogOsd } from '../catalog/catalog.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { DeviceLanes, TaskRunner } from '../io/ports.ts';
import type { CopyAttrs, CopyDigest } from '../store/object-attrs.ts';
import type { ObjectRef, OsdLocation } from '../store/object-store.ts';
import type { Attempt } from './attempt.ts';
import type { CopyJob, CopyResult } from './copy-objects.ts';
import { startProgress } from './copy-progress.ts';
import { CopyQueue } from './copy-queue.ts';
import { CopyTasks } from './copy-tasks.ts';
import type { Decision } from './decision.ts';
import { DeviceGates } from './device-gates.ts';
import { bytesOf } from './plan.ts';
import { tolerantly } from './tolerantly.ts';

export interface AttrsTask {
  location: OsdLocation;
  refs: ObjectRef[];
  wantSnapSet: boolean;
}

export interface DigestTask {
  location: OsdLocation;
  refs: ObjectRef[];
}

export interface StartTask {
  location: OsdLocation;
  ref: ObjectRef;
  length: number;
}

const notRead = (error: string): CopyAttrs => ({ size: 0, mtimeMs: 0, error });
const notDigested = (error: string): CopyDigest => ({ size: 0, crc: 0, error });
const NOT_HERE = 'its OSD is not at hand';
/** Objects of one attribute request: enough to be worth a message, few enough to share a disk. */
const ATTRS_BATCH = 512;
/** Whole objects are read: a batch is some 64 MiB. */
const DIGEST_BATCH = 16;

/** What many faults add to a device's load, in bytes: more than any export has. */
const FAULTY_LOAD = 2 ** 52;

/** The OSDs as readers: a gate for each device, and how much is asked of it already. */
export class ReadLanes {
  readonly #runner: TaskRunner;
  readonly #locations: ReadonlyMap<string, OsdLocation>;
  readonly #gates: DeviceGates;
  readonly #tasks: CopyTasks;
  readonly #pending = new Map<string, number>();
  /** what is to be copied, until a reader of its disk is free */
  readonly queue = new CopyQueue<Attempt>({
    deviceOf: ({ osd }) => {
      const location = this.#locations.get(osd.catalog.key);
      return location && this.#gates.of(location);
    },
    mayHelp: (device) =>
      !this.#gates.health.isGivenUp(device) && !this.#gates.health.isFaulty(device),
    move: (attempt, to) => {
      this.#addLoad(attempt.copy!, -attempt.bytes);
      attempt.moveTo(to);
      this.#addLoad(to, attempt.bytes);
    },
    drop: (attempt) => this.#addLoad(attempt.copy!, -attempt.bytes),
  });
  /** told of every copy taken or given up */
  decided: ((decision: Decision) => void) | undefined;
  readonly #preferred: ReadonlySet<string>;

  /**
   * @param preferred names of OSDs to read from where they have a copy that counts
   * @param signal aborted: no copy is begun any more, and those that wait throw its reason
   */
  constructor(
    runner: TaskRunner,
    lanes: DeviceLanes,
    locations: ReadonlyMap<string, OsdLocation>,
    preferred: readonly string[] = [],
    signal?: AbortSignal,
  ) {
    this.#preferred = new Set(preferred);
    this.#runner = runner;
    this.#gates = new DeviceGates(lanes, (device) => this.queue.readersOf(device));
    this.#locations = locations;
    this.#tasks = new CopyTasks(runner, this.#gates, signal);
  }

  /** OSDs at hand: no more disks can be read from at the same time. */
  get osdCount(): number {
    return this.#locations.size;
  }

  isHere(osd: CatalogOsd): boolean {
    const location = this.#locations.get(osd.key);
    return location !== undefined && !this.#gates.isGivenUp(location);
  }

  /** An object could not be read from there: with many such its device is used last. */
  noteFault(osd: CatalogOsd): void {
    this.#gates.health.noteFault(this.#gates.of(this.#locations.get(osd.key)!).device);
  }

  /** Copies with where their OSDs are; those whose OSD is not at hand are left out. */
  located(copies: readonly ObjectCopy[]): { location: OsdLocation; ref: ObjectRef }[] {
    return copies.flatMap(({ osd, ref }) => {
      const location = this.#locations.get(osd.catalog.key);
      return location === undefined || this.#gates.isGivenUp(location) ? [] : [{ location, ref }];
    });
  }

  /** The copy on the device that has the least to do; its load then counts `bytes` more. */
  leastBusy(copies: readonly ObjectCopy[], bytes: number): ObjectCopy | undefined {
    let best: ObjectCopy | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const copy of copies) {
      const location = this.#locations.get(copy.osd.catalog.key);
      if (location === undefined || this.#gates.isGivenUp(location)) continue;
      const { device } = this.#gates.of(location);
      const own = this.isPreferred(copy) ? -Infinity : 0;
      const faulty = this.#gates.health.isFaulty(device) ? FAULTY_LOAD : 0;
      const load = own + faulty + (this.#pending.get(device) ?? 0);
      if (load < least) {
        least = load;
        best = copy;
      }
    }
    if (best !== undefined) this.#addLoad(best, bytes);
    return best;
  }

  /** Does the operator want it to be read from there? */
  isPreferred({ osd }: ObjectCopy): boolean {
    return this.#preferred.has(osd.name);
  }

  #addLoad(copy: ObjectCopy, bytes: number): void {
    const { device } = this.#gates.of(this.#locations.get(copy.osd.catalog.key)!);
    this.#pending.set(device, (this.#pending.get(device) ?? 0) + bytes);
  }

  /** Attributes of copies, in the order given. */
  readonly readAttrs = (
    copies: readonly ObjectCopy[],
    wantSnapSet: boolean,
  ): Promise<CopyAttrs[]> =>
    this.#perOsd(copies, ATTRS_BATCH, notRead, (location, refs) => {
      const task: AttrsTask = { location, refs, wantSnapSet };
      return this.#runner.run<CopyAttrs[]>('attrs', task);
    });

  /** What the bytes of copies come to, in the order given. */
  readonly digestCopies = (copies: readonly ObjectCopy[]): Promise<CopyDigest[]> =>
    this.#perOsd(copies, DIGEST_BATCH, notDigested, (location, refs) => {
      const task: DigestTask = { location, refs };
      return this.#runner.run<CopyDigest[]>('digests', task);
    });

  /** Asks each OSD about its own copies, in batches through its device's gate. */
  async #perOsd<T>(
    copies: readonly ObjectCopy[],
    batchSize: number,
    unread: (why: string) => T,
    ask: (location: OsdLocation, refs: ObjectRef[]) => Promise<T[]>,
  ): Promise<T[]> {
    const result = new Array<T>(copies.length).fill(unread(NOT_HERE));
    const byOsd = new Map<CatalogOsd, number[]>();
    for (const [i, { osd }] of copies.entries()) {
      const list = byOsd.get(osd.catalog);
      if (list === undefined) byOsd.set(osd.catalog, [i]);
      else list.push(i);
    }
    const askOsd = async (osd: CatalogOsd, indexes: number[]) => {
      const location = this.#locations.get(osd.key);
      if (location === undefined) return;
      for (let at = 0; at < indexes.length; at += batchSize) {
        const batch = indexes.slice(at, at + batchSize);
        const refs = batch.map((i) => copies[i]!.ref);
        const askSome = (some: ObjectRef[]) =>
          this.#gates.through(location, () => ask(location, some));
        const answers = await tolerantly(refs, askSome, unread);
        for (const [j, i] of batch.entries()) result[i] = answers[j]!;
      }
    };
    await Promise.all([...byOsd].map(([osd, indexes]) => askOsd(osd, indexes)));
    return result;
  }

  /** Up to `length` bytes from the start of the first copy that can be read. */
  readonly readStart = async (
    copies: readonly ObjectCopy[],
    length: number,
  ): Promise<Uint8Array | undefined> => {
    for (const { osd, ref } of copies) {
      const location = this.#locations.get(osd.catalog.key);
      if (location === undefined) continue;
      try {
        const task: StartTask = { location, ref, length };
        return await this.#gates.through(location, () =>
          this.#runner.run<Uint8Array>('start', task),
        );
      } catch (error) {
        if (!isSourceFault(error)) throw error;
      }
    }
    return undefined;
  };

  /**
   * Copies objects of one OSD, which `leastBusy` has counted.
   * @param progress shows which of them are done for good while others are still to come
   * @returns outcomes at their jobs' places; undefined: not begun, because others took too long or
   * their disk fell silent
   */
  async copy(
    osd: CatalogOsd,
    jobs: CopyJob[],
    target: ImageTarget,
    progress = startProgress(jobs.length),
  ): Promise<(CopyResult | undefined)[]> {
    const location = this.#locations.get(osd.key)!;
    const { device } = this.#gates.of(location);
    let results: (CopyResult | undefined)[] | undefined;
    try {
      results = await this.#tasks.copy(location, jobs, target, progress);
      return results;
    } finally {
      let load = this.#pending.get(device) ?? 0;
      for (const [i, { pieces }] of jobs.entries()) {
        // What was not begun is still to be read.
        if (results === undefined || results[i] !== undefined) load -= bytesOf(pieces);
      }
      this.#pending.set(device, load);
    }
  }
}

export type { CopyDigest } from '../store/object-attrs.ts';
