import type { ReplayedJournal } from '../image/image-journal.ts';
import type { Layer } from '../image/layer.ts';
import type { AttrsReader } from '../image/object-candidates.ts';
import { changedPlans, examinePlans, rangesOf } from './changed-plans.ts';
import { rangeBytes } from './export-image.ts';
import { intersection, subtract, union } from './intervals.ts';
import { forEachPiece, type ImageRange, type Losses, type ObjectPlan, planRanges } from './plan.ts';

/** Image bytes of objects that changed: those that exist now, and those that did. */
export interface ChangedObjects {
  data: ImageRange[];
  zero: ImageRange[];
}

export interface ChangedObjectsRequest {
  /** undefined: everything that exists is a change */
  from: Layer | undefined;
  to: Layer;
  /** writes of the image's journal, where `to` is its head and they are to count */
  journal?: ReplayedJournal | undefined;
  reader: AttrsReader;
  losses: Losses;
  signal?: AbortSignal;
}

/** Bytes of image planned at once. */
const RANGE = 256 << 20;

/** A full diff tells of data only: an object without any hides its parent, but holds none. */
const holdsData = ({ size }: ObjectPlan): boolean => size !== 0;

/** What the journal's writes make of it, in their order. */
function withJournal(
  changes: ChangedObjects,
  journal: ReplayedJournal | undefined,
  range: ImageRange,
): ChangedObjects {
  let { data, zero } = changes;
  for (const write of journal?.writes ?? []) {
    const part = intersection([write], [range]);
    if (write.data === undefined) [data, zero] = [subtract(data, part), union(zero, part)];
    else [data, zero] = [union(data, part), subtract(zero, part)];
  }
  return { data, zero };
}

async function ofRange(
  { from, to, journal, reader, losses }: ChangedObjectsRequest,
  range: ImageRange,
): Promise<ChangedObjects> {
  const { doubtful } = losses;
  const within = (layer: Layer): ImageRange[] => [
    { offset: range.offset, length: Math.min(range.length, layer.size - range.offset) },
  ];
  const before =
    from === undefined || from.size <= range.offset
      ? []
      : await planRanges(from, within(from), reader, losses);
  const planned = changedPlans(before, await planRanges(to, within(to), reader, losses), doubtful);
  const known = await examinePlans(planned.to, reader, losses);
  // What shows through a whiteout may be what was there before.
  const changed = changedPlans(planned.from, known, doubtful);
  for (const { doubt, pieces, object } of [...changed.from, ...changed.to]) {
    if (doubt !== undefined) forEachPiece(pieces, (at, n) => doubtful.add(at, n, object, doubt));
  }
  const data = rangesOf(from === undefined ? changed.to.filter(holdsData) : changed.to);
  const zero = subtract(rangesOf(changed.from), data);
  return withJournal({ data, zero }, journal, range);
}

/**
 * Which objects changed, whole, in order of the image. Reads attributes, no data: what is written
 * again with the same bytes counts as a change.
 */
export async function* changedObjects(
  request: ChangedObjectsRequest,
): AsyncGenerator<ChangedObjects> {
  const { to, signal } = request;
  const step = rangeBytes(to, RANGE);
  for (let offset = 0; offset < to.size; offset += step) {
    signal?.throwIfAborted();
    yield await ofRange(request, { offset, length: Math.min(step, to.size - offset) });
  }
}
