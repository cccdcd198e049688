import type { CopyResult } from './copy-objects.ts';

/**
 * How far a worker has come with the objects of a task, in memory that it shares with the thread that
 * waits for it: for each object a state, the bytes read and the bytes written.
 */
export type CopyProgress = BigInt64Array<SharedArrayBuffer>;

const FIELDS = 3;
const WAITS = 0n;
/** begun; it may have failed as well */
const BEGUN = 1n;
const DONE = 2n;
/** done, and the store's own checksums vouch for it */
const CHECKED = 3n;
/** nobody waits for this worker any more */
const CLOSED = 4n;

export const startProgress = (jobs: number): CopyProgress =>
  new BigInt64Array(new SharedArrayBuffer(jobs * FIELDS * BigInt64Array.BYTES_PER_ELEMENT));

/** Was nothing left out? */
export const hasAll = (result: CopyResult): result is CopyResult & { ok: true } =>
  result.ok && result.bad.length === 0;

/**
 * The worker's side: from now on an object may have left something in the image.
 * @throws when this worker was given up, and somebody else may have begun it
 */
export function noteBegun(progress: CopyProgress, job: number): void {
  const was = Atomics.compareExchange(progress, job * FIELDS, WAITS, BEGUN);
  if (was === CLOSED) throw new Error('a thread that was given up has come back');
}

/** The worker's side: an object of which all is written is done for good. */
export function noteDone(progress: CopyProgress, job: number, result: CopyResult): void {
  if (!hasAll(result)) return;
  const at = job * FIELDS;
  progress[at + 1] = BigInt(result.read);
  progress[at + 2] = BigInt(result.written);
  // A thread that was given up may come back to life: what it does then counts no more.
  Atomics.compareExchange(progress, at, BEGUN, result.checked ? CHECKED : DONE);
}

/** An object's outcome, where the worker has done it. */
export function doneSoFar(progress: CopyProgress, job: number): CopyResult | undefined {
  const at = job * FIELDS;
  const state = Atomics.load(progress, at);
  if (state !== DONE && state !== CHECKED) return undefined;
  const [read, written] = [Number(progress[at + 1]), Number(progress[at + 2])];
  return { ok: true, read, written, bad: [], ...(state === CHECKED && { checked: true }) };
}

/** How far an object has come when its worker is given up. */
export type Ended = CopyResult | 'begun' | 'waits';

/** Ends it for all of them: whatever the worker still says of those that are not done counts no more. */
export const closeProgress = (progress: CopyProgress): Ended[] =>
  Array.from({ length: progress.length / FIELDS }, (_, job) => {
    for (;;) {
      const done = doneSoFar(progress, job);
      if (done !== undefined) return done;
      const state = Atomics.load(progress, job * FIELDS);
      const was = Atomics.compareExchange(progress, job * FIELDS, state, CLOSED);
      if (was === state) return state === WAITS ? 'waits' : 'begun';
    }
  });
