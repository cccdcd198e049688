import { intersection, subtract, union } from './intervals.ts';
import type { LossRange } from './loss-map.ts';
import type { ImageRange } from './plan.ts';

/** One entry of a diff: bytes that changed and now hold data, or read as zeros. */
export interface DiffExtent extends ImageRange {
  exists: boolean;
  /** some of it could not be read, or not be proven current */
  lost?: true;
  doubtful?: true;
}

/** Gathers extents in order of the image, with neighbours of a kind joined. */
export class ExtentList {
  readonly extents: DiffExtent[] = [];

  add(offset: number, length: number, exists: boolean): void {
    const last = this.extents[this.extents.length - 1];
    if (last !== undefined && last.exists === exists && last.offset + last.length === offset) {
      last.length += length;
    } else {
      this.extents.push({ offset, length, exists });
    }
  }
}

function flagged(
  extents: readonly DiffExtent[],
  losses: readonly LossRange[],
  flag: 'lost' | 'doubtful',
): DiffExtent[] {
  const ranges = union(losses);
  if (ranges.length === 0) return [...extents];
  const touched = extents.flatMap((extent) => {
    const within = intersection([extent], ranges).map((range) => ({
      ...extent,
      ...range,
      [flag]: true,
    }));
    return [...within, ...subtract([extent], ranges).map((range) => ({ ...extent, ...range }))];
  });
  // What is lost may have changed, whatever else is known: a list without it would say it did not.
  const others = subtract(ranges, extents).map((range) => ({
    ...range,
    exists: false,
    [flag]: true,
  }));
  return [...touched, ...others].sort((a, b) => a.offset - b.offset);
}

/** Extents cut along what is lost or doubtful, which is marked so and never left out. */
export const markLosses = (
  extents: readonly DiffExtent[],
  { lost, doubtful }: { lost: readonly LossRange[]; doubtful: readonly LossRange[] },
): DiffExtent[] => flagged(flagged(extents, lost, 'lost'), doubtful, 'doubtful');
