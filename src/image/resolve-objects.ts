import { type Extent, formatEversion, NOSNAP } from '../ceph/encoding.ts';
import { isWhiteout } from '../ceph/object-info.ts';
import { objectHash, pgSeedOf } from '../ceph/placement.ts';
import { decodeSnapSet } from '../ceph/snapset.ts';
import { dataObjectName } from '../rbd/names.ts';
import {
  OBJECT_EXISTS,
  OBJECT_EXISTS_CLEAN,
  OBJECT_NONEXISTENT,
  stateOf,
} from '../rbd/object-map.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../store/row-snap.ts';
import {
  type CloneRule,
  cloneFromSnapSet,
  guessClone,
  nextNewer,
  type ServingClone,
} from './clone-rule.ts';
import { chooseShards, type EcSource } from './ec-shards.ts';
import type { Layer, PoolObjects } from './layer.ts';
import {
  AttrsBatch,
  type AttrsReader,
  byVersion,
  type Candidate,
  copyOf,
  decoded,
  hasVersion,
  isHead,
  isReadable,
  type ObjectCopy,
} from './object-candidates.ts';
import { judgeObject, type PgAuthority } from './pg-authority.ts';

/** An object that exists, and where its bytes may be read. */
export interface PresentObject {
  state: 'present';
  /** all of the version that counts; in an erasure-coded pool its shards */
  copies: ObjectCopy[];
  /** other copies, newest first: worth more than nothing, never without a word */
  lastResort: ObjectCopy[];
  /** how shards make the object; undefined in replicated pools */
  erasure: EcSource | undefined;
  /** logical bytes; undefined where no object_info tells */
  size: number | undefined;
  /** crc32c of all its bytes (seed 0xffffffff), where object_info vouches for one */
  digest: number | undefined;
  version: string | undefined;
  /** why the copies cannot be proven current */
  doubt: string | undefined;
  /** taken on the word of its PG, all copies of which agree: nobody has read its object_info yet */
  unexamined: boolean;
}

/** What is known of one object of a layer. */
export type Resolution =
  | { state: 'absent'; doubt: string | undefined; whiteout?: boolean }
  | PresentObject
  | RebuiltClone
  | { state: 'lost'; reason: string };

/** A clone of which no copy is left, in so far as the next newer object has its bytes. */
export interface RebuiltClone {
  state: 'rebuilt';
  from: PresentObject;
  /** bytes of the clone that `from` has unchanged, ascending */
  overlap: readonly Extent[];
  /** bytes of the clone; what the overlap leaves out below it is lost */
  size: number;
  reason: string;
}

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
  const newer = await resolver.newerThanLost().read(reader, false);
  for (const [objectNo, candidates] of newer) resolver.rebuildClone(objectNo, candidates);
  return resolver.result;
}

const NO_KEY = new Uint8Array(0);

/** One call of `resolveObjects`. */
class Resolver {
  readonly result = new Map<number, Resolution>();
  /** objects that a clone serves */
  readonly clones = new Map<number, ServingClone>();
  readonly #lostClones = new Set<number>();
  readonly #layer: Layer;
  readonly #pgs: PgAuthority;
  readonly #atSnapshot: boolean;

  constructor(layer: Layer) {
    this.#layer = layer;
    this.#pgs = layer.image.cluster.pgs;
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

  #rows(pool: PoolObjects, objectNo: number, wanted: (snap: number) => boolean): ObjectCopy[] {
    const { objects } = pool;
    return objects
      .rowsOf(objectNo)
      .filter((row) => wanted(objects.snap(row)))
      .map((row) => ({ osd: objects.osd(row), ref: objects.ref(row) }));
  }

  /**
   * An object of a PG whose copies all agree, each of which has it, needs no attribute read before
   * its bytes are: every copy is as good as any. True when the object could be resolved that way.
   */
  resolveAgreed(objectNo: number): boolean {
    const { pools, image } = this.#layer;
    const [pool] = pools;
    if (this.#atSnapshot || pools.length !== 1 || image.cluster.erasureOf(pool!.pool)) return false;
    const copies = this.#rows(pool!, objectNo, (snap) => snap === ROW_HEAD);
    if (copies.length === 0) return false;
    const decision = this.#pgs.decide(pool!.pool, copies[0]!.ref.id.hash);
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
        for (const copy of this.#rows(pool, objectNo, wanted)) batch.add(objectNo, copy);
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
    const heads = candidates.filter(isHead);
    if (!this.#atSnapshot) return this.#judge(pool, objectNo, heads, undefined);
    const rule = this.#cloneRule(pool, objectNo, candidates);
    if (rule === undefined) return this.#nowhere(pool, objectNo);
    if (rule.kind === 'head') return this.#judge(pool, objectNo, heads, rule.doubt);
    // The SnapSet itself says so: no pool below may say otherwise.
    if (rule.kind === 'absent')
      return { state: 'absent', doubt: rule.doubt, whiteout: rule.doubt === undefined };
    this.clones.set(objectNo, rule);
    for (const holder of this.#layer.pools) {
      const isServing = (snap: number) => snap >= 0 && BigInt(snap) === rule.clone;
      for (const copy of this.#rows(holder, objectNo, isServing)) clones.add(objectNo, copy);
    }
    return undefined;
  }

  /** Which object serves the layer's snapshot, by the SnapSet that counts; undefined: no trace of it. */
  #cloneRule(
    pool: PoolObjects,
    objectNo: number,
    candidates: readonly Candidate[],
  ): CloneRule | undefined {
    const { snapId } = this.#layer;
    const heads = candidates.filter(isHead);
    for (const group of [heads, candidates.filter((c) => !isHead(c))]) {
      if (group.length === 0) continue;
      const { verdict, copies } = this.#select(group);
      if (!verdict.exists) continue;
      const snapSet = copies
        .map((c) => decoded(c.attrs.snapSet, decodeSnapSet))
        .find((s) => s !== undefined);
      if (snapSet !== undefined) return cloneFromSnapSet(snapSet, snapId);
    }
    const rows = pool.objects.rowsOf(objectNo);
    if (rows.length === 0) return undefined;
    return guessClone(
      rows.map((row) => pool.objects.snap(row)),
      snapId,
      heads.length > 0,
    );
  }

  /** The candidates of one object that count, and why that may be wrong. */
  #select(candidates: readonly Candidate[]) {
    const { id } = candidates[0]!.ref;
    const decision = this.#pgs.decide(id.pool, id.hash);
    const evidence = candidates.map(({ osd, info }) => ({
      osd: osd.index,
      version: info?.version,
    }));
    const verdict = judgeObject(decision, id, evidence);
    const version = verdict.exists ? verdict.version : undefined;
    const copies = version === undefined ? [] : candidates.filter((c) => hasVersion(c, version));
    return { verdict, version, copies };
  }

  /** An object of which nothing lies here: a hole, unless its whole PG is on no OSD. */
  #nowhere({ pool }: PoolObjects, objectNo: number): Resolution {
    const { image } = this.#layer;
    const name = dataObjectName(image.header.objectPrefix, objectNo, image.format);
    const hash = objectHash(name, NO_KEY, image.namespace);
    const { copies, blind, absenceDoubt } = this.#pgs.decide(pool, hash);
    if (copies.length > 0 || blind.size > 0 || this.#pgs.isBlind)
      return { state: 'absent', doubt: absenceDoubt };
    const pgNum = image.cluster.osdMap?.pools.get(pool)?.pgNum;
    const pg = pgNum === undefined ? '' : ` ${pool}.${pgSeedOf(hash, pgNum).toString(16)}`;
    return { state: 'lost', reason: `its PG${pg} is on none of the OSDs` };
  }

  resolveClone(objectNo: number, rule: ServingClone, candidates: readonly Candidate[]): void {
    const { snapId, pools } = this.#layer;
    const holder = pools.find(({ pool }) => candidates.some((c) => c.ref.id.pool === pool));
    if (holder === undefined) {
      this.#lostClones.add(objectNo);
      this.#set(objectNo, {
        state: 'lost',
        reason: `clone ${rule.clone} that held it is on none of the OSDs`,
      });
      return;
    }
    const own = candidates.filter((c) => c.ref.id.pool === holder.pool);
    if (rule.bySnaps) {
      const snaps = [...own].sort(byVersion)[0]!.info?.snaps ?? [];
      const oldest = snaps[snaps.length - 1];
      if (oldest !== undefined && snapId < oldest) {
        this.#set(objectNo, { state: 'absent', doubt: undefined, whiteout: true });
        return;
      }
    }
    const judged = this.#judge(holder, objectNo, own, rule.doubt);
    // The SnapSet says that it exists: a PG copy that lacks it has lost it.
    const doubt = `the SnapSet has clone ${rule.clone}, the copy of the PG that counts has not`;
    const lacks = judged.state === 'absent' && !judged.whiteout;
    this.#set(objectNo, lacks ? this.#unproven(own, doubt) : judged);
  }

  /** The next newer objects of clones that are on no OSD. */
  newerThanLost(): AttrsBatch {
    const batch = new AttrsBatch();
    for (const objectNo of this.#lostClones) {
      const { snapSet, clone } = this.clones.get(objectNo)!;
      if (snapSet === undefined) continue;
      const id = nextNewer(snapSet, clone);
      const isNewer = (snap: number) => (id === NOSNAP ? snap === ROW_HEAD : BigInt(snap) === id);
      for (const pool of this.#layer.pools) {
        for (const copy of this.#rows(pool, objectNo, isNewer)) batch.add(objectNo, copy);
      }
    }
    return batch;
  }

  rebuildClone(objectNo: number, candidates: readonly Candidate[]): void {
    const { snapSet, clone } = this.clones.get(objectNo)!;
    const lost = this.result.get(objectNo)!;
    const pool = this.#layer.pools.find((p) => candidates.some((c) => c.ref.id.pool === p.pool));
    if (pool === undefined || snapSet === undefined || lost.state !== 'lost') return;
    const own = candidates.filter((c) => c.ref.id.pool === pool.pool);
    const from = this.#judge(pool, objectNo, own, undefined);
    const size = snapSet.cloneSize.get(clone);
    if (from.state !== 'present' || size === undefined) return;
    const overlap = snapSet.cloneOverlap.get(clone) ?? [];
    this.result.set(objectNo, {
      state: 'rebuilt',
      from,
      overlap,
      size: Number(size),
      reason: lost.reason,
    });
  }

  #judge(
    pool: PoolObjects,
    objectNo: number,
    candidates: readonly Candidate[],
    doubt: string | undefined,
  ): Resolution {
    if (candidates.length === 0)
      return doubtful(this.#nowhere(pool, objectNo), lostHead(pool, objectNo));
    const readable = candidates.filter(isReadable);
    const { verdict, version, copies } = this.#select(candidates);
    const why = verdict.doubt ?? doubt;
    if (!verdict.exists) return { state: 'absent', doubt: why };
    if (readable.length === 0) {
      const reasons = candidates.map(({ osd, attrs }) => `${osd.name}: ${attrs.error}`);
      return { state: 'lost', reason: reasons.join('; ') };
    }
    if (version === undefined || copies.length === 0) {
      return this.#unproven(readable, why ?? 'no copy tells its version');
    }
    if (isWhiteout(copies[0]!.info!)) return { state: 'absent', doubt: why, whiteout: true };
    return this.#present(copies, readable, why);
  }

  #present(
    copies: readonly Candidate[],
    readable: readonly Candidate[],
    doubt: string | undefined,
  ): Resolution {
    const info = copies[0]!.info;
    const { pool } = copies[0]!.ref.id;
    const erasure = this.#layer.image.cluster.erasureOf(pool);
    if (erasure !== undefined) return chooseShards(erasure, copies, readable, doubt);
    return {
      state: 'present',
      copies: copies.map(copyOf),
      lastResort: readable
        .filter((c) => !copies.includes(c))
        .sort(byVersion)
        .map(copyOf),
      erasure: undefined,
      size: info?.size,
      digest: info?.dataDigest,
      version: info && formatEversion(info.version),
      doubt,
      unexamined: false,
    };
  }

  /** The best that is left, said to be no more than that. */
  #unproven(candidates: readonly Candidate[], doubt: string): Resolution {
    const sorted = [...candidates].sort(byVersion);
    const best = sorted[0]!;
    const same = sorted.filter(
      (c) => c === best || (best.info !== undefined && hasVersion(c, best.info.version)),
    );
    return this.#present(same, sorted, doubt);
  }
}

/** Where there are clones there is a head, a whiteout or a snapdir as well, unless it is lost. */
function lostHead({ objects }: PoolObjects, objectNo: number): string | undefined {
  const snaps = objects.rowsOf(objectNo).map((row) => objects.snap(row));
  const isBereft = snaps.some((snap) => snap >= 0) && !snaps.some((snap) => snap < 0);
  return isBereft
    ? 'it has clones, but neither head nor snapdir: its head is lost, or was deleted'
    : undefined;
}

/** Where the cache tier has no such object, the base pool decides. */
const passesThrough = (resolution: Resolution): boolean =>
  resolution.state === 'lost' || (resolution.state === 'absent' && resolution.whiteout !== true);

function doubtful(resolution: Resolution, doubt: string | undefined): Resolution {
  if (doubt === undefined || !('doubt' in resolution)) return resolution;
  return { ...resolution, doubt: resolution.doubt ?? doubt };
}

export type { AttrsReader, ObjectCopy } from './object-candidates.ts';
