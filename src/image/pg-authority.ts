import type { MetadataObject } from '../catalog/metadata.ts';
import { compareEversion, type Eversion, formatEversion } from '../ceph/encoding.ts';
import type { OsdMap } from '../ceph/osdmap.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectId } from '../store/object-store.ts';
import type { Cluster, ClusterOsd } from './cluster.ts';
import {
  type BlindPg,
  blindPgsOf,
  hobjectKey,
  isComplete,
  type PgCopy,
  pgCopyOf,
  unlistedCollections,
} from './pg-copies.ts';

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
  /** OSDs (index in `Cluster.osds`, name) that hold the PG and cannot say what it should contain */
  blind: Map<number, string>;
}

/** What is known besides the copies themselves. */
export interface PgContext {
  erasure: boolean;
  blind?: Map<number, string>;
  /** why the copies here may all be older than ones that are not here, by the newest OSD map */
  wentOn?: (peers: readonly PgCopy[], copies: readonly PgCopy[]) => string | undefined;
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
export function choosePgAuthority(
  copies: readonly PgCopy[],
  { erasure, blind = new Map(), wentOn }: PgContext,
): PgDecision {
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
      Number(b.caughtUp) - Number(a.caughtUp) ||
      Number(a.damage !== undefined) - Number(b.damage !== undefined) ||
      compareEversion(a.info.logTail, b.info.logTail) ||
      a.missing.size - b.missing.size,
  )[0];
  const noCopy =
    copies.length === 0
      ? "no OSD here has the PG's metadata"
      : 'no complete copy of the PG is here';
  const peers =
    authority === undefined ? copies : candidates.filter((copy) => isPeer(copy, authority));
  const why =
    authority === undefined ? noCopy : (doubt ?? flawOf(authority) ?? wentOn?.(peers, copies));
  const unlisted = peers.length > 0 && peers.every((copy) => copy.unlisted);
  return {
    copies: [...copies],
    authority,
    agreed:
      authority !== undefined &&
      why === undefined &&
      blind.size === 0 &&
      copies.every((copy) => equals(copy, authority)),
    doubt: why,
    absenceDoubt:
      why ?? (unlisted ? `part of the PG on ${authority!.osd.name} cannot be listed` : undefined),
    blind,
  };
}

/** What is wrong with the best copy there is. */
function flawOf({ osd, damage, caughtUp }: PgCopy): string | undefined {
  if (damage !== undefined) return `${osd.name}: ${damage}`;
  return caughtUp
    ? undefined
    : `${osd.name} was recovering, and nothing tells which objects it lacked`;
}

/** As new as the authority: by Ceph's rules it holds the same objects. */
const isPeer = (copy: PgCopy, { info, caughtUp }: PgCopy): boolean =>
  isComplete(copy) &&
  copy.caughtUp === caughtUp &&
  compareEversion(copy.info.lastUpdate, info.lastUpdate) === 0;

const equals = (copy: PgCopy, authority: PgCopy): boolean =>
  isComplete(copy) &&
  copy.caughtUp &&
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
  const verdict = judgeByAuthority(decision, id, evidence);
  const { authority, blind } = decision;
  if (blind.size === 0 || authority === undefined) return verdict;
  // What an OSD without PG info has is no proof, but it may be newer than all that have some.
  const newer = newestVersion(evidence.filter(({ osd }) => blind.has(osd)));
  if (newer !== undefined && compareEversion(newer, authority.info.lastUpdate) > 0) {
    const names = [...blind.values()].join(', ');
    return {
      exists: true,
      version: newer,
      doubt: `${names} has a newer version and no readable PG info`,
    };
  }
  if (!verdict.exists) return verdict;
  const lacking = [...blind].find(([osd]) => !evidence.some((copy) => copy.osd === osd));
  const why =
    lacking && `${lacking[1]}, whose PG info cannot be read, does not have it: it may be deleted`;
  return { ...verdict, doubt: verdict.doubt ?? why };
}

function judgeByAuthority(
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

/** What the OSDs here hold of one pool. */
interface PoolPgs {
  copies: PgCopy[];
  blind: BlindPg[];
}

/** The PGs of a cluster: which copies there are of each, and which of them counts. */
export class PgAuthority {
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  #byPool: Map<number, PoolPgs> | undefined;
  readonly #decisions = new Map<string, PgDecision>();
  readonly #cellBits = new Map<number, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  #pgs(pool: number): PoolPgs {
    this.#byPool ??= this.#load();
    return this.#byPool.get(pool) ?? { copies: [], blind: [] };
  }

  #load(): Map<number, PoolPgs> {
    const byPool = new Map<number, PoolPgs>();
    const entry = (pool: number): PoolPgs => {
      const known = byPool.get(pool) ?? { copies: [], blind: [] };
      byPool.set(pool, known);
      return known;
    };
    const pgNumOf = (pool: number) => this.#cluster.osdMap?.pools.get(pool)?.pgNum;
    for (const osd of this.#cluster.osds) {
      const unlisted = unlistedCollections(osd.catalog);
      const metadata = this.#metadataOf(osd);
      const note = (text: string) => this.problems.push(text);
      const copies = metadata
        .map((object) => pgCopyOf(osd, object, unlisted, pgNumOf, note))
        .filter((copy) => copy !== undefined);
      for (const copy of copies) entry(copy.pool).copies.push(copy);
      for (const pg of blindPgsOf(osd, copies, metadata, unlisted, pgNumOf))
        entry(pg.pool).blind.push(pg);
    }
    return byPool;
  }

  #metadataOf(osd: ClusterOsd): MetadataObject[] {
    try {
      return osd.catalog.pgMetadata();
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.problems.push(`${osd.name}: ${errorText(error)}`);
      return [];
    }
  }

  /** True when no PG metadata could be read at all: then absence says nothing about PGs. */
  get isBlind(): boolean {
    this.#byPool ??= this.#load();
    return [...this.#byPool.values()].every(({ copies }) => copies.length === 0);
  }

  /** The decision for objects of `pool` with placement hash `hash`; made once for each PG. */
  decide(pool: number, hash: number): PgDecision {
    let bits = this.#cellBits.get(pool);
    if (bits === undefined) {
      // The finest split that any copy has seen: within such a cell all hashes have the same copies.
      const { copies, blind } = this.#pgs(pool);
      bits = Math.min(32, maxOf([...copies, ...blind].map((pg) => pg.bits)));
      this.#cellBits.set(pool, bits);
    }
    const cell = lowBits(hash, bits);
    const key = `${pool}/${cell}`;
    let decision = this.#decisions.get(key);
    if (decision === undefined) {
      decision = this.#decide(pool, cell);
      this.#decisions.set(key, decision);
    }
    return decision;
  }

  #decide(pool: number, cell: number): PgDecision {
    const covers = (pg: { bits: number; seed: number }) => lowBits(cell, pg.bits) === pg.seed;
    const { copies, blind } = this.#pgs(pool);
    const held = copies.filter(covers);
    const blindHere = blind
      .filter(covers)
      .filter(({ osd }) => !held.some((copy) => copy.osd === osd));
    const decision = choosePgAuthority(held, {
      erasure: this.#cluster.osdMap?.pools.get(pool)?.type === 'erasure',
      blind: new Map(blindHere.map(({ osd }) => [osd.index, osd.name])),
      wentOn: (peers, all) => wentOnWithout(this.#cluster.osdMap, pool, peers, all),
    });
    const unlisted = blindHere.find((pg) => pg.unlisted);
    if (unlisted === undefined || decision.absenceDoubt !== undefined) return decision;
    return {
      ...decision,
      absenceDoubt: `${unlisted.osd.name} holds the PG, which cannot be listed there`,
    };
  }
}

/**
 * Ceph would not have gone active with copies that were down while others lived on: where fewer
 * copies are here than the pool has, and all that count belong to OSDs that the newest map calls
 * down, an OSD that it calls up may have newer ones.
 */
function wentOnWithout(
  osdMap: OsdMap | undefined,
  pool: number,
  peers: readonly PgCopy[],
  copies: readonly PgCopy[],
): string | undefined {
  const size = osdMap?.pools.get(pool)?.size;
  if (osdMap === undefined || size === undefined || copies.length >= size) return undefined;
  const numberOf = ({ osd }: PgCopy) => osd.catalog.identity.whoami ?? -1;
  // An OSD that does not know its own number cannot be looked up: no ground for a doubt.
  const isUp = (osd: number) => osd < 0 || osdMap.osds[osd]?.up === true;
  if (peers.some((copy) => isUp(numberOf(copy)))) return undefined;
  const here = new Set(copies.map(numberOf));
  const others = osdMap.osds.flatMap(({ up }, osd) => (up && !here.has(osd) ? [`osd.${osd}`] : []));
  if (others.length === 0) return undefined;
  const names = peers.map(({ osd }) => osd.name).join(', ');
  return `${names} was down when the cluster died: newer copies may be on ${others.slice(0, 5).join(', ')}`;
}

const lowBits = (hash: number, bits: number): number =>
  bits >= 32 ? hash : (hash & (2 ** bits - 1)) >>> 0;
