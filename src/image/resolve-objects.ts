import { compareEversion, type Eversion, formatEversion, NOSNAP } from '../ceph/encoding.ts';
import { decodeObjectInfo, isWhiteout, type ObjectInfo } from '../ceph/object-info.ts';
import { decodeSnapSet, type SnapSet } from '../ceph/snapset.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../store/filestore/fast-filename.ts';
import type { CopyAttrs } from '../store/object-attrs.ts';
import type { ObjectRef } from '../store/object-store.ts';
import type { ClusterOsd } from './cluster.ts';
import type { Layer } from './layer.ts';

/** One copy of a data object that may be read. */
export interface ObjectCopy {
  osd: ClusterOsd;
  ref: ObjectRef;
}

/** What is known of one object of a layer. */
export type Resolution =
  | { state: 'absent' }
  | {
      state: 'present';
      /** best first; all of the same version */
      copies: ObjectCopy[];
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

const ABSENT: Resolution = { state: 'absent' };

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
 * them. docs/formats/filestore.md, "The read rule". For now the newest copy by object_info wins.
 */
export async function resolveObjects(
  layer: Layer,
  objectNos: readonly number[],
  reader: AttrsReader,
): Promise<Map<number, Resolution>> {
  const { objects, snapId } = layer;
  const atSnapshot = snapId !== NOSNAP;
  const result = new Map<number, Resolution>();
  const heads = new AttrsBatch();
  for (const objectNo of objectNos) {
    const rows = objects.rowsOf(objectNo);
    if (rows.length === 0) result.set(objectNo, ABSENT);
    for (const row of rows) {
      const snap = objects.snap(row);
      const wanted = snap === ROW_HEAD || (atSnapshot && snap === ROW_SNAPDIR);
      if (wanted) heads.add(objectNo, { osd: objects.osd(row), ref: objects.ref(row) });
    }
  }
  const byObject = await heads.read(reader, atSnapshot);
  const clones = new AttrsBatch();
  const rules = new Map<number, ServingClone>();
  for (const objectNo of objectNos) {
    if (result.has(objectNo)) continue;
    const candidates = byObject.get(objectNo) ?? [];
    const rule = atSnapshot ? cloneRule(layer, objectNo, candidates) : undefined;
    if (rule === undefined || rule.kind === 'head') {
      result.set(objectNo, choose(candidates.filter(isHead), rule?.doubt));
    } else if (rule.kind === 'absent') {
      result.set(objectNo, ABSENT);
    } else {
      rules.set(objectNo, rule);
      for (const row of objects.rowsOf(objectNo)) {
        if (BigInt(objects.snap(row)) !== rule.clone) continue;
        clones.add(objectNo, { osd: objects.osd(row), ref: objects.ref(row) });
      }
    }
  }
  const cloneCandidates = await clones.read(reader, false);
  for (const [objectNo, rule] of rules) {
    result.set(objectNo, chooseClone(rule, cloneCandidates.get(objectNo) ?? [], snapId));
  }
  return result;
}

const isHead = (candidate: Candidate): boolean => candidate.ref.id.snap === NOSNAP;

interface ServingClone {
  kind: 'clone';
  clone: bigint;
  /** whether it serves the snapshot stands in the clone's own object_info */
  bySnaps: boolean;
  doubt?: string;
}

type CloneRule = { kind: 'head'; doubt?: string } | { kind: 'absent'; doubt?: string } | ServingClone;

/** Which object serves the layer's snapshot, by the newest SnapSet. */
function cloneRule(layer: Layer, objectNo: number, candidates: readonly Candidate[]): CloneRule {
  const newest = [...candidates].sort(byVersion).find((c) => c.attrs.snapSet !== undefined);
  const snapSet = decoded(newest?.attrs.snapSet, decodeSnapSet);
  return snapSet === undefined
    ? guessClone(layer, objectNo, candidates)
    : cloneFromSnapSet(snapSet, layer.snapId);
}

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
function guessClone(layer: Layer, objectNo: number, heads: readonly Candidate[]): CloneRule {
  const { objects, snapId } = layer;
  const ids = objects.rowsOf(objectNo).map((row) => objects.snap(row));
  const clone = ids.filter((id) => id >= 0 && BigInt(id) >= snapId).sort((a, b) => a - b)[0];
  const doubt = 'no SnapSet can be read: the clone was chosen by its id';
  if (clone !== undefined) return { kind: 'clone', clone: BigInt(clone), bySnaps: false, doubt };
  return heads.length === 0 ? { kind: 'absent' } : { kind: 'head', doubt };
}

function chooseClone(
  rule: ServingClone,
  candidates: readonly Candidate[],
  snapId: bigint,
): Resolution {
  if (candidates.length === 0) {
    return { state: 'lost', reason: `clone ${rule.clone} that held it is on none of the OSDs` };
  }
  if (rule.bySnaps) {
    const snaps = [...candidates].sort(byVersion)[0]!.info?.snaps ?? [];
    const oldest = snaps[snaps.length - 1];
    if (oldest !== undefined && snapId < oldest) return ABSENT;
  }
  return choose(candidates, rule.doubt);
}

const NEVER: Eversion = { epoch: -1, version: 0n };

/** Newest first; copies without a readable version last. */
const byVersion = (a: Candidate, b: Candidate): number =>
  compareEversion(b.info?.version ?? NEVER, a.info?.version ?? NEVER);

/** The newest copies of those given, by object_info's version. */
function choose(candidates: readonly Candidate[], doubt: string | undefined): Resolution {
  if (candidates.length === 0) return ABSENT;
  const usable = candidates.filter(({ attrs }) => attrs.error === undefined);
  if (usable.length === 0) {
    return { state: 'lost', reason: candidates.map(({ attrs }) => attrs.error).join('; ') };
  }
  const sorted = [...usable].sort(byVersion);
  const best = sorted[0]!;
  if (best.info === undefined) return chooseUnversioned(sorted);
  if (isWhiteout(best.info)) return ABSENT;
  const { version, size, dataDigest } = best.info;
  const current = sorted.filter((c) => c.info !== undefined && compareEversion(c.info.version, version) === 0);
  return {
    state: 'present',
    copies: current.map(({ osd, ref }) => ({ osd, ref })),
    size,
    digest: dataDigest,
    version: formatEversion(version),
    doubt: doubt ?? unreadableDoubt(candidates, current.length),
  };
}

/** A copy that cannot be read may be the newest, unless all that can be read agree. */
function unreadableDoubt(candidates: readonly Candidate[], current: number): string | undefined {
  const unreadable = candidates.filter(({ attrs }) => attrs.error !== undefined);
  if (unreadable.length === 0 || current === candidates.length - unreadable.length) return undefined;
  return `copies differ, and one cannot be read: ${unreadable[0]!.attrs.error}`;
}

/** No copy tells its version: the one changed last is the best guess. */
function chooseUnversioned(candidates: readonly Candidate[]): Resolution {
  const sorted = [...candidates].sort((a, b) => b.attrs.mtimeMs - a.attrs.mtimeMs);
  return {
    state: 'present',
    copies: sorted.map(({ osd, ref }) => ({ osd, ref })),
    size: undefined,
    digest: undefined,
    version: undefined,
    doubt: 'object_info is lost on every copy: the copy written last was taken',
  };
}
