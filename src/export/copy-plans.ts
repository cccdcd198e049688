import type { CatalogOsd } from '../catalog/catalog.ts';
import { errorText } from '../errors/salvage-error.ts';
import type { ObjectCopy } from '../image/object-candidates.ts';
import { type ImageTarget, openSink } from '../io/image-sink.ts';
import { Attempt } from './attempt.ts';
import type { CopyResult } from './copy-objects.ts';
import { type CopyProgress, doneSoFar, hasAll, startProgress } from './copy-progress.ts';
import type { Decision } from './decision.ts';
import type { LossMap } from './loss-map.ts';
import { type BereftPlan, detailOf, forEachPiece, type Losses, type ObjectPlan } from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

export type Verify = 'digest' | 'replicas' | 'none';

export interface CopyTotals {
  /** bytes read from the sources, and bytes other than zeros written */
  read: number;
  written: number;
  objects: number;
}

export interface CopyOutcome extends CopyTotals {
  /** plans whose object turned out to be a whiteout: it does not exist */
  gone: ObjectPlan[];
  /** clones that could not be read, with the pieces that a newer object may still have */
  bereft: BereftPlan[];
}

/** Copies planned objects into a target, turning to another copy where one fails. */
export async function copyPlans(
  plans: readonly ObjectPlan[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  losses: Losses,
): Promise<CopyOutcome> {
  const totals: CopyOutcome = { read: 0, written: 0, objects: 0, gone: [], bereft: [] };
  let attempts = plans.map((plan) => new Attempt(plan));
  while (attempts.length > 0) {
    const outcomes = await runRound(attempts, lanes, target, verify, totals, losses);
    // Before they are booked, which changes what the attempts say of themselves.
    for (const outcome of outcomes) lanes.decided?.(decisionOf(outcome));
    attempts = outcomes
      .filter((outcome) => !settle(outcome, target, totals, losses))
      .map(({ attempt }) => attempt);
  }
  return totals;
}

interface Outcome {
  attempt: Attempt;
  result: CopyResult;
}

const factsOf = ({ object, version, copies }: ObjectPlan) => ({
  object,
  ...(version === undefined ? {} : { version }),
  among: copies.map(({ osd }) => osd.name),
});

const lossOf = ({ plan, whyNot }: Attempt): Decision => ({
  event: 'lost',
  ...factsOf(plan),
  why: whyNot,
});

function decisionOf({ attempt, result }: Outcome): Decision {
  const { plan, copy, stage, doubt } = attempt;
  const facts = { ...factsOf(plan), osd: copy!.osd.name, how: stage };
  if (result.ok) {
    const why = doubt === undefined ? {} : { why: doubt };
    return { event: 'read', ...facts, bytes: result.read, ...why };
  }
  return { event: result.failure === 'whiteout' ? 'gone' : 'failed', ...facts, why: result.reason };
}

/** Books one result. False: the object is to be tried again. */
function settle(
  { attempt, result }: Outcome,
  target: ImageTarget,
  totals: CopyOutcome,
  losses: Losses,
): boolean {
  const { plan, copy, stage } = attempt;
  if (!result.ok) {
    const { failure, reason } = result;
    if (failure !== 'whiteout') attempt.failed.push({ copy: copy!, failure, reason });
    else dropWhiteout(attempt, target, totals, losses);
    return failure === 'whiteout';
  }
  totals.read += result.read;
  totals.written += result.written;
  const checked = stage === 'sectors' && result.checked === true;
  const doubt = checked ? plan.doubt : attempt.doubt;
  if (doubt !== undefined) addAll(losses.doubtful, withoutBad(attempt.pieces, result), plan, doubt);
  if (stage === 'sectors' && result.bad.length > 0) {
    attempt.pieces = result.bad.flatMap(({ piece }) => piece);
    return false;
  }
  totals.objects++;
  return true;
}

/** A copy says that the object does not exist: what copies that failed have written must go. */
function dropWhiteout(
  { plan, copy, failed, whyNot }: Attempt,
  target: ImageTarget,
  { gone }: CopyOutcome,
  { doubtful }: Losses,
): void {
  gone.push(plan);
  if (failed.length === 0) return;
  zeroPieces(plan.pieces, target);
  addAll(doubtful, plan.pieces, plan, `${whyNot}; ${copy!.osd.name} has it as deleted`);
}

/** Pieces of an attempt, less the parts that could not be read. */
function withoutBad(pieces: readonly number[], { bad }: CopyResult & { ok: true }): number[] {
  const good: number[] = [];
  let next = 0;
  for (let i = 0; i < pieces.length; i += 3) {
    const shift = pieces[i + 2]! - pieces[i]!;
    const end = pieces[i]! + pieces[i + 1]!;
    let at = pieces[i]!;
    for (; next < bad.length && bad[next]!.piece[0] < end; next++) {
      const [from, length] = bad[next]!.piece;
      if (from > at) good.push(at, from - at, at + shift);
      at = from + length;
    }
    if (end > at) good.push(at, end - at, at + shift);
  }
  return good;
}

/** Gives every attempt its next copy and has them all read. @returns outcomes in the order of the attempts */
async function runRound(
  attempts: readonly Attempt[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  totals: CopyOutcome,
  losses: Losses,
): Promise<Outcome[]> {
  const taken = attempts.filter((attempt) => {
    if (attempt.takeNext(lanes)) return true;
    giveUp(attempt, target, totals, losses);
    lanes.decided?.(lossOf(attempt));
    return false;
  });
  const results = new Map<Attempt, CopyResult>();
  await lanes.queue.run(taken, async (batch, osd) => {
    const jobs = batch.map((attempt) => attempt.job(verify, lanes));
    const own = await copyWatched(batch, losses, (progress) =>
      lanes.copy(osd, jobs, target, progress),
    );
    const outcomes = batch.flatMap((attempt, i): Outcome[] => {
      const result = own[i];
      return result === undefined ? [] : [{ attempt, result }];
    });
    for (const { attempt, result } of outcomes) results.set(attempt, result);
    noteFaults(outcomes, osd, lanes);
    const given = outcomes.flatMap(({ attempt, result }) =>
      result.ok ? [{ bytes: attempt.bytes, read: fromOneDisk(attempt, result.read) }] : [],
    );
    return {
      bytes: given.reduce((sum, { bytes }) => sum + bytes, 0),
      read: given.reduce((sum, { read }) => sum + read, 0),
      notBegun: batch.filter((_, i) => own[i] === undefined),
    };
  });
  return taken.map((attempt) => ({ attempt, result: results.get(attempt)! }));
}

/** Shards come from several disks, and nobody knows how fast each of them was. */
const fromOneDisk = ({ plan }: Attempt, read: number): number =>
  plan.erasure === undefined ? read : 0;

/** Objects that a disk could not give; where shards of several disks make one, nobody knows whose fault it was. */
function noteFaults(outcomes: readonly Outcome[], osd: CatalogOsd, lanes: ReadLanes): void {
  for (const { attempt, result } of outcomes) {
    const whole = attempt.plan.erasure === undefined;
    if (whole && !result.ok && result.failure === 'unreadable') lanes.noteFault(osd);
  }
}

/** Tells of each object as soon as it is done for good, while others of its batch are still being read. */
async function copyWatched(
  batch: readonly Attempt[],
  { copied, watch }: Losses,
  copy: (progress: CopyProgress) => Promise<(CopyResult | undefined)[]>,
): Promise<(CopyResult | undefined)[]> {
  const progress = startProgress(batch.length);
  if (copied === undefined) return copy(progress);
  const seen = new Uint8Array(batch.length);
  const tell = (resultOf: (i: number) => CopyResult | undefined) => {
    for (const [i, attempt] of batch.entries()) {
      const result = seen[i] === 1 ? undefined : resultOf(i);
      if (result === undefined || !hasAll(result)) continue;
      if (attempt.doubt === undefined) copied(attempt.pieces);
      seen[i] = 1;
    }
  };
  const look = () => tell((i) => doneSoFar(progress, i));
  const stop = watch?.(look);
  try {
    const results = await copy(progress);
    tell((i) => results[i]);
    return results;
  } finally {
    stop?.();
    // Where the batch has failed, the run ends, but what was done by then is done.
    look();
  }
}

function addAll(map: LossMap, pieces: readonly number[], plan: ObjectPlan, reason: string): void {
  forEachPiece(pieces, (at, n) => map.add(at, n, plan.object, reason, detailOf(plan)));
}

/** What is reported lost reads as zeros, whatever a copy left there before it failed. */
function giveUp(
  { plan, pieces, failed, whyNot }: Attempt,
  target: ImageTarget,
  { bereft }: CopyOutcome,
  losses: Losses,
): void {
  if (plan.clone !== undefined) bereft.push({ plan: { ...plan, pieces }, reason: whyNot });
  else addAll(losses.lost, pieces, plan, whyNot);
  if (failed.length > 0) zeroPieces(pieces, target);
}

function zeroPieces(pieces: readonly number[], target: ImageTarget): void {
  const sink = openSink(target);
  try {
    forEachPiece(pieces, (offset, length) => sink.zero(offset, length));
  } finally {
    sink.close();
  }
}

/** What a copy would find without reading: doubts, and objects too little of which is at hand. */
export function noteUnreachable(plan: ObjectPlan, lanes: ReadLanes, losses: Losses): void {
  const { copies, doubt, pieces } = plan;
  const here = copies.filter(({ osd }) => lanes.isHere(osd.catalog));
  const why = shortageOf(plan, here);
  if (why !== undefined) addAll(losses.lost, pieces, plan, why);
  else if (doubt !== undefined) addAll(losses.doubtful, pieces, plan, doubt);
}

/** Why the copies at hand do not make the object. */
function shortageOf(plan: ObjectPlan, here: readonly ObjectCopy[]): string | undefined {
  if (here.length === 0) return new Attempt(plan).whyNot;
  const { code } = plan.layer.image.cluster.erasureOf(here[0]!.ref.id.pool) ?? {};
  if (code === undefined) return undefined;
  const shards = new Set(here.map(({ ref }) => ref.id.shard));
  return code.plan(shards) === undefined ? errorText(code.shortage(shards)) : undefined;
}
