import { binaryKey, nameToText } from '../bytes/names.ts';
import type { CatalogOsd } from '../catalog/catalog.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { compareEversion } from '../ceph/encoding.ts';
import type { Hobject } from '../ceph/hobject.ts';
import { isMaxHobject } from '../ceph/hobject.ts';
import { decodeMissingItem, type MissingItem } from '../ceph/missing.ts';
import { formatPg, type Pg, parseColl } from '../ceph/pg.ts';
import { applyFastInfo, decodePgFastInfo, decodePgInfo, type PgInfo } from '../ceph/pg-info.ts';
import { classifyPgMetaKey } from '../ceph/pg-meta-keys.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ClusterOsd } from './cluster.ts';

/** One OSD's copy of a placement group, as its PG metadata object tells. */
export interface PgCopy {
  osd: ClusterOsd;
  pool: number;
  seed: number;
  /** -1 in replicated pools */
  shard: number;
  /** the collection holds the objects whose hash ends in these many bits of `seed` */
  bits: number;
  info: PgInfo;
  /** part of its directories could not be listed: it may hold more than the catalog knows */
  unlisted: boolean;
  /** why its database, and with it everything it says, may be older than it should; usually undefined */
  damage?: string | undefined;
  /** recovery has caught up: where the missing set is not stored (up to Jewel), nothing else tells */
  caughtUp: boolean;
  /** objects this copy knows it lacks or must delete, by `hobjectKey` */
  missing: Map<string, MissingItem>;
  /** objects of whatever kind that a scan found in its collection */
  listed: number;
}

/** What tells objects of one pool apart; hash and pool follow from the rest. */
export const hobjectKey = (o: Pick<Hobject, 'name' | 'namespace' | 'key' | 'snap'>): string =>
  [...[o.namespace, o.key, o.name].map(binaryKey), o.snap].join('\0');

export const isComplete = (copy: PgCopy): boolean => isMaxHobject(copy.info.lastBackfill);

/** Bits of a PG by the pool's pg_num, for collections that do not tell their own. */
export function bitsOfPg(seed: number, pgNum: number): number {
  const bits = Math.ceil(Math.log2(Math.max(1, pgNum)));
  // With pg_num between two powers of two, the seeds not yet split have one bit less.
  const half = 2 ** (bits - 1);
  return bits > 0 && seed < half && seed + half >= pgNum ? bits - 1 : bits;
}

function decodeKeys(object: MetadataObject, problems: (text: string) => void) {
  let info: PgInfo | undefined;
  let fast: ReturnType<typeof decodePgFastInfo>;
  const missing = new Map<string, MissingItem>();
  let storesMissing = false;
  for (const [key, value] of object.omap ?? []) {
    try {
      const { kind } = classifyPgMetaKey(key);
      storesMissing ||= kind === 'missing' || kind === 'mayIncludeDeletes';
      if (kind === 'info') info = decodePgInfo(value);
      else if (kind === 'fastInfo') fast = decodePgFastInfo(value);
      else if (kind === 'missing') {
        const item = decodeMissingItem(value);
        missing.set(hobjectKey(item.object), item);
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      problems(`${nameToText(key)}: ${errorText(error)}`);
    }
  }
  const newest = info === undefined ? undefined : applyFastInfo(info, fast);
  const caughtUp =
    storesMissing ||
    (newest !== undefined && compareEversion(newest.lastComplete, newest.lastUpdate) >= 0);
  return { info: newest, missing, caughtUp };
}

const collectionOf = (directory: Uint8Array): string =>
  Buffer.from(directory).toString('latin1').split('/')[0]!;

/** Collections of an OSD that could not be listed to their end. */
export const unlistedCollections = (osd: CatalogOsd): Set<string> =>
  new Set(osd.segments.flatMap((segment) => segment.unreadable().map(collectionOf)));

/**
 * The copy that a PG metadata object stands for; undefined when its info cannot be read or it was
 * never more than a placeholder.
 * @param unlisted see `unlistedCollections`
 * @param pgNumOf pg_num of a pool, where a map tells
 */
export function pgCopyOf(
  osd: ClusterOsd,
  object: MetadataObject,
  unlisted: ReadonlySet<string>,
  pgNumOf: (pool: number) => number | undefined,
  problems: (text: string) => void,
): PgCopy | undefined {
  const { pool, hash: seed, shard } = object.ref.id;
  const { info, missing, caughtUp } = decodeKeys(object, (text) =>
    problems(`${osd.name}: PG ${pool}.${seed.toString(16)}: ${text}`),
  );
  if (info === undefined || info.history.epochCreated === 0) return undefined;
  const bits = bitsOf(object, pgNumOf);
  const damage = object.problem ?? journalDamage(osd.catalog);
  const collection = collectionOf(object.ref.directory);
  const isUnlisted = unlisted.has(collection);
  // The PG's metadata is none of its objects.
  const listed = (collectionsOf(osd.catalog).get(collection) ?? 1) - 1;
  const place = { osd, pool, seed, shard, bits };
  return { ...place, info, missing, caughtUp, unlisted: isUnlisted, damage, listed };
}

/** Hash bits of the collection that a PG metadata object lies in. */
function bitsOf(object: MetadataObject, pgNumOf: (pool: number) => number | undefined): number {
  if (object.pgBits !== undefined) return object.pgBits;
  const { pool, hash: seed } = object.ref.id;
  const pgNum = pgNumOf(pool);
  return pgNum === undefined ? 32 : bitsOfPg(seed, pgNum);
}

/** A journal that could not be replayed to its end may hold the OSD's last writes. */
function journalDamage({ location }: CatalogOsd): string | undefined {
  const { replay } = location;
  if (replay === undefined) return undefined;
  const isWhole = (replay.state === 'clean' || replay.state === 'replayed') && !replay.broken;
  return isWhole
    ? undefined
    : `its journal is ${replay.state}: ${replay.reason ?? 'writes may be missing'}`;
}

/** A PG that an OSD holds, of which it cannot say what it should contain. */
export interface BlindPg {
  osd: ClusterOsd;
  pool: number;
  seed: number;
  bits: number;
  /** its directories could not be listed either */
  unlisted: boolean;
}

/** PGs of an OSD whose collections are there, but no info that can be read. */
export function blindPgsOf(
  osd: ClusterOsd,
  known: readonly PgCopy[],
  metadata: readonly MetadataObject[],
  unlisted: ReadonlySet<string>,
  pgNumOf: (pool: number) => number | undefined,
): BlindPg[] {
  const told = new Set(known.map((copy) => formatPg(copy)));
  const own = new Map(metadata.map((object) => [collectionOf(object.ref.directory), object]));
  const blind: BlindPg[] = [];
  for (const [collection, pg] of pgCollectionsOf(osd.catalog)) {
    if (told.has(formatPg(pg))) continue;
    const { pool, seed } = pg;
    const object = own.get(collection);
    const bits =
      object === undefined ? bitsOfPg(seed, pgNumOf(pool) ?? 0) : bitsOf(object, pgNumOf);
    blind.push({ osd, pool, seed, bits, unlisted: unlisted.has(collection) });
  }
  return blind;
}

/** PGs of an OSD by the names of their collections, as its scan saw them. */
export function* pgCollectionsOf(osd: CatalogOsd): Generator<[collection: string, pg: Pg]> {
  for (const collection of collectionsOf(osd).keys()) {
    const coll = parseColl(collection);
    if (coll.kind === 'pg') yield [collection, coll.pg];
  }
}

const knownCollections = new WeakMap<CatalogOsd, Map<string, number>>();

/** Objects that an OSD has, PG metadata included, by name of their collection, as its scan saw them. */
function collectionsOf(osd: CatalogOsd): Map<string, number> {
  let found = knownCollections.get(osd);
  if (found !== undefined) return found;
  found = new Map<string, number>();
  for (const segment of osd.segments) {
    for (const [name, n] of segment.collections()) found.set(name, (found.get(name) ?? 0) + n);
  }
  knownCollections.set(osd, found);
  return found;
}
