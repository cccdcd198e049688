import { ByteReader } from '../bytes/byte-reader.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import {
  compareEversion,
  EVERSION_BYTES,
  type Eversion,
  eversion,
  type Interval,
  intervalSet,
  requireVersion,
  skipVersioned,
  UTIME_BYTES,
  versioned,
} from './encoding.ts';
import { type Hobject, NO_SHARD, readHobject } from './hobject.ts';
import { PG_BYTES, readPg, type Spg } from './pg.ts';

/** State of one copy of a pg. See docs/formats/ceph.md, "PG info". */

/** pg_history_t: what all copies of a pg should agree on. All are osdmap epochs. */
export interface PgHistory {
  epochCreated: number;
  lastEpochStarted: number;
  lastEpochClean: number;
  lastEpochSplit: number;
  sameIntervalSince: number;
  sameUpSince: number;
  samePrimarySince: number;
  lastScrub: Eversion;
}

/** pg_info_t */
export interface PgInfo {
  pg: Spg;
  /** newest log entry of this copy */
  lastUpdate: Eversion;
  /** no object up to here is missing */
  lastComplete: Eversion;
  /** the log covers what is newer than this */
  logTail: Eversion;
  /** objects above are not trustworthy; the maximum for a complete copy */
  lastBackfill: Hobject;
  /** which order `lastBackfill` is meant in: bitwise since Jewel, nibblewise before */
  lastBackfillBitwise: boolean;
  history: PgHistory;
  purgedSnaps: Interval[];
  /** of this copy, unlike the one in `history` */
  lastEpochStarted: number;
  lastUserVersion: bigint;
  /** objects that the PG has, clones and whiteouts counted; undefined where the statistics do not tell */
  objects: number | undefined;
}

/**
 * pg_history_t v4 to v10 and newer. Fields after the last scrub are not kept.
 * @throws CORRUPT, UNSUPPORTED
 */
export function readPgHistory(reader: ByteReader): PgHistory {
  return versioned(reader, 'pg_history_t', 4, (body, version) => {
    requireVersion(body, version, 4);
    return {
      epochCreated: body.u32(),
      lastEpochStarted: body.u32(),
      lastEpochClean: body.u32(),
      lastEpochSplit: body.u32(),
      sameIntervalSince: body.u32(),
      sameUpSince: body.u32(),
      samePrimarySince: body.u32(),
      lastScrub: eversion(body),
    };
  });
}

/** Statistics are read as far as they are known, and no info is refused for theirs. */
const MAX_COMPAT = 0xff;
/** Where the layout of pg_stat_t that is known begins and ends, by the oldest version that can read it. */
const STAT_COMPATS = [8, 22];
/** Fields before the sums: of the log, the parent PG and the last scrub. */
const BEFORE_SUMS = 5 * EVERSION_BYTES + 4 + 4 + 4 + PG_BYTES + 4 + UTIME_BYTES;
/** Times of the last states, epoch of the mapping, the last deep scrub. */
const BEFORE_INVALID = 5 * UTIME_BYTES + 4 + EVERSION_BYTES + UTIME_BYTES;

/** num_objects of pg_stat_t; after a split or merge nobody knows them until the next scrub. */
function statObjects(body: ByteReader, version: number, compat: number): number | undefined {
  if (!STAT_COMPATS.includes(compat) || version < 13) return undefined;
  body.skip(BEFORE_SUMS);
  const objects = versioned(body, 'object_stat_collection_t', MAX_COMPAT, (sums) =>
    versioned(sums, 'object_stat_sum_t', MAX_COMPAT, (sum, _, sumCompat) => {
      if (sumCompat < 3) return undefined;
      sum.skip(8); // num_bytes
      return sum.s64();
    }),
  );
  body.skip(8 + 8); // sizes of the log
  for (let osds = 0; osds < 2; osds++) body.skip(4 * body.u32()); // up, acting
  body.skip(BEFORE_INVALID);
  const invalid = body.bool();
  return objects === undefined || invalid ? undefined : countOf(objects);
}

/** Sums of statistics that have gone wrong may be negative. */
const countOf = (n: bigint): number | undefined =>
  n >= 0n && n <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(n) : undefined;

function objectsIfTold(...stats: Parameters<typeof statObjects>): number | undefined {
  try {
    return statObjects(...stats);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

function infoFields(body: ByteReader, v: number): PgInfo {
  requireVersion(body, v, 26);
  const pg = { ...readPg(body), shard: NO_SHARD };
  const lastUpdate = eversion(body);
  const lastComplete = eversion(body);
  const logTail = eversion(body);
  const oldLastBackfill = readHobject(body);
  const objects = versioned(body, 'pg_stat_t', MAX_COMPAT, objectsIfTold);
  const history = readPgHistory(body);
  const purgedSnaps = intervalSet(body);
  const lastEpochStarted = v >= 27 ? body.u32() : history.lastEpochStarted;
  const lastUserVersion = v >= 28 ? body.u64() : lastUpdate.version;
  if (v >= 29) skipVersioned(body); // hit set history
  if (v >= 30) pg.shard = body.s8();
  return {
    pg,
    lastUpdate,
    lastComplete,
    logTail,
    lastBackfill: v >= 31 ? readHobject(body) : oldLastBackfill,
    lastBackfillBitwise: v >= 31 && body.bool(),
    history,
    purgedSnaps,
    lastEpochStarted,
    lastUserVersion,
    objects,
  };
}

/**
 * pg_info_t v26 to v32 and newer: the value of `_info`.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodePgInfo(bytes: Uint8Array): PgInfo {
  return versioned(new ByteReader(bytes, 'pg_info_t'), 'pg_info_t', 26, infoFields);
}

/** pg_fast_info_t: the small part of a newer pg_info_t, written between whole ones. */
export interface PgFastInfo {
  lastUpdate: Eversion;
  lastComplete: Eversion;
  lastUserVersion: bigint;
  /** as in `PgInfo` */
  objects: number | undefined;
}

/** Fields of the statistics before num_objects: version, sequence of the report, seven times, length of the log, num_bytes. */
const BEFORE_FAST_OBJECTS = EVERSION_BYTES + 8 + 7 * UTIME_BYTES + 8 + 8;

function fastObjects(body: ByteReader): number | undefined {
  if (body.remaining < BEFORE_FAST_OBJECTS + 8) return undefined;
  body.skip(BEFORE_FAST_OBJECTS);
  return countOf(body.s64());
}

/**
 * The value of `_fastinfo`; empty bytes (cleared since the last whole info) give undefined.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodePgFastInfo(bytes: Uint8Array): PgFastInfo | undefined {
  if (bytes.length === 0) return undefined;
  return versioned(new ByteReader(bytes, 'pg_fast_info_t'), 'pg_fast_info_t', 1, (body) => ({
    lastUpdate: eversion(body),
    lastComplete: eversion(body),
    lastUserVersion: body.u64(),
    objects: fastObjects(body),
  }));
}

/** `info` as the OSD knew it last: `fast` counts only when it is the newer one. */
export function applyFastInfo(info: PgInfo, fast: PgFastInfo | undefined): PgInfo {
  const isNewer = fast !== undefined && compareEversion(fast.lastUpdate, info.lastUpdate) > 0;
  if (!isNewer) return info;
  // Statistics that are invalid stay so.
  const objects = info.objects === undefined ? undefined : fast.objects;
  return { ...info, ...fast, objects };
}
