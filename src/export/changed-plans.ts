import { binaryKey } from '../bytes/names.ts';
import { decodeObjectInfo, isWhiteout } from '../ceph/object-info.ts';
import { type AttrsReader, decoded } from '../image/object-candidates.ts';
import { union } from './intervals.ts';
import type { LossMap } from './loss-map.ts';
import {
  forEachPiece,
  type ImageRange,
  type Losses,
  type ObjectPlan,
  placesOf,
  planBelow,
} from './plan.ts';

/** What is left of two plans of one range once the objects that both have are taken out. */
export interface ChangedPlans {
  from: ObjectPlan[];
  to: ObjectPlan[];
}

/**
 * The object that serves a plan. The disks are dead, so one object has one content: where both ends
 * of a diff are served by the same clone or head, nothing changed in between.
 */
function servingObject({ copies }: ObjectPlan): string {
  const { pool, namespace, name, key, snap } = copies[0]!.ref.id;
  return [pool, binaryKey(namespace), binaryKey(name), binaryKey(key), snap].join('/');
}

const samePieces = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((value, i) => value === b[i]);

/**
 * Takes out what both ends read from the same object.
 * @param doubtful gets the doubts about what is taken out
 */
export function changedPlans(
  from: readonly ObjectPlan[],
  to: readonly ObjectPlan[],
  doubtful: LossMap,
): ChangedPlans {
  const before = new Map(from.map((plan) => [servingObject(plan), plan]));
  const unchanged = new Set<ObjectPlan>();
  for (const plan of to) {
    const old = before.get(servingObject(plan));
    if (old === undefined || !samePieces(old.pieces, plan.pieces)) continue;
    unchanged.add(old).add(plan);
    const doubt = plan.doubt ?? old.doubt;
    if (doubt === undefined) continue;
    forEachPiece(plan.pieces, (at, n) => doubtful.add(at, n, plan.object, doubt));
  }
  const isChanged = (plan: ObjectPlan) => !unchanged.has(plan);
  return { from: from.filter(isChanged), to: to.filter(isChanged) };
}

/** The image ranges that plans fill, sorted and joined. */
export const rangesOf = (plans: readonly ObjectPlan[]): ImageRange[] =>
  union(plans.flatMap(({ pieces }) => placesOf(pieces)));

/**
 * Looks at the object_info of objects that were planned on the word of their PG: sizes are filled
 * in, and whiteouts make room for what shows through them.
 */
export async function examinePlans(
  plans: readonly ObjectPlan[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const open = plans.filter((plan) => plan.unexamined);
  if (open.length === 0) return [...plans];
  const attrs = await reader(
    open.map(({ copies }) => copies[0]!),
    false,
  );
  const gone: ObjectPlan[] = [];
  const examined = new Map<ObjectPlan, ObjectPlan>();
  for (const [i, plan] of open.entries()) {
    const info = decoded(attrs[i]!.objectInfo, decodeObjectInfo);
    if (info !== undefined && isWhiteout(info)) gone.push(plan);
    else examined.set(plan, { ...plan, size: info?.size, unexamined: false });
  }
  const left = plans.flatMap((plan) => (plan.unexamined ? (examined.get(plan) ?? []) : plan));
  return [...left, ...(await planBelow(gone, reader, losses))];
}
