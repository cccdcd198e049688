import type { CatalogOsd } from '../catalog/catalog.ts';
import type { ObjectCopy } from '../image/resolve-objects.ts';
import { type ImageTarget, openSink } from '../io/image-sink.ts';
import type { CopyFailure, CopyJob, CopyResult } from './copy-objects.ts';
import type { LossDetail } from './loss-map.ts';
import { forEachPiece, type Losses, type ObjectPlan } from './plan.ts';
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
}

/** A plan on its way: which copies are left to try, and what became of the others. */
interface Attempt {
  plan: ObjectPlan;
  left: ObjectCopy[];
  failed: { copy: ObjectCopy; failure: CopyFailure; reason: string }[];
  /** what is left once no copy passes */
  lastResort: ObjectCopy[];
  /** the copy that the running job reads */
  current: ObjectCopy | undefined;
  /** last resort: size and digest no longer count */
  lenient: boolean;
}

/** One message to a worker: 32 MiB or a thousand objects, whichever comes first. */
const TASK_BYTES = 32 << 20;
const TASK_OBJECTS = 1024;

function bytesOf(plan: ObjectPlan): number {
  let bytes = 0;
  for (let i = 1; i < plan.pieces.length; i += 3) bytes += plan.pieces[i]!;
  return bytes;
}

function jobOf({ plan, current, failed, lenient }: Attempt, verify: Verify, lanes: ReadLanes): CopyJob {
  const { erasure } = plan;
  return {
    ref: current!.ref,
    ec: erasure && { ...erasure, shards: lanes.located(plan.copies) },
    size: plan.size,
    digest: plan.digest,
    pieces: plan.pieces,
    overwrite: failed.length > 0,
    lenient: lenient || verify === 'none',
    examine: plan.unexamined,
  };
}

/** Copies planned objects into a target, turning to another copy where one fails. */
export async function copyPlans(
  plans: readonly ObjectPlan[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  losses: Losses,
): Promise<CopyOutcome> {
  const totals: CopyOutcome = { read: 0, written: 0, objects: 0, gone: [] };
  let attempts = plans.map(
    (plan): Attempt => ({
      plan,
      left: [...plan.copies],
      lastResort: [],
      failed: [],
      current: undefined,
      lenient: false,
    }),
  );
  while (attempts.length > 0) {
    const results = await runRound(attempts, lanes, target, verify, losses);
    attempts = [];
    for (const { attempt, result } of results) {
      if (result.ok) finish(attempt, result, totals, losses);
      else if (result.failure === 'whiteout') totals.gone.push(attempt.plan);
      else {
        const { failure, reason } = result;
        attempt.failed.push({ copy: attempt.current!, failure, reason });
        attempts.push(attempt);
      }
    }
  }
  return totals;
}

interface Outcome {
  attempt: Attempt;
  result: CopyResult;
}

/** Gives every attempt its next copy and runs them all, a few messages for each OSD. */
async function runRound(
  attempts: readonly Attempt[],
  lanes: ReadLanes,
  target: ImageTarget,
  verify: Verify,
  losses: Losses,
): Promise<Outcome[]> {
  const byOsd = new Map<CatalogOsd, Attempt[]>();
  for (const attempt of attempts) {
    if (!takeNextCopy(attempt, lanes)) {
      if (attempt.failed.length > 0) zeroPieces(attempt.plan, target);
      giveUp(attempt, losses);
      continue;
    }
    const osd = attempt.current!.osd.catalog;
    const list = byOsd.get(osd);
    if (list === undefined) byOsd.set(osd, [attempt]);
    else list.push(attempt);
  }
  const tasks = [...byOsd].flatMap(([osd, list]) =>
    batches(list).map(async ({ attempts: batch, bytes }) => {
      const jobs = batch.map((attempt) => jobOf(attempt, verify, lanes));
      const results = await lanes.copy(osd, jobs, target, bytes);
      return batch.map((attempt, i): Outcome => ({ attempt, result: results[i]! }));
    }),
  );
  return (await Promise.all(tasks)).flat();
}

function* batchesOf(attempts: readonly Attempt[]): Generator<{ attempts: Attempt[]; bytes: number }> {
  let batch: Attempt[] = [];
  let bytes = 0;
  for (const attempt of attempts) {
    batch.push(attempt);
    bytes += bytesOf(attempt.plan);
    if (bytes < TASK_BYTES && batch.length < TASK_OBJECTS) continue;
    yield { attempts: batch, bytes };
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield { attempts: batch, bytes };
}

const batches = (attempts: readonly Attempt[]) => [...batchesOf(attempts)];

/** False when no copy is left to try. */
function takeNextCopy(attempt: Attempt, lanes: ReadLanes): boolean {
  const copy = lanes.leastBusy(attempt.left, bytesOf(attempt.plan));
  if (copy !== undefined) {
    // One job reads all shards of an erasure-coded object: there is nothing to turn to after it.
    attempt.left = attempt.plan.erasure === undefined ? attempt.left.filter((other) => other !== copy) : [];
    attempt.current = copy;
    return true;
  }
  // A whole copy that is not what object_info says, or an older one, is worth more than none: the
  // report names it.
  if (!attempt.lenient) {
    attempt.lenient = true;
    const whole = attempt.failed.filter(({ failure }) => failure !== 'unreadable');
    attempt.lastResort = [...whole.map((f) => f.copy), ...attempt.plan.lastResort];
  }
  for (let next = attempt.lastResort.shift(); next !== undefined; next = attempt.lastResort.shift()) {
    attempt.current = lanes.leastBusy([next], bytesOf(attempt.plan));
    if (attempt.current !== undefined) return true;
  }
  return false;
}

/** Why the copies that count could not be used. */
function whyNot({ plan, failed }: Attempt): string {
  const reasons = failed.map((f) => f.reason);
  const names = plan.copies.map(({ osd }) => osd.name).join(', ');
  if (reasons.length === 0) reasons.push(`version ${plan.version ?? 'unknown'} is on ${names}, not at hand`);
  return reasons.join('; ');
}

const detailOf = ({ pg, copies, version }: ObjectPlan): LossDetail => ({
  ...(pg === undefined ? {} : { pg }),
  ...(version === undefined ? {} : { version }),
  osds: copies.map(({ osd }) => osd.name),
});

/** What a copy would find without reading: doubts, and objects whose OSDs are all not at hand. */
export function noteUnreachable(plan: ObjectPlan, lanes: ReadLanes, losses: Losses): void {
  const { copies, doubt } = plan;
  if (copies.some(({ osd }) => lanes.isHere(osd.catalog))) {
    if (doubt === undefined) return;
    forEachPiece(plan.pieces, (at, n) => losses.doubtful.add(at, n, plan.object, doubt, detailOf(plan)));
    return;
  }
  const attempt: Attempt = { plan, left: [], lastResort: [], failed: [], current: undefined, lenient: false };
  giveUp(attempt, losses);
}

function finish(
  attempt: Attempt,
  result: CopyResult & { ok: true },
  totals: CopyTotals,
  losses: Losses,
): void {
  totals.read += result.read;
  totals.written += result.written;
  totals.objects++;
  const { plan, lenient, current } = attempt;
  const older = plan.lastResort.includes(current!) ? `; another version was taken from ${current!.osd.name}` : '';
  const reason = lenient ? whyNot(attempt) + older : plan.doubt;
  if (reason === undefined) return;
  forEachPiece(plan.pieces, (at, n) => losses.doubtful.add(at, n, plan.object, reason, detailOf(plan)));
}

/** What is reported lost reads as zeros, whatever a copy left there before it failed. */
function zeroPieces(plan: ObjectPlan, target: ImageTarget): void {
  const sink = openSink(target);
  try {
    forEachPiece(plan.pieces, (offset, length) => sink.zero(offset, length));
  } finally {
    sink.close();
  }
}

function giveUp(attempt: Attempt, losses: Losses): void {
  const { plan } = attempt;
  const reason = whyNot(attempt);
  forEachPiece(plan.pieces, (at, n) => losses.lost.add(at, n, plan.object, reason, detailOf(plan)));
}
