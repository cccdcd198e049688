import { ByteReader } from '../bytes/byte-reader.ts';
import {
  compareEversion,
  type Eversion,
  eversion,
  type Interval,
  intervalSet,
  requireVersion,
  skipVersioned,
  versioned,
} from './encoding.ts';
import { type Hobject, NO_SHARD, readHobject } from './hobject.ts';
import { readPg, type Spg } from './pg.ts';

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

function infoFields(body: ByteReader, v: number): PgInfo {
  requireVersion(body, v, 26);
  const pg = { ...readPg(body), shard: NO_SHARD };
  const lastUpdate = eversion(body);
  const lastComplete = eversion(body);
  const logTail = eversion(body);
  const oldLastBackfill = readHobject(body);
  skipVersioned(body); // statistics
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
  }));
}

/** `info` as the OSD knew it last: `fast` counts only when it is the newer one. */
export function applyFastInfo(info: PgInfo, fast: PgFastInfo | undefined): PgInfo {
  const isNewer = fast !== undefined && compareEversion(fast.lastUpdate, info.lastUpdate) > 0;
  return isNewer ? { ...info, ...fast } : info;
}
