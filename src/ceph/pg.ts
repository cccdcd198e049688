import type { ByteReader } from '../bytes/byte-reader.ts';
import { requireVersion, versioned } from './encoding.ts';
import { NO_SHARD } from './hobject.ts';

/** pg_t, spg_t, coll_t and their texts. See docs/formats/ceph.md, "PGs and collections". */

export interface Pg {
  pool: number;
  seed: number;
}

/** One shard of a pg: what an OSD holds. */
export interface Spg extends Pg {
  /** -1 (`NO_SHARD`) outside erasure-coded pools */
  shard: number;
}

/** A directory of objects in a store. `other` is a collection that holds no pg we know. */
export type Coll =
  | { kind: 'meta' }
  | { kind: 'pg'; pg: Spg }
  | { kind: 'temp'; pg: Spg }
  | { kind: 'other'; name: string };

/** Encoded size of a pg_t. */
export const PG_BYTES = 17;

/** u8 1, u64 pool, u32 seed, s32 -1 (once a preferred OSD). */
export function readPg(reader: ByteReader): Pg {
  const version = reader.u8();
  if (version !== 1) throw reader.fail(`pg_t version ${version}, only 1 is known`);
  const pg = { pool: reader.size(), seed: reader.u32() };
  reader.skip(4);
  return pg;
}

export function readSpg(reader: ByteReader): Spg {
  return versioned(reader, 'spg_t', 1, (body) => ({ ...readPg(body), shard: body.s8() }));
}

const COLL_TYPE_META = 0;
const COLL_TYPE_PG = 2;
const COLL_TYPE_TEMP = 3;

function collOfType(reader: ByteReader, type: number, pg: Spg): Coll {
  if (type === COLL_TYPE_META) return { kind: 'meta' };
  if (type === COLL_TYPE_PG) return { kind: 'pg', pg };
  if (type === COLL_TYPE_TEMP) return { kind: 'temp', pg };
  if (type === 1) return { kind: 'other', name: 'temp' };
  throw reader.fail(`collection type ${type}`);
}

/**
 * coll_t v1 (pg and snapshot), v2 (type, pg, snapshot) or v3 (a directory name). It has no length.
 * @throws CORRUPT
 */
export function readColl(reader: ByteReader): Coll {
  const version = reader.u8();
  if (version === 3) return parseColl(Buffer.from(reader.blob()).toString('latin1'));
  requireVersion(reader, version, 1);
  if (version > 3) throw reader.fail(`coll_t version ${version}, newest known is 3`);
  const type = version === 2 ? reader.u8() : COLL_TYPE_PG;
  const pg = readSpg(reader);
  const snap = reader.u64();
  // v1 had no type: the default pg with snapshot 0 was meta.
  const isMeta = version === 1 && pg.pool === 0 && pg.seed === 0 && snap === 0n;
  return collOfType(reader, isMeta ? COLL_TYPE_META : type, pg);
}

const PG_TEXT = /^(0|[1-9]\d{0,15})\.(0|[1-9a-f][0-9a-f]{0,7})(?:s(0|[1-9]\d{0,2}))?$/;
const MAX_SHARD = 127;

/** `2.c` or `4.1s1`: pool decimal, seed hexadecimal, shard decimal. */
export function parsePg(text: string): Spg | undefined {
  const [, pool, seed, shard] = PG_TEXT.exec(text) ?? [];
  if (pool === undefined || seed === undefined) return undefined;
  const pg: Spg = {
    pool: Number(pool),
    seed: Number.parseInt(seed, 16),
    shard: shard === undefined ? NO_SHARD : Number(shard),
  };
  return Number.isSafeInteger(pg.pool) && pg.shard <= MAX_SHARD ? pg : undefined;
}

/** `2.c`, or `4.1s1` with a shard. */
export function formatPg(pg: Pg & { shard?: number }): string {
  const shard = pg.shard === undefined || pg.shard === NO_SHARD ? '' : `s${pg.shard}`;
  return `${pg.pool}.${pg.seed.toString(16)}${shard}`;
}

/** A collection's directory name (`2.c_head`, `4.1s1_TEMP`, `meta`). Never fails: see `other`. */
export function parseColl(name: string): Coll {
  if (name === 'meta') return { kind: 'meta' };
  const split = name.lastIndexOf('_');
  const pg = split < 0 ? undefined : parsePg(name.slice(0, split));
  const suffix = name.slice(split + 1);
  if (pg !== undefined && suffix === 'head') return { kind: 'pg', pg };
  if (pg !== undefined && suffix === 'TEMP') return { kind: 'temp', pg };
  return { kind: 'other', name };
}

export function formatColl(coll: Coll): string {
  if (coll.kind === 'meta') return 'meta';
  if (coll.kind === 'other') return coll.name;
  return `${formatPg(coll.pg)}_${coll.kind === 'pg' ? 'head' : 'TEMP'}`;
}

/** The pg that held this one's objects before a split: `bits` low bits (0-32) of the seed. */
export const parentSeed = (seed: number, bits: number): number => (seed & (2 ** bits - 1)) >>> 0;
