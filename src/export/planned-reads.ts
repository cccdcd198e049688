import type { ObjectPlan } from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

/** Bytes that an export would read, by OSD, with every object's copy chosen as the export would. */
export class PlannedReads {
  readonly #byOsd = new Map<string, number>();

  add(plan: ObjectPlan, lanes: ReadLanes): void {
    const bytes = bytesOf(plan);
    // Of an erasure-coded object each shard at hand is read, and holds its share.
    const shards = plan.erasure === undefined ? undefined : plan.copies.filter(isHere(lanes));
    if (shards !== undefined) {
      for (const { osd } of shards) this.#count(osd.name, bytes / shards.length);
      return;
    }
    const copy = lanes.leastBusy(plan.copies, bytes);
    if (copy !== undefined) this.#count(copy.osd.name, bytes);
  }

  #count(osd: string, bytes: number): void {
    this.#byOsd.set(osd, (this.#byOsd.get(osd) ?? 0) + bytes);
  }

  get total(): number {
    return [...this.#byOsd.values()].reduce((sum, bytes) => sum + bytes, 0);
  }

  /** Most first. */
  list(): { osd: string; bytes: number }[] {
    return [...this.#byOsd]
      .map(([osd, bytes]) => ({ osd, bytes: Math.round(bytes) }))
      .sort((a, b) => b.bytes - a.bytes);
  }
}

const isHere =
  (lanes: ReadLanes) =>
  ({ osd }: ObjectPlan['copies'][number]): boolean =>
    lanes.isHere(osd.catalog);

/** Bytes of a plan's pieces that its object can have: past its end there is nothing to read. */
function bytesOf({ pieces, size }: ObjectPlan): number {
  let bytes = 0;
  for (let i = 0; i < pieces.length; i += 3) {
    const length = pieces[i + 1]!;
    const there = size === undefined ? length : Math.max(0, Math.min(length, size - pieces[i]!));
    bytes += there;
  }
  return bytes;
}
