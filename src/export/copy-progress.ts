import type { CopyResult } from './copy-objects.ts';

/**
 * How far a worker has come with the objects of a task, in memory that it shares with the thread that
 * waits for it: for each object a state, the bytes read and the bytes written.
 */
export type CopyProgress = BigInt64Array<SharedArrayBuffer>;

const FIELDS = 3;
const NOT_YET = 0n;
const DONE = 1n;
/** done, and the store's own checksums vouch for it */
const CHECKED = 2n;
/** nobody waits for it any more: it is being done again */
const CLOSED = 3n;

export const startProgress = (jobs: number): CopyProgress =>
  new BigInt64Array(new SharedArrayBuffer(jobs * FIELDS * BigInt64Array.BYTES_PER_ELEMENT));

/** Was nothing left out? */
export const hasAll = (result: CopyResult): result is CopyResult & { ok: true } =>
  result.ok && result.bad.length === 0;

/** The worker's side: an object of which all is written is done for good. */
export function noteDone(progress: CopyProgress, job: number, result: CopyResult): void {
  if (!hasAll(result)) return;
  const at = job * FIELDS;
  progress[at + 1] = BigInt(result.read);
  progress[at + 2] = BigInt(result.written);
  // A thread that was given up may come back to life: what it does then counts no more.
  Atomics.compareExchange(progress, at, NOT_YET, result.checked ? CHECKED : DONE);
}

/** An object's outcome, where the worker has done it. */
export function doneSoFar(progress: CopyProgress, job: number): CopyResult | undefined {
  const at = job * FIELDS;
  const state = Atomics.load(progress, at);
  if (state !== DONE && state !== CHECKED) return undefined;
  const [read, written] = [Number(progress[at + 1]), Number(progress[at + 2])];
  return { ok: true, read, written, bad: [], ...(state === CHECKED && { checked: true }) };
}

/** Ends it. @returns for each object its outcome; undefined: it is to be done again, whatever the worker still says */
export function closeProgress(progress: CopyProgress): (CopyResult | undefined)[] {
  return Array.from({ length: progress.length / FIELDS }, (_, job) => {
    Atomics.compareExchange(progress, job * FIELDS, NOT_YET, CLOSED);
    return doneSoFar(progress, job);
  });
}
