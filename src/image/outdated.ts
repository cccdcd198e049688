import { compareEversion } from '../ceph/encoding.ts';
import { Cluster } from './cluster.ts';
import { type Layer, layersOf } from './layer.ts';
import { choosePgAuthority, type PgDecision } from './pg-decision.ts';

/** By what it was decided which copies count. */
export interface Basis {
  /** keys of the OSDs whose catalogs were at hand, sorted */
  osds: string[];
  /** epoch of the newest OSD map; null: there was none */
  map_epoch: number | null;
}

export const basisOf = ({ osds, osdMap }: Cluster): Basis => ({
  osds: osds.map(({ catalog }) => catalog.key).sort(),
  map_epoch: osdMap?.epoch ?? null,
});

/** What was found out of a cluster, by basis and pool: many images ask the same. */
const found = new WeakMap<Cluster, Map<string, string | undefined>>();

/**
 * Why bytes that were proven by what was known then may not be current by what is known now: an OSD that has turned up
 * since went on when the others had died, or tells of such a one.
 * @returns undefined: what was proven stands
 */
export function outdated(layer: Layer, basis: Basis): string | undefined {
  const { cluster } = layer.image;
  const now = basisOf(cluster);
  const known = new Set(basis.osds);
  const isOld = now.map_epoch === basis.map_epoch && now.osds.every((key) => known.has(key));
  if (isOld) return undefined;
  let answers = found.get(cluster);
  if (answers === undefined) {
    answers = new Map();
    found.set(cluster, answers);
  }
  let before: Cluster | undefined;
  for (const pool of new Set(layersOf(layer).flatMap(({ pools }) => pools.map((p) => p.pool)))) {
    const key = JSON.stringify([basis, pool]);
    if (!answers.has(key)) {
      before ??= asKnown(cluster, known);
      answers.set(key, outdatedPg(cluster, before, pool, now.map_epoch === basis.map_epoch));
    }
    const why = answers.get(key);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** The cluster with those OSDs alone that were known. */
function asKnown({ fsid, osds, osdMap }: Cluster, known: ReadonlySet<string>): Cluster {
  const catalogs = osds.map(({ catalog }) => catalog).filter(({ key }) => known.has(key));
  return new Cluster(fsid, catalogs, osdMap, () => ({ images: [], problems: [] }));
}

function outdatedPg(
  cluster: Cluster,
  before: Cluster,
  pool: number,
  sameMap: boolean,
): string | undefined {
  const erasure = cluster.osdMap?.pools.get(pool)?.type === 'erasure';
  for (const hash of cluster.pgs.cells(pool)) {
    const then = before.pgs.decide(pool, hash);
    if (!wasCertain(then, erasure, sameMap)) continue;
    const now = cluster.pgs.decide(pool, hash);
    const why = changeOf(then, now);
    if (why !== undefined) return why;
  }
  return undefined;
}

/** Nothing of a PG in doubt was called proven. The map that was known then may have told less than today's. */
function wasCertain(then: PgDecision, erasure: boolean, sameMap: boolean): boolean {
  if (then.authority === undefined) return false;
  const { doubt } = sameMap ? then : choosePgAuthority(then.copies, { erasure, blind: then.blind });
  return doubt === undefined;
}

function changeOf(then: PgDecision, now: PgDecision): string | undefined {
  if (now.doubt !== undefined) return now.doubt;
  const { authority } = now;
  if (authority === undefined) return 'no complete copy of a PG is here any more';
  const { info, osd } = authority;
  if (compareEversion(info.lastUpdate, then.authority!.info.lastUpdate) === 0) return undefined;
  return `${osd.name}, which was not known then, has another state of what had been copied`;
}
