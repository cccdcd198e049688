import { compareEversion, type Eversion, formatEversion } from '../ceph/encoding.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectId } from '../store/object-store.ts';
import type { Cluster } from './cluster.ts';
import { hobjectKey, isComplete, type PgCopy, pgCopyOf, unlistedCollections } from './pg-copies.ts';

/** Which copy of a placement group says what exists; docs/replica-choice.md. */
export interface PgDecision {
  /** every copy there is of the objects concerned */
  copies: PgCopy[];
  /** undefined: no complete copy, the newest version of each object is the best guess */
  authority: PgCopy | undefined;
  /** all copies are complete, equally new and miss nothing */
  agreed: boolean;
  /** why even the authority may be stale */
  doubt: string | undefined;
  /** why an object that none of the copies has may exist all the same */
  absenceDoubt: string | undefined;
}

/** One copy of an object, as far as choosing goes. */
export interface CopyEvidence {
  /** index in `Cluster.osds` */
  osd: number;
  /** by object_info; undefined when that is lost or the copy cannot be read */
  version: Eversion | undefined;
}

/** What the choice comes to: which version counts, and whether that is certain. */
export type Verdict =
  | { exists: false; doubt: string | undefined }
  | { exists: true; version: Eversion | undefined; doubt: string | undefined };

const maxOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);

/**
 * Chooses as Ceph's peering does: of the copies that took part in the newest interval, the one with
 * the newest log; in erasure-coded pools the oldest of them, since what only some shards have was
 * never acknowledged.
 */
export function choosePgAuthority(copies: readonly PgCopy[], erasure: boolean): PgDecision {
  const complete = copies.filter(isComplete);
  const own = maxOf(complete.map(({ info }) => info.lastEpochStarted));
  const known = maxOf([own, ...copies.map(({ info }) => info.history.lastEpochStarted)]);
  // No copy took part in the newest interval: what it wrote is on OSDs that are not here.
  const doubt =
    known > own
      ? `the PG was last active in epoch ${known}, its copies here only up to ${own}: newer ones are missing`
      : undefined;
  const candidates = complete.filter(({ info }) => info.lastEpochStarted >= own);
  const sign = erasure ? -1 : 1;
  const authority = [...candidates].sort(
    (a, b) =>
      sign * compareEversion(b.info.lastUpdate, a.info.lastUpdate) ||
      Number(a.damage !== undefined) - Number(b.damage !== undefined) ||
      compareEversion(a.info.logTail, b.info.logTail) ||
      a.missing.size - b.missing.size,
  )[0];
  const noCopy =
    copies.length === 0
      ? "no OSD here has the PG's metadata"
      : 'no complete copy of the PG is here';
  const damaged = authority?.damage && `${authority.osd.name}: ${authority.damage}`;
  const why = authority === undefined ? noCopy : (doubt ?? damaged);
  const peers =
    authority === undefined ? copies : candidates.filter((copy) => isPeer(copy, authority));
  const unlisted = peers.length > 0 && peers.every((copy) => copy.unlisted);
  return {
    copies: [...copies],
    authority,
    agreed:
      authority !== undefined &&
      why === undefined &&
      copies.every((copy) => equals(copy, authority)),
    doubt: why,
    absenceDoubt:
      why ?? (unlisted ? `part of the PG on ${authority!.osd.name} cannot be listed` : undefined),
  };
}

/** As new as the authority: by Ceph's rules it holds the same objects. */
const isPeer = (copy: PgCopy, { info }: PgCopy): boolean =>
  isComplete(copy) && compareEversion(copy.info.lastUpdate, info.lastUpdate) === 0;

const equals = (copy: PgCopy, authority: PgCopy): boolean =>
  isComplete(copy) &&
  copy.damage === undefined &&
  copy.missing.size === 0 &&
  copy.bits === authority.bits &&
  compareEversion(copy.info.lastUpdate, authority.info.lastUpdate) === 0;

/** The newest version among copies. */
export function newestVersion(evidence: readonly CopyEvidence[]): Eversion | undefined {
  let newest: Eversion | undefined;
  for (const { version } of evidence) {
    if (version === undefined) continue;
    if (newest === undefined || compareEversion(version, newest) > 0) newest = version;
  }
  return newest;
}

const has = (evidence: readonly CopyEvidence[], version: Eversion): boolean =>
  evidence.some(
    (copy) => copy.version !== undefined && compareEversion(copy.version, version) === 0,
  );

/**
 * Which version of an object counts, given every copy that lies on the OSDs.
 * docs/replica-choice.md, "Per object".
 */
export function judgeObject(
  decision: PgDecision,
  id: Pick<ObjectId, 'name' | 'namespace' | 'key' | 'snap'>,
  evidence: readonly CopyEvidence[],
): Verdict {
  const { authority, doubt } = decision;
  if (authority === undefined) return judgeWithoutAuthority(decision, id, evidence);
  const key = hobjectKey(id);
  const missing = authority.missing.get(key);
  if (missing?.isDelete) return { exists: false, doubt };
  if (missing !== undefined) {
    if (has(evidence, missing.need)) return { exists: true, version: missing.need, doubt };
    const found = newestVersion(evidence);
    const had = found === undefined ? 'no copy' : `version ${formatEversion(found)}`;
    const why = `version ${formatEversion(missing.need)} is needed, the OSDs here have ${had}`;
    return { exists: true, version: found, doubt: why };
  }
  return judgeByPeers(decision, key, evidence);
}

/**
 * Copies of the PG that are as good as the authority: by Ceph's rules they hold the same objects, so
 * where their disks differ one of them is damaged. A file is lost more easily than it comes into
 * being: the object exists where any of them has it.
 */
function judgeByPeers(
  decision: PgDecision,
  key: string,
  evidence: readonly CopyEvidence[],
): Verdict {
  const { authority, doubt, copies } = decision;
  const { lastUpdate } = authority!.info;
  const peers = copies.filter((copy) => isPeer(copy, authority!) && !copy.missing.has(key));
  const held = evidence.filter(({ osd }) => peers.some((peer) => peer.osd.index === osd));
  if (held.length === 0) return { exists: false, doubt: decision.absenceDoubt };
  const versioned = held.filter(
    ({ version }) => version !== undefined && compareEversion(version, lastUpdate) <= 0,
  );
  const version = newestVersion(versioned) ?? newestVersion(evidence);
  const why =
    held.length * 2 <= peers.length
      ? `only ${held.length} of ${peers.length} equal copies of the PG have it`
      : versioned.length === 0
        ? 'no copy that counts tells its version'
        : undefined;
  return { exists: true, version, doubt: doubt ?? why };
}

/** No complete copy: newest version, unless some copy knows that the object was deleted since. */
function judgeWithoutAuthority(
  { copies, doubt }: PgDecision,
  id: Pick<ObjectId, 'name' | 'namespace' | 'key' | 'snap'>,
  evidence: readonly CopyEvidence[],
): Verdict {
  const version = newestVersion(evidence);
  const key = hobjectKey(id);
  const deleted = copies.some(({ missing }) => {
    const item = missing.get(key);
    return item?.isDelete && (version === undefined || compareEversion(item.need, version) > 0);
  });
  if (deleted || evidence.length === 0) return { exists: false, doubt };
  return { exists: true, version, doubt };
}

/** The PGs of a cluster: which copies there are of each, and which of them counts. */
export class PgAuthority {
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  #byPool: Map<number, PgCopy[]> | undefined;
  readonly #decisions = new Map<string, PgDecision>();
  readonly #cellBits = new Map<number, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  #copies(pool: number): PgCopy[] {
    this.#byPool ??= this.#load();
    return this.#byPool.get(pool) ?? [];
  }

  #load(): Map<number, PgCopy[]> {
    const byPool = new Map<number, PgCopy[]>();
    const pgNumOf = (pool: number) => this.#cluster.osdMap?.pools.get(pool)?.pgNum;
    for (const osd of this.#cluster.osds) {
      try {
        const unlisted = unlistedCollections(osd.catalog);
        for (const object of osd.catalog.pgMetadata()) {
          const copy = pgCopyOf(osd, object, unlisted, pgNumOf, (text) => this.problems.push(text));
          if (copy === undefined) continue;
          const list = byPool.get(copy.pool);
          if (list === undefined) byPool.set(copy.pool, [copy]);
          else list.push(copy);
        }
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        this.problems.push(`${osd.name}: ${errorText(error)}`);
      }
    }
    return byPool;
  }

  /** Whether any OSD here holds the PG of objects with this hash. */
  isHeld(pool: number, hash: number): boolean {
    return this.decide(pool, hash).copies.length > 0;
  }

  /** True when no PG metadata could be read at all: then absence says nothing about PGs. */
  get isBlind(): boolean {
    this.#byPool ??= this.#load();
    return this.#byPool.size === 0;
  }

  /** The decision for objects of `pool` with placement hash `hash`; made once for each PG. */
  decide(pool: number, hash: number): PgDecision {
    let bits = this.#cellBits.get(pool);
    if (bits === undefined) {
      // The finest split that any copy has seen: within such a cell all hashes have the same copies.
      bits = Math.min(32, maxOf(this.#copies(pool).map((copy) => copy.bits)));
      this.#cellBits.set(pool, bits);
    }
    const cell = lowBits(hash, bits);
    const key = `${pool}/${cell}`;
    let decision = this.#decisions.get(key);
    if (decision === undefined) {
      const copies = this.#copies(pool).filter((copy) => lowBits(cell, copy.bits) === copy.seed);
      const erasure = this.#cluster.osdMap?.pools.get(pool)?.type === 'erasure';
      decision = choosePgAuthority(copies, erasure);
      this.#decisions.set(key, decision);
    }
    return decision;
  }
}

const lowBits = (hash: number, bits: number): number =>
  bits >= 32 ? hash : (hash & (2 ** bits - 1)) >>> 0;
