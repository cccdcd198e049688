import { ByteReader } from '../bytes/byte-reader.ts';
import { cephCrc32c } from '../bytes/crc32c.ts';
import {
  type Eversion,
  eversion,
  NOSNAP,
  requireVersion,
  skipReqid,
  skipVersioned,
  snapids,
  type Utime,
  utime,
  versioned,
} from './encoding.ts';
import { type Hobject, readHobject } from './hobject.ts';

/** object_info_t: the attribute `_` of every object. See docs/formats/ceph.md, "Object info". */

/** Bits of `ObjectInfo.flags` (object_info_t::flag_t). */
export const OBJECT_FLAG = {
  /** given up by the operator (mark_unfound_lost) */
  lost: 1 << 0,
  /** exists only to carry clones or to hide a base pool's object: logically absent */
  whiteout: 1 << 1,
  /** not yet flushed from a cache tier; set on ordinary objects too */
  dirty: 1 << 2,
  /** may have omap */
  omap: 1 << 3,
  dataDigest: 1 << 4,
  omapDigest: 1 << 5,
  cachePin: 1 << 6,
  /** data may be in another pool */
  manifest: 1 << 7,
  usesTmap: 1 << 8,
  redirectHasReference: 1 << 9,
} as const;

export interface ObjectInfo {
  object: Hobject;
  /** of the last change: copies with equal versions hold equal bytes */
  version: Eversion;
  priorVersion: Eversion;
  /** logical bytes; of the whole object in an erasure-coded pool */
  size: number;
  mtime: Utime;
  /** on clones, the snapshots served, newest first; empty on heads, and everywhere since Luminous */
  snaps: bigint[];
  userVersion: bigint;
  /** `OBJECT_FLAG` bits */
  flags: number;
  /** crc32c, seed 0xffffffff, of all `size` bytes; absent unless the flag vouches for it */
  dataDigest?: number;
  /** crc32c, seed 0xffffffff, of omap header and entries; absent unless the flag vouches for it */
  omapDigest?: number;
  /** bytes that the client said the object may grow to (RBD: the object size); absent before v16 */
  expectedObjectSize?: number;
}

export const isWhiteout = (info: ObjectInfo): boolean => (info.flags & OBJECT_FLAG.whiteout) !== 0;

const DIGEST_SEED = 0xffffffff;

/** Why an object's bytes, all of them, are not those that were written; undefined where nothing says so. */
export function flawOf(bytes: Uint8Array, { size, dataDigest }: ObjectInfo): string | undefined {
  if (bytes.length !== size) return `${bytes.length} bytes, object_info says ${size}`;
  const isSame = dataDigest === undefined || cephCrc32c(DIGEST_SEED, bytes) === dataDigest;
  return isSame ? undefined : 'its bytes do not match the checksum in object_info';
}

/** Fields up to and including user_version, which every version has in this order. */
function commonFields(body: ByteReader): { info: ObjectInfo; locatorPool: number } {
  const object = readHobject(body);
  const locatorPool = versioned(body, 'object_locator_t', 6, (r) => Number(r.s64()));
  body.blob(); // category, unused since Firefly
  const version = eversion(body);
  const priorVersion = eversion(body);
  skipReqid(body);
  const size = body.size();
  const mtime = utime(body);
  const isHead = object.snap === NOSNAP;
  if (isHead) skipReqid(body); // wrlock_by takes the place of snaps
  const snaps = isHead ? [] : snapids(body);
  body.skip(16); // truncate_seq, truncate_size
  const flags = body.u8(); // "lost": the flags of v12 and older, as far as they go
  skipWatchers(body, 9);
  const userVersion = eversion(body).version;
  const info = { object, version, priorVersion, size, mtime, snaps, userVersion, flags };
  return { info, locatorPool };
}

/** map (key of `keyBytes`) -> watch_info_t; keys are an entity_name, since v11 after a u64 cookie. */
function skipWatchers(body: ByteReader, keyBytes: number): void {
  const n = body.count(keyBytes + 6);
  for (let i = 0; i < n; i++) {
    body.skip(keyBytes);
    skipVersioned(body);
  }
}

function infoFields(body: ByteReader, v: number): ObjectInfo {
  requireVersion(body, v, 8);
  const { info, locatorPool } = commonFields(body);
  const usesTmap = v >= 9 && body.bool();
  if (v < 10) info.object.pool = locatorPool;
  if (v >= 11) skipWatchers(body, 17);
  if (v >= 13) info.flags = body.u32();
  if (usesTmap) info.flags |= OBJECT_FLAG.usesTmap;
  if (v >= 14) body.skip(8); // local_mtime
  if (v >= 15) readDigests(body, info);
  if (v >= 16) info.expectedObjectSize = body.size(); // write size and flags follow
  return info;
}

function readDigests(body: ByteReader, info: ObjectInfo): void {
  const data = body.u32();
  const omap = body.u32();
  if ((info.flags & OBJECT_FLAG.dataDigest) !== 0) info.dataDigest = data;
  if ((info.flags & OBJECT_FLAG.omapDigest) !== 0) info.omapDigest = omap;
}

/**
 * object_info_t v8 to v17 and newer ones that stay compatible.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeObjectInfo(bytes: Uint8Array): ObjectInfo {
  return versioned(new ByteReader(bytes, 'object_info_t'), 'object_info_t', 8, infoFields);
}
