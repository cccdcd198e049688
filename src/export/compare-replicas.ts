import type { ObjectCopy } from '../image/object-candidates.ts';
import type { ObjectPlan } from './plan.ts';
import type { CopyDigest, ReadLanes } from './read-lanes.ts';

/** Copies of one object that hold the same bytes. */
interface Agreement {
  digest: CopyDigest;
  copies: ObjectCopy[];
}

function agreements(copies: readonly ObjectCopy[], digests: readonly CopyDigest[]): Agreement[] {
  const groups: Agreement[] = [];
  for (const [i, copy] of copies.entries()) {
    const digest = digests[i]!;
    if (digest.error !== undefined) continue;
    const same = groups.find((g) => g.digest.crc === digest.crc && g.digest.size === digest.size);
    if (same === undefined) groups.push({ digest, copies: [copy] });
    else same.copies.push(copy);
  }
  return groups.sort((a, b) => b.copies.length - a.copies.length);
}

/** The stored checksum decides; without one the majority; without that it stays in doubt. */
function settle(plan: ObjectPlan, digests: readonly CopyDigest[]): ObjectPlan {
  const groups = agreements(plan.copies, digests);
  if (groups.length <= 1) return plan;
  const [first, second] = groups as [Agreement, Agreement];
  const expected = digests.find(({ expected: e }) => e !== undefined)?.expected ?? plan.digest;
  const proven = groups.find(({ digest }) => expected !== undefined && digest.crc === expected);
  const best = proven ?? first;
  const rest = groups.filter((group) => group !== best).flatMap((group) => group.copies);
  const isMajority = proven !== undefined || first.copies.length > second.copies.length;
  const names = rest.map(({ osd }) => osd.name).join(', ');
  const doubt = isMajority
    ? undefined
    : `copies differ and nothing tells which is right (others: ${names})`;
  return {
    ...plan,
    copies: best.copies,
    lastResort: [...rest, ...plan.lastResort],
    doubt: plan.doubt ?? doubt,
  };
}

/** Reads every copy that counts of every object, and keeps those that are most likely right. */
export async function compareReplicas(
  plans: readonly ObjectPlan[],
  lanes: ReadLanes,
): Promise<ObjectPlan[]> {
  const compared = plans.filter(
    ({ erasure, copies }) => erasure === undefined && copies.length > 1,
  );
  const copies = compared.flatMap((plan) => plan.copies);
  const digests = await lanes.digestCopies(copies);
  const settled = new Map<ObjectPlan, ObjectPlan>();
  let at = 0;
  for (const plan of compared) {
    settled.set(plan, settle(plan, digests.slice(at, at + plan.copies.length)));
    at += plan.copies.length;
  }
  return plans.map((plan) => settled.get(plan) ?? plan);
}
