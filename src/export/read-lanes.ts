import type { CatalogOsd } from '../catalog/catalog.ts';
import { errorText, isSourceFault, type SalvageError } from '../errors/salvage-error.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { DeviceLanes, TaskRunner } from '../io/ports.ts';
import type { CopyAttrs, CopyDigest } from '../store/object-attrs.ts';
import type { ObjectRef, OsdLocation } from '../store/object-store.ts';
import type { Attempt } from './attempt.ts';
import type { CopyJob, CopyResult } from './copy-objects.ts';
import { type CopyProgress, closeProgress, startProgress } from './copy-progress.ts';
import { CopyQueue } from './copy-queue.ts';
import type { Decision } from './decision.ts';
import { DeviceGates } from './device-gates.ts';
import { bytesOf } from './plan.ts';
import { isNoAnswer, tolerantly } from './tolerantly.ts';

export interface AttrsTask {
  location: OsdLocation;
  refs: ObjectRef[];
  wantSnapSet: boolean;
}

export interface CopyTask {
  location: OsdLocation;
  jobs: CopyJob[];
  target: ImageTarget;
  /** the disk is to go on while an object is written */
  readAhead: boolean;
  /** shows which jobs are done */
  progress: CopyProgress;
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
const unreadable = (error: SalvageError): CopyResult => ({
  ...({ ok: false, failure: 'unreadable' } as const),
  reason: errorText(error),
});
const NOT_HERE = 'its OSD is not at hand';
/** An OSD whose device is not silent by itself is given up after as many. */
const SHARD_TRIES = 3;
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
  readonly #signal: AbortSignal | undefined;

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
    this.#signal = signal;
    this.#preferred = new Set(preferred);
    this.#runner = runner;
    this.#gates = new DeviceGates(lanes, (device) => this.queue.readersOf(device));
    this.#locations = locations;
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
      results = await this.#copySome(location, jobs, target, progress);
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

  /**
   * Where the disk does not answer, what it has given by then stays done: it may have been told of, and a
   * disk that dies does not give it twice. What has been begun is asked for one by one, so that one bad
   * object does not cost the others.
   */
  async #copySome(
    location: OsdLocation,
    jobs: CopyJob[],
    target: ImageTarget,
    progress: CopyProgress,
  ): Promise<(CopyResult | undefined)[]> {
    try {
      const results = await this.#copyOnce(location, jobs, target, progress);
      return jobs.map((_, i) => results[i]);
    } catch (error) {
      if (!isNoAnswer(error)) throw error;
      const ended = closeProgress(progress);
      // Its store could not even be opened, by now for the last time: nobody else is to try.
      if (ended.every((how) => how === 'waits') && !this.#mayRead(location, jobs)) {
        return jobs.map(() => unreadable(error));
      }
      const results: (CopyResult | undefined)[] = [];
      for (const [i, how] of ended.entries()) {
        if (how === 'waits') results.push(undefined);
        else if (how !== 'begun') results.push(how);
        else results.push(await this.#copyAgain(location, jobs[i]!, target, error, jobs.length));
      }
      return results;
    }
  }

  /** One that a silence has cut short, or that failed before it. */
  async #copyAgain(
    location: OsdLocation,
    job: CopyJob,
    target: ImageTarget,
    error: SalvageError,
    asked: number,
  ): Promise<CopyResult> {
    // It was not asked for alone; or as often as it takes until the silent disk is no shard's any more.
    let tries = job.ec === undefined ? Number(asked > 1) : SHARD_TRIES;
    // What it has left in the image so far need not be what this copy has.
    const again = { ...job, overwrite: true };
    let failure = error;
    for (let alive = this.#shardsAlive(job); tries > 0; tries--) {
      try {
        const [result] = await this.#copyOnce(location, [again], target, startProgress(1));
        return result!;
      } catch (silence) {
        if (!isNoAnswer(silence)) throw silence;
        failure = silence;
        const left = this.#shardsAlive(job);
        if (left < alive) tries++;
        alive = left;
      }
    }
    return unreadable(failure);
  }

  #shardsAlive({ ec }: CopyJob): number {
    return ec?.shards.filter((shard) => !this.#gates.isGivenUp(shard.location)).length ?? 0;
  }

  /** Is there a disk left to be asked? */
  #mayRead(location: OsdLocation, jobs: readonly CopyJob[]): boolean {
    return !this.#gates.isGivenUp(this.#anyAlive(location, jobs));
  }

  /** Any of the shards' OSDs can put erasure-coded objects together; others are read where they are. */
  #anyAlive(location: OsdLocation, jobs: readonly CopyJob[]): OsdLocation {
    if (!this.#gates.isGivenUp(location)) return location;
    if (jobs.some(({ ec }) => ec === undefined)) return location;
    const places = jobs.flatMap(({ ec }) => ec!.shards);
    return places.find((shard) => !this.#gates.isGivenUp(shard.location))?.location ?? location;
  }

  #copyOnce(
    queuedAt: OsdLocation,
    jobs: CopyJob[],
    target: ImageTarget,
    progress: CopyProgress,
  ): Promise<CopyResult[]> {
    const location = this.#anyAlive(queuedAt, jobs);
    const copyNow = () => {
      this.#signal?.throwIfAborted();
      const readAhead = this.#gates.of(location).spins === true;
      const asked = jobs.map((job) => this.#asked(job));
      const task: CopyTask = { location, jobs: asked, target, readAhead, progress };
      return this.#runner.run<CopyResult[]>('copy', task);
    };
    // Whichever shard's disk is silent is given up at once: the other shards may be enough.
    const isErasure = jobs.every(({ ec }) => ec !== undefined);
    return this.#gates.through(location, copyNow, isErasure);
  }

  /** A job without shards on disks that do not answer any more. */
  #asked(job: CopyJob): CopyJob {
    if (job.ec === undefined) return job;
    const shards = job.ec.shards
      .filter((shard) => !this.#gates.isGivenUp(shard.location))
      .map((shard) => ({ ...shard, device: Number(this.#gates.of(shard.location).device) || 0 }));
    return { ...job, ec: { ...job.ec, shards } };
  }
}

export type { CopyDigest } from '../store/object-attrs.ts';
