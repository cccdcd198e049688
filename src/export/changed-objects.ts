import type { Layer } from '../image/layer.ts';
import type { AttrsReader } from '../image/object-candidates.ts';
import { changedPlans, examinePlans, rangesOf } from './changed-plans.ts';
import { rangeBytes } from './export-image.ts';
import { subtract } from './intervals.ts';
import { type ImageRange, type Losses, type ObjectPlan, planRanges } from './plan.ts';

/** Image bytes of objects that changed: those that exist now, and those that did. */
export interface ChangedObjects {
  data: ImageRange[];
  zero: ImageRange[];
}

export interface ChangedObjectsRequest {
  /** undefined: everything that exists is a change */
  from: Layer | undefined;
  to: Layer;
  reader: AttrsReader;
  losses: Losses;
  signal?: AbortSignal;
}

/** Bytes of image planned at once. */
const RANGE = 256 << 20;

/** A full diff tells of data only: an object without any hides its parent, but holds none. */
const holdsData = ({ size }: ObjectPlan): boolean => size !== 0;

async function ofRange(
  { from, to, reader, losses }: ChangedObjectsRequest,
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
  const data = rangesOf(from === undefined ? changed.to.filter(holdsData) : changed.to);
  return { data, zero: subtract(rangesOf(changed.from), data) };
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
