import { type Extent, NOSNAP } from '../ceph/encoding.ts';
import type { SnapSet } from '../ceph/snapset.ts';

/** Which object serves a snapshot. */
export type CloneRule =
  | { kind: 'head'; doubt?: string }
  | { kind: 'absent'; doubt?: string }
  | ServingClone;

export interface ServingClone {
  kind: 'clone';
  clone: bigint;
  /** whether it serves the snapshot stands in the clone's own object_info */
  bySnaps: boolean;
  /** what the SnapSet knows of it; undefined where the clone was guessed */
  snapSet?: SnapSet;
  doubt?: string;
}

/** The rule proper: the smallest clone from the snapshot on serves it, if it says so. */
export function cloneFromSnapSet(snapSet: SnapSet, snapId: bigint): CloneRule {
  if (snapId > snapSet.seq) return { kind: 'head' };
  const clone = snapSet.clones.find((id) => id >= snapId);
  if (clone === undefined) return { kind: 'absent' };
  const serves = snapSet.cloneSnaps.get(clone);
  if (serves === undefined) return { kind: 'clone', clone, bySnaps: true, snapSet };
  return serves.includes(snapId)
    ? { kind: 'clone', clone, bySnaps: false, snapSet }
    : { kind: 'absent' };
}

/**
 * Without any SnapSet the clones that lie there are the only evidence.
 * @param ids of clones that the object has
 * @param base what there is beside them, its SnapSet lost
 */
export function guessClone(
  ids: readonly number[],
  snapId: bigint,
  base: 'head' | 'snapdir' | undefined,
): CloneRule {
  const clone = ids.filter((id) => id >= 0 && BigInt(id) >= snapId).sort((a, b) => a - b)[0];
  if (clone === undefined && base !== 'head') {
    // A snapdir has clones, and clones have a head, a whiteout or a snapdir: something is lost.
    const isBereft = base === 'snapdir' || ids.some((id) => id >= 0);
    return isBereft
      ? { kind: 'absent', doubt: 'its SnapSet is lost: a clone of it may have been there' }
      : { kind: 'absent' };
  }
  const doubt = 'no SnapSet can be read: what served the snapshot was chosen by clone id';
  if (clone === undefined) return { kind: 'head', doubt };
  return { kind: 'clone', clone: BigInt(clone), bySnaps: false, doubt };
}

/** The object whose bytes a clone shares where `clone_overlap` says so: the next clone, or the head. */
export function nextNewer(snapSet: SnapSet, clone: bigint): bigint {
  // Of a list that is out of order, whatever is greater: a search must get ahead.
  return snapSet.clones.find((other) => other > clone) ?? NOSNAP;
}

/** What two ascending lists of extents both cover. */
export function commonExtents(a: readonly Extent[], b: readonly Extent[]): Extent[] {
  const common: Extent[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length; ) {
    const [endA, endB] = [a[i]!.offset + a[i]!.length, b[j]!.offset + b[j]!.length];
    const offset = Math.max(a[i]!.offset, b[j]!.offset);
    const length = Math.min(endA, endB) - offset;
    if (length > 0) common.push({ offset, length });
    if (endA <= endB) i++;
    else j++;
  }
  return common;
}
