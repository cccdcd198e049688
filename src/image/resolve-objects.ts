import { compareEversion, type Eversion, formatEversion, NOSNAP } from '../ceph/encoding.ts';
import { decodeObjectInfo, isWhiteout, type ObjectInfo } from '../ceph/object-info.ts';
import { objectHash, pgSeedOf } from '../ceph/placement.ts';
import { decodeSnapSet, type SnapSet } from '../ceph/snapset.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { dataObjectName } from '../rbd/names.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../store/filestore/fast-filename.ts';
import type { CopyAttrs } from '../store/object-attrs.ts';
import type { ObjectRef } from '../store/object-store.ts';
import type { ClusterOsd } from './cluster.ts';
import type { Layer } from './layer.ts';
import { judgeObject, type PgAuthority } from './pg-authority.ts';

/** One copy of a data object that may be read. */
export interface ObjectCopy {
  osd: ClusterOsd;
  ref: ObjectRef;
}

/** What is known of one object of a layer. */
export type Resolution =
  | { state: 'absent'; doubt: string | undefined }
  | {
      state: 'present';
      /** all of the version that counts */
      copies: ObjectCopy[];
      /** other copies, newest first: worth more than nothing, never without a word */
      lastResort: ObjectCopy[];
      /** logical bytes; undefined where no object_info tells */
      size: number | undefined;
      /** crc32c of all its bytes (seed 0xffffffff), where object_info vouches for one */
      digest: number | undefined;
      version: string | undefined;
      /** why the copies cannot be proven current */
      doubt: string | undefined;
    }
  | { state: 'lost'; reason: string };

/** Reads attributes of many copies at once, each from its own OSD. */
export type AttrsReader = (copies: readonly ObjectCopy[], wantSnapSet: boolean) => Promise<CopyAttrs[]>;

interface Candidate extends ObjectCopy {
  attrs: CopyAttrs;
  info: ObjectInfo | undefined;
}

const ABSENT: Resolution = { state: 'absent', doubt: undefined };

function decoded<T>(bytes: Uint8Array | undefined, decode: (bytes: Uint8Array) => T): T | undefined {
  if (bytes === undefined) return undefined;
  try {
    return decode(bytes);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Gathers requests for attributes so that many objects cost one round over the OSDs. */
class AttrsBatch {
  readonly copies: ObjectCopy[] = [];
  readonly #owners: number[] = [];

  add(owner: number, copy: ObjectCopy): void {
    this.copies.push(copy);
    this.#owners.push(owner);
  }

  async read(reader: AttrsReader, wantSnapSet: boolean): Promise<Map<number, Candidate[]>> {
    const attrs = await reader(this.copies, wantSnapSet);
    const byOwner = new Map<number, Candidate[]>();
    for (const [i, copy] of this.copies.entries()) {
      const candidate = { ...copy, attrs: attrs[i]!, info: decoded(attrs[i]!.objectInfo, decodeObjectInfo) };
      const list = byOwner.get(this.#owners[i]!);
      if (list === undefined) byOwner.set(this.#owners[i]!, [candidate]);
      else list.push(candidate);
    }
    return byOwner;
  }
}

/**
 * Finds out, for some objects of a layer, whether they exist at its snapshot and which copies hold
 * them. docs/formats/filestore.md, "The read rule" and "Rule to choose".
 */
export async function resolveObjects(
  layer: Layer,
  objectNos: readonly number[],
  reader: AttrsReader,
): Promise<Map<number, Resolution>> {
  const resolver = new Resolver(layer);
  const heads = await resolver.headsOf(objectNos).read(reader, layer.snapId !== NOSNAP);
  const clones = new AttrsBatch();
  for (const objectNo of objectNos) resolver.resolveHead(objectNo, heads.get(objectNo) ?? [], clones);
  const found = await clones.read(reader, false);
  for (const [objectNo, rule] of resolver.clones) {
    resolver.resolveClone(objectNo, rule, found.get(objectNo) ?? []);
  }
  return resolver.result;
}

interface ServingClone {
  kind: 'clone';
  clone: bigint;
  /** whether it serves the snapshot stands in the clone's own object_info */
  bySnaps: boolean;
  doubt?: string;
}

type CloneRule = { kind: 'head'; doubt?: string } | { kind: 'absent'; doubt?: string } | ServingClone;

/** One call of `resolveObjects`. */
class Resolver {
  readonly result = new Map<number, Resolution>();
  /** objects that a clone serves */
  readonly clones = new Map<number, ServingClone>();
  readonly #layer: Layer;
  readonly #pgs: PgAuthority;

  constructor(layer: Layer) {
    this.#layer = layer;
    this.#pgs = layer.image.cluster.pgs;
  }

  get #atSnapshot(): boolean {
    return this.#layer.snapId !== NOSNAP;
  }

  /** Heads (and snapdirs, where a snapshot is read) of the objects that have rows. */
  headsOf(objectNos: readonly number[]): AttrsBatch {
    const { objects } = this.#layer;
    const batch = new AttrsBatch();
    for (const objectNo of objectNos) {
      const rows = objects.rowsOf(objectNo);
      if (rows.length === 0) this.result.set(objectNo, this.#nowhere(objectNo));
      for (const row of rows) {
        const snap = objects.snap(row);
        if (snap !== ROW_HEAD && !(this.#atSnapshot && snap === ROW_SNAPDIR)) continue;
        batch.add(objectNo, { osd: objects.osd(row), ref: objects.ref(row) });
      }
    }
    return batch;
  }

  /** An object that is on no OSD: a hole, unless its whole PG is on none. */
  #nowhere(objectNo: number): Resolution {
    const { image, dataPool } = this.#layer;
    const name = dataObjectName(image.header.objectPrefix, objectNo, image.format);
    const decision = this.#pgs.decide(dataPool, objectHash(name, NO_KEY, image.namespace));
    if (decision.copies.length > 0 || this.#pgs.isBlind) return { state: 'absent', doubt: decision.doubt };
    const pgNum = image.cluster.osdMap?.pools.get(dataPool)?.pgNum;
    const pg = pgNum === undefined ? '' : ` ${dataPool}.${pgSeedOf(objectHash(name, NO_KEY, image.namespace), pgNum).toString(16)}`;
    return { state: 'lost', reason: `its PG${pg} is on none of the OSDs` };
  }

  resolveHead(objectNo: number, candidates: readonly Candidate[], clones: AttrsBatch): void {
    if (this.result.has(objectNo)) return;
    const heads = candidates.filter(isHead);
    if (!this.#atSnapshot) {
      this.result.set(objectNo, this.#judge(objectNo, heads, undefined));
      return;
    }
    const rule = this.#cloneRule(objectNo, candidates);
    if (rule.kind === 'head') this.result.set(objectNo, this.#judge(objectNo, heads, rule.doubt));
    else if (rule.kind === 'absent') this.result.set(objectNo, { state: 'absent', doubt: rule.doubt });
    else {
      this.clones.set(objectNo, rule);
      const { objects } = this.#layer;
      for (const row of objects.rowsOf(objectNo)) {
        const snap = objects.snap(row);
        if (snap < 0 || BigInt(snap) !== rule.clone) continue;
        clones.add(objectNo, { osd: objects.osd(row), ref: objects.ref(row) });
      }
    }
  }

  /** Which object serves the layer's snapshot, by the SnapSet that counts. */
  #cloneRule(objectNo: number, candidates: readonly Candidate[]): CloneRule {
    const { objects, snapId } = this.#layer;
    const heads = candidates.filter(isHead);
    const snapDirs = candidates.filter((c) => !isHead(c));
    for (const group of [heads, snapDirs]) {
      if (group.length === 0) continue;
      const { copies } = this.#select(group);
      const snapSet = copies.map((c) => decoded(c.attrs.snapSet, decodeSnapSet)).find((s) => s !== undefined);
      if (snapSet !== undefined) return cloneFromSnapSet(snapSet, snapId);
    }
    const unreadable = candidates.length > 0 && candidates.some((c) => c.attrs.snapSet === undefined);
    const ids = objects.rowsOf(objectNo).map((row) => objects.snap(row));
    return guessClone(ids, snapId, heads.length > 0, unreadable);
  }

  /** The candidates of one object that count, and why that may be wrong. */
  #select(candidates: readonly Candidate[]) {
    const { id } = candidates[0]!.ref;
    const decision = this.#pgs.decide(id.pool, id.hash);
    const evidence = candidates.map(({ osd, info }) => ({ osd: osd.index, version: info?.version }));
    const verdict = judgeObject(decision, id, evidence);
    const { version } = verdict.exists ? verdict : { version: undefined };
    const isCurrent = (c: Candidate) =>
      version !== undefined && c.info !== undefined && compareEversion(c.info.version, version) === 0;
    return { verdict, version, copies: candidates.filter(isCurrent) };
  }

  resolveClone(objectNo: number, rule: ServingClone, candidates: readonly Candidate[]): void {
    const { snapId } = this.#layer;
    if (candidates.length === 0) {
      const reason = `clone ${rule.clone} that held it is on none of the OSDs`;
      this.result.set(objectNo, { state: 'lost', reason });
      return;
    }
    if (rule.bySnaps) {
      const snaps = [...candidates].sort(byVersion)[0]!.info?.snaps ?? [];
      const oldest = snaps[snaps.length - 1];
      if (oldest !== undefined && snapId < oldest) {
        this.result.set(objectNo, ABSENT);
        return;
      }
    }
    const judged = this.#judge(objectNo, candidates, rule.doubt);
    // The SnapSet says that it exists: a PG copy that lacks it has lost it.
    const doubt = `the SnapSet has clone ${rule.clone}, the copy of the PG that counts has not`;
    this.result.set(objectNo, judged.state === 'absent' ? unproven(candidates, doubt) : judged);
  }

  #judge(objectNo: number, candidates: readonly Candidate[], doubt: string | undefined): Resolution {
    if (candidates.length === 0) return this.#nowhereAsHead(objectNo);
    const usable = candidates.filter(({ attrs }) => attrs.error === undefined);
    const { verdict, version, copies } = this.#select(candidates);
    if (!verdict.exists) return { state: 'absent', doubt: verdict.doubt ?? doubt };
    if (usable.length === 0) {
      return { state: 'lost', reason: candidates.map(({ osd, attrs }) => `${osd.name}: ${attrs.error}`).join('; ') };
    }
    const why = verdict.doubt ?? doubt;
    if (version === undefined || copies.length === 0) return unproven(usable, why ?? 'no copy tells its version');
    const { info } = copies[0]!;
    if (isWhiteout(info!)) return { state: 'absent', doubt: why };
    return {
      state: 'present',
      copies: copies.map(copyOf),
      lastResort: usable.filter((c) => !copies.includes(c)).sort(byVersion).map(copyOf),
      size: info!.size,
      digest: info!.dataDigest,
      version: formatEversion(version),
      doubt: why,
    };
  }

  /** Only clones are left of the object: its head does not exist, if its PG can be judged. */
  #nowhereAsHead(objectNo: number): Resolution {
    const { objects } = this.#layer;
    const row = objects.firstRow(objectNo);
    return { state: 'absent', doubt: this.#pgs.decide(this.#layer.dataPool, objects.hash(row)).doubt };
  }
}

const NO_KEY = new Uint8Array(0);
const copyOf = ({ osd, ref }: Candidate): ObjectCopy => ({ osd, ref });
const isHead = (candidate: Candidate): boolean => candidate.ref.id.snap === NOSNAP;

/** The rule proper: `filestore.md`, "Which file holds (object, snapshot)". */
export function cloneFromSnapSet(snapSet: SnapSet, snapId: bigint): CloneRule {
  if (snapId > snapSet.seq) return { kind: 'head' };
  const clone = snapSet.clones.find((id) => id >= snapId);
  if (clone === undefined) return { kind: 'absent' };
  const serves = snapSet.cloneSnaps.get(clone);
  if (serves === undefined) return { kind: 'clone', clone, bySnaps: true };
  return serves.includes(snapId) ? { kind: 'clone', clone, bySnaps: false } : { kind: 'absent' };
}

/** Without any SnapSet the clones that lie there are the only evidence. */
function guessClone(ids: readonly number[], snapId: bigint, hasHead: boolean, unreadable: boolean): CloneRule {
  const clone = ids.filter((id) => id >= 0 && BigInt(id) >= snapId).sort((a, b) => a - b)[0];
  const doubt = unreadable
    ? 'no SnapSet can be read: the clone was chosen by its id'
    : 'neither head nor snapdir is there: the clone was chosen by its id';
  if (clone !== undefined) return { kind: 'clone', clone: BigInt(clone), bySnaps: false, doubt };
  return hasHead ? { kind: 'head', doubt } : { kind: 'absent' };
}

const NEVER: Eversion = { epoch: -1, version: 0n };

/** Newest first; copies without a readable version last, of these the one written last first. */
const byVersion = (a: Candidate, b: Candidate): number =>
  compareEversion(b.info?.version ?? NEVER, a.info?.version ?? NEVER) || b.attrs.mtimeMs - a.attrs.mtimeMs;

/** The best that is left, said to be no more than that. */
function unproven(candidates: readonly Candidate[], doubt: string): Resolution {
  const sorted = [...candidates].sort(byVersion);
  const best = sorted[0]!;
  const same = sorted.filter((c) => byVersion(c, best) === 0 || c === best);
  return {
    state: 'present',
    copies: same.map(copyOf),
    lastResort: sorted.filter((c) => !same.includes(c)).map(copyOf),
    size: best.info?.size,
    digest: best.info?.dataDigest,
    version: best.info && formatEversion(best.info.version),
    doubt,
  };
}
