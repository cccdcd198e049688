import { ByteReader } from '../bytes/byte-reader.ts';
import { cephCrc32c } from '../bytes/crc32c.ts';
import { corruptError } from '../errors/salvage-error.ts';
import {
  type Eversion,
  eversion,
  requireVersion,
  skipReqid,
  snapids,
  type Utime,
  utime,
  versioned,
} from './encoding.ts';
import { type Hobject, readHobject } from './hobject.ts';

/** Entries of the log that each copy of a pg keeps. See docs/formats/ceph.md, "PG log". */

/** pg_log_entry_t::op by its number on disk. */
export const LOG_OPS = {
  1: 'modify',
  2: 'clone',
  3: 'delete',
  4: 'backlog', // obsolete before Firefly
  5: 'lostRevert',
  6: 'lostDelete',
  7: 'lostMark',
  8: 'promote',
  9: 'clean',
  /** a failed request that was remembered; changed nothing */
  10: 'error',
} as const;

export type LogOp = (typeof LOG_OPS)[keyof typeof LOG_OPS];

/** pg_log_entry_t */
export interface PgLogEntry {
  op: LogOp;
  /** clones have entries of their own */
  object: Hobject;
  version: Eversion;
  /** 0'0: the entry created the object */
  priorVersion: Eversion;
  /** only with `lostRevert`: the version that the object went back to */
  revertingTo?: Eversion;
  mtime: Utime;
  /** of clones: the snapshots served, newest first */
  snaps: bigint[];
  userVersion: bigint;
}

/** True when the entry removed its object. */
export const isDeletion = (entry: PgLogEntry): boolean =>
  entry.op === 'delete' || entry.op === 'lostDelete';

function readOp(body: ByteReader): LogOp {
  const op = body.s32();
  const name = (LOG_OPS as Record<number, LogOp>)[op];
  if (name === undefined) throw body.fail(`unknown op ${op}`);
  return name;
}

/** A vector of snapids within a blob, which is empty where there is nothing to say. */
function readSnaps(bytes: Uint8Array): bigint[] {
  return bytes.length === 0 ? [] : snapids(new ByteReader(bytes, 'pg_log_entry_t snaps'));
}

function entryFields(body: ByteReader, v: number): PgLogEntry {
  requireVersion(body, v, 7);
  const op = readOp(body);
  const object = readHobject(body);
  const version = eversion(body);
  const beforeRequest = eversion(body);
  skipReqid(body);
  const mtime = utime(body);
  const reverts = op === 'lostRevert';
  const priorVersion = reverts ? eversion(body) : beforeRequest;
  const snaps = readSnaps(body.blob());
  const userVersion = v >= 8 ? body.u64() : version.version;
  const entry = { op, object, version, priorVersion, mtime, snaps, userVersion };
  return reverts ? { ...entry, revertingTo: beforeRequest } : entry;
}

/**
 * The value of a log key: u32 length, pg_log_entry_t (v7 to v14 and newer), u32 crc32c (seed 0).
 * @throws CORRUPT (also for a wrong crc), UNSUPPORTED
 */
export function decodePgLogEntry(bytes: Uint8Array): PgLogEntry {
  const reader = new ByteReader(bytes, 'pg_log_entry_t');
  const at = reader.pos + 4;
  const encoded = reader.blob();
  const expected = reader.u32();
  const found = cephCrc32c(0, encoded);
  if (found !== expected) {
    throw corruptError('pg_log_entry_t: crc mismatch', {
      structure: 'pg_log_entry_t',
      offset: at,
      expected,
      found,
    });
  }
  return versioned(new ByteReader(encoded, 'pg_log_entry_t', at), 'pg_log_entry_t', 4, entryFields);
}
