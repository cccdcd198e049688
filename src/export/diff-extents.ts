import type { ReplayedJournal } from '../image/image-journal.ts';
import type { Layer } from '../image/layer.ts';
import type { ImageTarget } from '../io/image-sink.ts';
import type { Progress } from '../io/ports.ts';
import { blockRuns, type DiffRun, type DiffSegment } from './block-runs.ts';
import { changedPlans, rangesOf } from './changed-plans.ts';
import type { CopyTotals, Verify } from './copy-plans.ts';
import { copyPlanned } from './copy-range.ts';
import { rangeBytes, replayJournal } from './export-image.ts';
import { intersection, subtract, union } from './intervals.ts';
import { LossMap, type LossRange } from './loss-map.ts';
import { type ImageRange, type Losses, type ObjectPlan, planRanges } from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

export interface DiffRequest {
  /** undefined: a full diff, from an image that reads as zeros */
  from: Layer | undefined;
  to: Layer;
  /** writes of the image's journal, where `to` is its head */
  journal: ReplayedJournal | undefined;
  /** tell of whole objects, whether or not their bytes differ */
  wholeObject: boolean;
  lanes: ReadLanes;
  verify: Verify;
  progress: Progress;
  signal: AbortSignal;
  /** gets what of `to` is lost or doubtful */
  losses: Losses;
  /** counts what was read */
  totals: CopyTotals;
  /** what is known to be lost or doubtful in `from`: what did not change is so in `to` as well */
  inherited?: { lost: readonly LossRange[]; doubtful: readonly LossRange[] };
}

/** Both ends of a range are held in memory, and two ranges at a time. */
const RANGE = 32 << 20;
const RANGES = 2;

const newLosses = (): Losses => ({ lost: new LossMap(), doubtful: new LossMap() });
const rangesIn = ({ lost, doubtful }: Losses): ImageRange[] =>
  union(lost.ranges(), doubtful.ranges());

function addAll(map: LossMap, ranges: readonly LossRange[]): void {
  for (const { offset, length, object, reason, ...detail } of ranges) {
    map.add(offset, length, object, reason, detail);
  }
}

/** The parts of losses that lie in `within`. */
const clipped = (losses: readonly LossRange[], within: readonly ImageRange[]): LossRange[] =>
  losses.flatMap((loss) => intersection([loss], within).map((part) => ({ ...loss, ...part })));

class RangeDiff {
  readonly #request: DiffRequest;
  readonly #range: ImageRange;
  readonly #from = newLosses();
  readonly #to = newLosses();

  constructor(request: DiffRequest, range: ImageRange) {
    this.#request = request;
    this.#range = range;
  }

  async #plan(layer: Layer | undefined, losses: Losses): Promise<ObjectPlan[]> {
    const { offset, length } = this.#range;
    const inside = layer === undefined ? 0 : Math.min(length, layer.size - offset);
    if (layer === undefined || inside <= 0) return [];
    return planRanges(layer, [{ offset, length: inside }], this.#request.lanes.readAttrs, losses);
  }

  async #copy(
    plans: readonly ObjectPlan[],
    losses: Losses,
  ): Promise<ImageTarget & { kind: 'memory' }> {
    const { lanes, verify, totals } = this.#request;
    const { offset: base, length } = this.#range;
    const target = { kind: 'memory' as const, buffer: new SharedArrayBuffer(length), base };
    const copied = await copyPlanned(plans, lanes, target, verify, losses);
    totals.read += copied.read;
    totals.objects += copied.objects;
    return target;
  }

  async runs(): Promise<DiffRun[]> {
    const { from, to, journal, wholeObject } = this.#request;
    const before = await this.#plan(from, this.#from);
    const planned = await this.#plan(to, this.#to);
    const changed = changedPlans(before, planned, this.#to.doubtful);
    const candidates = union(rangesOf(changed.from), rangesOf(changed.to));
    const journaled = intersection(journal?.writes ?? [], [this.#range]);
    const unsettled = [
      ...rangesIn(this.#from),
      ...intersection(journal?.doubtful ?? [], [this.#range]),
    ];
    if (candidates.length + journaled.length + unsettled.length === 0) {
      this.#report([]);
      return [];
    }
    const target = await this.#copy(changed.to, this.#to);
    replayJournal({ journal, layer: to }, this.#range, target, this.#to);
    const old = changed.from.length > 0 ? await this.#copy(changed.from, this.#from) : undefined;
    // Zeros stand for what is lost: only where `to` is known can it replace what `from` may have been.
    const unsure = subtract(rangesIn(this.#from), rangesIn(this.#to));
    const all = union(unsure, journaled, wholeObject ? candidates : []);
    this.#report(union(candidates, all));
    const bytes = { from: old && Buffer.from(old.buffer), to: Buffer.from(target.buffer) };
    return blockRuns({ ...bytes, base: this.#range.offset }, segmentsOf(candidates, all));
  }

  #report(changed: readonly ImageRange[]): void {
    const { losses, inherited } = this.#request;
    addAll(losses.lost, this.#to.lost.ranges());
    addAll(losses.doubtful, this.#to.doubtful.ranges());
    if (inherited === undefined) return;
    const unchanged = subtract([this.#range], changed);
    addAll(losses.lost, clipped(inherited.lost, unchanged));
    addAll(losses.doubtful, clipped(inherited.doubtful, unchanged));
  }
}

function segmentsOf(candidates: readonly ImageRange[], all: readonly ImageRange[]): DiffSegment[] {
  const compared = subtract(candidates, all).map((range) => ({ ...range, all: false }));
  return [...compared, ...all.map((range) => ({ ...range, all: true }))].sort(
    (a, b) => a.offset - b.offset,
  );
}

/**
 * What leads from one layer of an image to another, in order of the image: applied to what an export
 * of `from` gives, cut or grown to the size of `to`, it makes what an export of `to` gives. Objects
 * that serve both are not read; the bytes of others are compared. Ranges whose content at `from` is
 * lost or doubtful are told of whole, so that the result holds whatever the receiver has there.
 * The runs of a step view a buffer of 32 MiB that lives as long as they do.
 */
export async function* diffRuns(request: DiffRequest): AsyncGenerator<DiffRun[]> {
  const { to, progress, signal } = request;
  const step = rangeBytes(to, RANGE);
  const waiting: { length: number; runs: Promise<DiffRun[]> }[] = [];
  for (let offset = 0; offset < to.size || waiting.length > 0; ) {
    signal.throwIfAborted();
    while (offset < to.size && waiting.length < RANGES) {
      const length = Math.min(step, to.size - offset);
      const runs = new RangeDiff(request, { offset, length }).runs();
      runs.catch(() => {}); // it is awaited in its turn
      waiting.push({ length, runs });
      offset += length;
    }
    const { length, runs } = waiting.shift()!;
    yield await runs;
    progress.advance(length);
  }
}
