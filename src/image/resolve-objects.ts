import { NOSNAP } from '../ceph/encoding.ts';
import {
  OBJECT_EXISTS,
  OBJECT_EXISTS_CLEAN,
  OBJECT_NONEXISTENT,
  stateOf,
} from '../rbd/object-map.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../store/row-snap.ts';
import type { ServingClone } from './clone-rule.ts';
import { judgeCopies, nowhere } from './judge-copies.ts';
import { copiesOf, type Layer, type PoolObjects } from './layer.ts';
import { AttrsBatch, type AttrsReader, type Candidate, isHead } from './object-candidates.ts';
import { doubtful, type PresentObject, passesThrough, type Resolution } from './resolution.ts';
import { cloneRuleOf, judgeClone, type LostClone, rebuildClones } from './resolve-clones.ts';

/**
 * Finds out, for some objects of a layer, whether they exist at its snapshot and which copies hold
 * them. docs/formats/ceph.md, "SnapSet", and docs/replica-choice.md.
 */
export async function resolveObjects(
  layer: Layer,
  objectNos: readonly number[],
  reader: AttrsReader,
): Promise<Map<number, Resolution>> {
  const resolver = new Resolver(layer);
  const open = objectNos.filter((objectNo) => !resolver.resolveAgreed(objectNo));
  const heads = await resolver.headsOf(open).read(reader, layer.snapId !== NOSNAP);
  const clones = new AttrsBatch();
  for (const objectNo of open) resolver.resolveHead(objectNo, heads.get(objectNo) ?? [], clones);
  const found = await clones.read(reader, false);
  for (const [objectNo, rule] of resolver.clones) {
    resolver.resolveClone(objectNo, rule, found.get(objectNo) ?? []);
  }
  const rebuilt = await rebuildClones(layer, [...resolver.lostClones()], reader);
  for (const [objectNo, clone] of rebuilt) resolver.result.set(objectNo, clone);
  return resolver.result;
}

/** One call of `resolveObjects`. */
class Resolver {
  readonly result = new Map<number, Resolution>();
  /** objects that a clone serves */
  readonly clones = new Map<number, ServingClone>();
  readonly #layer: Layer;
  readonly #atSnapshot: boolean;

  constructor(layer: Layer) {
    this.#layer = layer;
    this.#atSnapshot = layer.snapId !== NOSNAP;
  }

  #set(objectNo: number, resolution: Resolution): void {
    this.result.set(objectNo, this.#withObjectMap(objectNo, resolution));
  }

  /** What an intact object map adds: it tells a hole from a loss where no object does. */
  #withObjectMap(objectNo: number, resolution: Resolution): Resolution {
    const { objectMap } = this.#layer;
    if (objectMap === undefined || objectNo >= objectMap.objectCount) return resolution;
    const state = stateOf(objectMap, objectNo);
    if (resolution.state === 'lost' && state === OBJECT_NONEXISTENT) {
      return { state: 'absent', doubt: undefined };
    }
    const exists = state === OBJECT_EXISTS || state === OBJECT_EXISTS_CLEAN;
    if (resolution.state !== 'absent' || resolution.whiteout || !exists) return resolution;
    return { state: 'lost', reason: 'the object map says that it exists, no OSD here has it' };
  }

  /**
   * An object of a PG whose copies all agree, each of which has it, needs no attribute read before
   * its bytes are: every copy is as good as any. True when the object could be resolved that way.
   */
  resolveAgreed(objectNo: number): boolean {
    const { pools, image } = this.#layer;
    const [pool] = pools;
    if (this.#atSnapshot || pools.length !== 1 || image.cluster.erasureOf(pool!.pool)) return false;
    const copies = copiesOf(pool!, objectNo, (snap) => snap === ROW_HEAD);
    if (copies.length === 0) return false;
    const decision = image.cluster.pgs.decide(pool!.pool, copies[0]!.ref.id.hash);
    const osds = new Set(copies.map(({ osd }) => osd.index));
    if (!decision.agreed || !decision.copies.every((copy) => osds.has(copy.osd.index)))
      return false;
    if (osds.size !== decision.copies.length) return false;
    const present: PresentObject = {
      ...{ state: 'present', copies, lastResort: [], erasure: undefined, size: undefined },
      ...{ digest: undefined, version: undefined, doubt: undefined, unexamined: true },
    };
    this.result.set(objectNo, present);
    return true;
  }

  /** Heads (and snapdirs, where a snapshot is read) of the objects that have rows. */
  headsOf(objectNos: readonly number[]): AttrsBatch {
    const batch = new AttrsBatch();
    const wanted = (snap: number) =>
      snap === ROW_HEAD || (this.#atSnapshot && snap === ROW_SNAPDIR);
    for (const objectNo of objectNos) {
      for (const pool of this.#layer.pools) {
        for (const copy of copiesOf(pool, objectNo, wanted)) batch.add(objectNo, copy);
      }
    }
    return batch;
  }

  /** Cache before base: the first pool that has the object says what it is. */
  resolveHead(objectNo: number, candidates: readonly Candidate[], clones: AttrsBatch): void {
    let doubt: string | undefined;
    for (const pool of this.#layer.pools) {
      const own = candidates.filter((c) => c.ref.id.pool === pool.pool);
      const resolution = this.#inPool(pool, objectNo, own, clones);
      if (resolution === undefined) {
        const rule = this.clones.get(objectNo);
        if (rule !== undefined && doubt !== undefined) rule.doubt ??= doubt;
        return;
      }
      if (!pool.isCache || !passesThrough(resolution)) {
        this.#set(objectNo, doubtful(resolution, doubt));
        return;
      }
      doubt ??= 'doubt' in resolution ? resolution.doubt : `cache tier: ${resolution.reason}`;
    }
  }

  /** undefined: a clone serves it, which is looked up in the next round. */
  #inPool(
    pool: PoolObjects,
    objectNo: number,
    candidates: readonly Candidate[],
    clones: AttrsBatch,
  ): Resolution | undefined {
    const layer = this.#layer;
    const heads = candidates.filter(isHead);
    if (!this.#atSnapshot) return judgeCopies(layer, pool, objectNo, heads, undefined);
    const rule = cloneRuleOf(layer, pool, objectNo, candidates);
    if (rule === undefined) return nowhere(layer, pool, objectNo);
    if (rule.kind === 'head') return judgeCopies(layer, pool, objectNo, heads, rule.doubt);
    // The SnapSet itself says so: no pool below may say otherwise.
    if (rule.kind === 'absent')
      return { state: 'absent', doubt: rule.doubt, whiteout: rule.doubt === undefined };
    this.clones.set(objectNo, rule);
    const isServing = (snap: number) => snap >= 0 && BigInt(snap) === rule.clone;
    for (const holder of layer.pools) {
      for (const copy of copiesOf(holder, objectNo, isServing)) clones.add(objectNo, copy);
    }
    return undefined;
  }

  resolveClone(objectNo: number, rule: ServingClone, candidates: readonly Candidate[]): void {
    this.#set(objectNo, judgeClone(this.#layer, objectNo, rule, candidates));
  }

  /** Clones that no copy is left of, or none that can be read. */
  *lostClones(): Generator<LostClone> {
    for (const [objectNo, { clone, snapSet, bySnaps, doubt }] of this.clones) {
      const resolution = this.result.get(objectNo);
      // Only the clone itself could have said that it does not serve the snapshot.
      const unsure = bySnaps ? 'only its clone could tell whether it was there' : undefined;
      if (resolution?.state === 'lost' && snapSet !== undefined)
        yield { objectNo, clone, snapSet, reason: resolution.reason, doubt: doubt ?? unsure };
    }
  }
}
