import { type Extent, NOSNAP } from '../ceph/encoding.ts';
import { decodeSnapSet } from '../ceph/snapset.ts';
import { ROW_HEAD } from '../store/row-snap.ts';
import {
  type CloneRule,
  cloneFromSnapSet,
  commonExtents,
  guessClone,
  nextNewer,
  type ServingClone,
} from './clone-rule.ts';
import { judgeCopies, selectCopies, unproven } from './judge-copies.ts';
import { judgeObject } from './judge-object.ts';
import { copiesOf, type Layer, type PoolObjects } from './layer.ts';
import {
  AttrsBatch,
  type AttrsReader,
  byVersion,
  type Candidate,
  decoded,
  isHead,
} from './object-candidates.ts';
import type { KnownClone, RebuiltClone, Resolution } from './resolution.ts';

/** Which object serves the layer's snapshot, by the SnapSet that counts; undefined: no trace of it. */
export function cloneRuleOf(
  layer: Layer,
  pool: PoolObjects,
  objectNo: number,
  candidates: readonly Candidate[],
): CloneRule | undefined {
  const { snapId } = layer;
  let base: 'head' | 'snapdir' | undefined;
  let doubt: string | undefined;
  for (const kind of ['head', 'snapdir'] as const) {
    const group = candidates.filter((c) => isHead(c) === (kind === 'head'));
    if (group.length === 0) continue;
    const { verdict, copies } = selectCopies(layer, group);
    doubt ??= verdict.doubt;
    if (!verdict.exists) continue;
    const snapSet = copies
      .map((c) => decoded(c.attrs.snapSet, decodeSnapSet))
      .find((s) => s !== undefined);
    if (snapSet !== undefined) return withDoubt(cloneFromSnapSet(snapSet, snapId), verdict.doubt);
    base ??= kind;
  }
  const ids = standingClones(layer, pool, objectNo);
  if (base !== undefined || ids.length > 0) return withDoubt(guessClone(ids, snapId, base), doubt);
  // What lies here are leftovers: the PG has neither the object nor clones of it.
  return doubt === undefined ? undefined : { kind: 'absent', doubt };
}

const withDoubt = (rule: CloneRule, doubt: string | undefined): CloneRule =>
  doubt === undefined ? rule : { ...rule, doubt: rule.doubt ?? doubt };

/** Ids of the clones that an object has, as far as its PG tells without their attributes. */
function standingClones({ image }: Layer, { objects }: PoolObjects, objectNo: number): number[] {
  const bySnap = new Map<number, number[]>();
  for (const row of objects.rowsOf(objectNo)) {
    const snap = objects.snap(row);
    if (snap >= 0) bySnap.set(snap, [...(bySnap.get(snap) ?? []), row]);
  }
  const exists = (rows: readonly number[]): boolean => {
    const { id } = objects.ref(rows[0]!);
    const evidence = rows.map((row) => ({ osd: objects.osd(row).index, version: undefined }));
    return judgeObject(image.cluster.pgs.decide(id.pool, id.hash), id, evidence).exists;
  };
  return [...bySnap].filter(([, rows]) => exists(rows)).map(([snap]) => snap);
}

/** What the candidates of the clone that serves the layer's snapshot come to. */
export function judgeClone(
  layer: Layer,
  objectNo: number,
  rule: ServingClone,
  candidates: readonly Candidate[],
): Resolution {
  const { snapId, pools } = layer;
  const { clone, snapSet } = rule;
  const holder = pools.find(({ pool }) => candidates.some((c) => c.ref.id.pool === pool));
  if (holder === undefined)
    return { state: 'lost', reason: `clone ${clone} that held it is on none of the OSDs` };
  const own = candidates.filter((c) => c.ref.id.pool === holder.pool);
  if (rule.bySnaps) {
    const snaps = [...own].sort(byVersion)[0]!.info?.snaps ?? [];
    const oldest = snaps[snaps.length - 1];
    if (oldest !== undefined && snapId < oldest)
      return { state: 'absent', doubt: rule.doubt, whiteout: true };
  }
  const judged = judgeCopies(layer, holder, objectNo, own, rule.doubt);
  // The SnapSet says that it exists: a PG copy that lacks it has lost it.
  const doubt = `the SnapSet has clone ${clone}, the copy of the PG that counts has not`;
  const lacks = judged.state === 'absent' && !judged.whiteout;
  const resolution = lacks ? unproven(layer, own, doubt) : judged;
  if (resolution.state !== 'present' || snapSet === undefined) return resolution;
  return { ...resolution, clone: { objectNo, clone, snapSet } };
}

/** A clone that cannot be read, and why. */
export interface LostClone extends KnownClone {
  reason: string;
  /** why what it is rebuilt from may not be what it was */
  doubt: string | undefined;
}

/** A lost clone on its way up: what it has in common with `clone`, of which nothing can be read. */
interface Descent {
  lost: LostClone;
  clone: bigint;
  overlap: readonly Extent[];
}

/**
 * Clones that cannot be read, as far as newer objects have their bytes: `clone_overlap` says which
 * were not written between a clone and the next newer object. By object number; what cannot be had
 * that way is left out.
 */
export async function rebuildClones(
  layer: Layer,
  lost: readonly LostClone[],
  reader: AttrsReader,
): Promise<Map<number, RebuiltClone>> {
  const rebuilt = new Map<number, RebuiltClone>();
  let open = lost.map((known): Descent => {
    const { clone, snapSet } = known;
    return { lost: known, clone, overlap: snapSet.cloneOverlap.get(clone) ?? [] };
  });
  while (open.length > 0) {
    const batch = new AttrsBatch();
    for (const { lost: known, clone } of open) addNewer(layer, known, clone, batch);
    const newer = await batch.read(reader, false);
    open = open.flatMap((descent) => {
      const { objectNo } = descent.lost;
      const found = rebuildFrom(layer, descent, newer.get(objectNo) ?? []);
      if (found === undefined) return nextDescent(descent);
      rebuilt.set(objectNo, found);
      return [];
    });
  }
  return rebuilt;
}

function addNewer(layer: Layer, lost: LostClone, clone: bigint, batch: AttrsBatch): void {
  const id = nextNewer(lost.snapSet, clone);
  const isNewer = (snap: number) => (id === NOSNAP ? snap === ROW_HEAD : BigInt(snap) === id);
  for (const pool of layer.pools) {
    for (const copy of copiesOf(pool, lost.objectNo, isNewer)) batch.add(lost.objectNo, copy);
  }
}

function rebuildFrom(
  layer: Layer,
  { lost, clone, overlap }: Descent,
  candidates: readonly Candidate[],
): RebuiltClone | undefined {
  const { objectNo, snapSet, reason } = lost;
  const pool = layer.pools.find((p) => candidates.some((c) => c.ref.id.pool === p.pool));
  const size = snapSet.cloneSize.get(lost.clone);
  if (pool === undefined || size === undefined) return undefined;
  const own = candidates.filter((c) => c.ref.id.pool === pool.pool);
  const from = judgeCopies(layer, pool, objectNo, own, lost.doubt);
  if (from.state !== 'present') return undefined;
  const id = nextNewer(snapSet, clone);
  const known = id === NOSNAP ? {} : { clone: { objectNo, clone: id, snapSet } };
  return {
    ...{ state: 'rebuilt', overlap, size: Number(size), reason },
    from: { ...from, ...known },
  };
}

/** One newer object further: the same bytes are those that all in between share. */
function nextDescent({ lost, clone, overlap }: Descent): Descent[] {
  const next = nextNewer(lost.snapSet, clone);
  if (next === NOSNAP) return [];
  const common = commonExtents(overlap, lost.snapSet.cloneOverlap.get(next) ?? []);
  return common.length === 0 ? [] : [{ lost, clone: next, overlap: common }];
}
