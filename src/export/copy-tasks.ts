import { errorText, type SalvageError } from '../errors/salvage-error.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { TaskRunner } from '../io/ports.ts';
import type { OsdLocation } from '../store/object-store.ts';
import type { CopyJob, CopyResult } from './copy-objects.ts';
import { type CopyProgress, closeProgress, startProgress } from './copy-progress.ts';
import type { DeviceGates } from './device-gates.ts';
import { isNoAnswer } from './tolerantly.ts';

export interface CopyTask {
  location: OsdLocation;
  jobs: CopyJob[];
  target: ImageTarget;
  /** the disk is to go on while an object is written */
  readAhead: boolean;
  /** shows which jobs are done */
  progress: CopyProgress;
}

const unreadable = (error: SalvageError): CopyResult => ({
  ...({ ok: false, failure: 'unreadable' } as const),
  reason: errorText(error),
});
/** An OSD whose device is not silent by itself is given up after as many. */
const SHARD_TRIES = 3;

/** Has batches of objects copied by threads, and again what a silent disk has cut short. */
export class CopyTasks {
  readonly #runner: TaskRunner;
  readonly #gates: DeviceGates;
  readonly #signal: AbortSignal | undefined;

  /** @param signal aborted: nothing is begun any more, and what waits throws its reason */
  constructor(runner: TaskRunner, gates: DeviceGates, signal: AbortSignal | undefined) {
    this.#runner = runner;
    this.#gates = gates;
    this.#signal = signal;
  }

  /**
   * Copies objects of one OSD. Where the disk does not answer, what it has given by then stays done: it may have been told of, and a
   * disk that dies does not give it twice. What has been begun is asked for one by one, so that one bad
   * object does not cost the others.
   * @param progress shows which of them are done for good while others are still to come
   * @returns outcomes at their jobs' places; undefined: not begun
   */
  async copy(
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
