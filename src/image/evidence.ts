import { compareEversion, type Eversion } from '../ceph/encoding.ts';
import { type ImageExtent, objectExtents } from '../rbd/striping.ts';
import type { Cluster, ClusterOsd } from './cluster.ts';
import { type Layer, layersOf } from './layer.ts';
import type { ObjectTable } from './object-table.ts';
import type { PgCopy } from './pg-copies.ts';
import type { PgDecision } from './pg-decision.ts';

/**
 * By what it was decided which copies count, as it is kept beside an output: bytes that were proven by it are proven
 * no more once something newer is known.
 */
export interface Evidence {
  /** keys of the OSDs that were known; those that have objects which no other has were read, if need be again */
  osds: string[];
  /** epoch of the newest OSD map; null: there was none */
  map_epoch: number | null;
  /** by pool: its PGs, those of all hashes from 0 on, whose low bits tell them apart: as many as a power of two */
  pools: Record<string, string[]>;
}

/** A PG as evidence has it: epoch in which the copy that counts last took part, and its last update. */
interface PgState {
  started: number;
  lastUpdate: Eversion;
}

/** Stands for a PG of which nothing was certain. */
const NOTHING = '-';
/** No pool has more PGs; what damaged collections claim beyond is looked at where their first hash is. */
const MAX_BITS = 16;

const stateText = ({ started, lastUpdate }: PgState): string =>
  `${started}:${lastUpdate.epoch}'${lastUpdate.version}`;

function stateOf(text: string | undefined): PgState | undefined {
  const match = /^(\d{1,10}):(\d{1,10})'(\d{1,20})$/.exec(text ?? '');
  if (match === null) return undefined;
  const [, started, epoch, version] = match;
  return {
    started: Number(started),
    lastUpdate: { epoch: Number(epoch), version: BigInt(version!) },
  };
}

function certain({ authority, doubt }: PgDecision): string {
  if (authority === undefined || doubt !== undefined) return NOTHING;
  const { lastEpochStarted: started, lastUpdate } = authority.info;
  return stateText({ started, lastUpdate });
}

/** PGs of a pool, by cluster: many images ask for the same. */
const pgsOf = new WeakMap<Cluster, Map<number, string[]>>();

function poolEvidence(cluster: Cluster, pool: number): string[] {
  const known = pgsOf.get(cluster) ?? new Map<number, string[]>();
  pgsOf.set(cluster, known);
  let pgs = known.get(pool);
  if (pgs === undefined) {
    const length = 2 ** Math.min(MAX_BITS, cluster.pgs.bitsOf(pool));
    pgs = Array.from({ length }, (_, cell) => certain(cluster.pgs.decide(pool, cell)));
    known.set(pool, pgs);
  }
  return pgs;
}

/** Pools that an image's bytes depend on: its data objects', and those that hold its object map and journal. */
const poolsOf = (layer: Layer): Set<number> =>
  new Set(layersOf(layer).flatMap(({ image, pools }) => [image.pool, ...pools.map((p) => p.pool)]));

/** What is known now. */
export function evidenceOf(layer: Layer): Evidence {
  const { cluster } = layer.image;
  const pools: Evidence['pools'] = {};
  for (const pool of poolsOf(layer)) pools[pool] = poolEvidence(cluster, pool);
  const osds = cluster.osds.map(({ catalog }) => catalog.key);
  return { osds, map_epoch: cluster.osdMap?.epoch ?? null, pools };
}

/** Is it, read from a file that anybody may have written, in this form? */
export function isEvidence(value: unknown): value is Evidence {
  if (typeof value !== 'object' || value === null) return false;
  const { osds, map_epoch: epoch, pools } = value as Partial<Evidence>;
  if (!Array.isArray(osds) || !osds.every((key) => typeof key === 'string')) return false;
  if (epoch !== null && !Number.isSafeInteger(epoch)) return false;
  if (typeof pools !== 'object' || pools === null) return false;
  return Object.values(pools).every(
    (pgs) =>
      Array.isArray(pgs) &&
      pgs.length <= 2 ** MAX_BITS &&
      (pgs.length & (pgs.length - 1)) === 0 &&
      pgs.every((pg) => typeof pg === 'string'),
  );
}

/**
 * Weighs what is known now against what was known when bytes were proven. What was known then of PGs of which the OSDs at
 * hand know less is a doubt about these from here on, of whatever image: newer copies than theirs have been seen.
 * @returns why bytes that were proven then may not be current; undefined: nothing that is known now speaks against them
 */
export function weigh(layer: Layer, then: Evidence): string | undefined {
  const { cluster } = layer.image;
  const own = new Set(layer.pools.map(({ pool }) => pool)).add(layer.image.pool);
  const here = new Set(cluster.osds.map(({ catalog }) => catalog.key));
  const map = (cluster.osdMap?.epoch ?? -1) > (then.map_epoch ?? -1);
  // By a newer map an OSD may be in doubt just because others are not at hand.
  const isNewerMap = map && then.osds.every((key) => here.has(key));
  let why: string | undefined;
  for (const pool of poolsOf(layer)) {
    const known = then.pools[pool];
    if (known === undefined || known.length === 0) {
      // Of a parent's pool nothing was proven as long as nothing was known of the parent.
      if (known !== undefined || own.has(pool)) why ??= UNTOLD;
      continue;
    }
    const told = weighPool(cluster, pool, known, isNewerMap);
    why ??= told;
  }
  return why;
}

const UNTOLD = 'nothing tells by what it was proven';

function weighPool(
  cluster: Cluster,
  pool: number,
  known: readonly string[],
  isNewerMap: boolean,
): string | undefined {
  const isErasure = cluster.osdMap?.pools.get(pool)?.type === 'erasure';
  const now = poolEvidence(cluster, pool);
  const cells = Math.max(known.length, now.length);
  let outdated: string | undefined;
  for (let cell = 0; cell < cells; cell++) {
    const text = known[cell % known.length];
    // As nearly all are.
    if (text === now[cell % now.length]) continue;
    if (text === NOTHING) continue;
    const then = stateOf(text);
    if (then === undefined) {
      outdated ??= UNTOLD;
      continue;
    }
    const { isLess, why } = weighPg(then, cluster.pgs.decide(pool, cell), isErasure, isNewerMap);
    outdated ??= why;
    if (isLess) {
      const { epoch, version } = then.lastUpdate;
      const seen = `an earlier run of this export knew of newer writes (${epoch}'${version})`;
      cluster.pgs.doubtAlso(pool, cell, Math.log2(cells), seen);
    }
  }
  return outdated;
}

interface Weighed {
  /** the OSDs at hand know less than was known */
  isLess: boolean;
  /** why what was proven may not be current */
  why?: string | undefined;
}

const newer = (osd: string): Weighed => ({
  isLess: false,
  why: `${osd} knows of newer writes than what was read then`,
});

/** With fewer OSDs at hand than then less is known: that speaks against nothing. */
function weighPg(
  then: PgState,
  { authority, copies, doubt }: PgDecision,
  isErasure: boolean,
  isNewerMap: boolean,
): Weighed {
  const activeIn = ({ info }: PgCopy) =>
    Math.max(info.lastEpochStarted, info.history.lastEpochStarted);
  const later = copies.find((copy) => activeIn(copy) > then.started);
  const order =
    authority === undefined ? -1 : compareEversion(authority.info.lastUpdate, then.lastUpdate);
  if (order === 0 && doubt === undefined) return { isLess: false };
  if (later !== undefined) return newer(later.osd.name);
  if (authority === undefined || authority.info.lastEpochStarted < then.started)
    return { isLess: true };
  if (order === 0) return { isLess: false, why: isNewerMap ? doubt : undefined };
  // Of shards that took part in the same interval the oldest counts.
  return (isErasure ? order < 0 : order > 0) ? newer(authority.osd.name) : { isLess: true };
}

/** What proves bytes of an earlier run and those that are added to them now. */
export function joined(then: Evidence, now: Evidence): Evidence {
  const pools = { ...then.pools };
  for (const [pool, pgs] of Object.entries(now.pools)) {
    const before = then.pools[pool] ?? [];
    const length = Math.max(before.length, pgs.length);
    const at = (own: readonly string[], cell: number) => own[cell % own.length] ?? NOTHING;
    pools[pool] = Array.from({ length }, (_, cell) => newest(at(before, cell), at(pgs, cell)));
  }
  // What others have is looked at once all are here again.
  const here = new Set(now.osds);
  const osds = then.osds.every((key) => here.has(key)) ? now.osds : then.osds;
  // What was proven by the older map has not been weighed against the newer one where its PGs were not at hand.
  const isOlder = then.map_epoch === null || (now.map_epoch ?? -1) > then.map_epoch;
  return { osds, map_epoch: isOlder ? then.map_epoch : now.map_epoch, pools };
}

/** Of two that agree as far as they know anything: where one knows less, what the other one knew. */
function newest(then: string, now: string): string {
  const [a, b] = [stateOf(then), stateOf(now)];
  if (a === undefined || b === undefined) return a === undefined ? now : then;
  const isSame = compareEversion(a.lastUpdate, b.lastUpdate) === 0;
  return isSame && b.started > a.started ? now : then;
}

/**
 * Ranges of the image whose objects, or clones of them, only OSDs have that were not known then. By their PGs these are no
 * newer than the others, but a file system that has lost an object does not tell its OSD: what passed for a hole then may be none.
 */
export function* foundSince(
  layer: Layer,
  then: Evidence,
): Generator<Pick<ImageExtent, 'offset' | 'length'>> {
  const known = new Set(then.osds);
  const isNew = ({ catalog }: ClusterOsd): boolean => !known.has(catalog.key);
  const { osds } = layer.image.cluster;
  // Where OSDs are missing that were known then, what only others have was perhaps read from those.
  const old = osds.filter((osd) => !isNew(osd));
  if (old.length === 0 || old.length < known.size || old.length === osds.length) return;
  for (const { geometry, size, pools } of layersOf(layer)) {
    const end = Math.min(size, layer.size);
    for (const { objects } of pools) {
      for (const objectNo of objectsOnlyOn(objects, isNew))
        yield* objectExtents(geometry, objectNo, end);
    }
  }
}

function* objectsOnlyOn(
  objects: ObjectTable,
  isNew: (osd: ClusterOsd) => boolean,
): Generator<number> {
  for (let row = 0; row < objects.length; ) {
    const objectNo = objects.objectNo(row);
    const seen = new Set<number>();
    const fresh = new Set<number>();
    for (; row < objects.length && objects.objectNo(row) === objectNo; row++) {
      (isNew(objects.osd(row)) ? fresh : seen).add(objects.snap(row));
    }
    if ([...fresh].some((snap) => !seen.has(snap))) yield objectNo;
  }
}
