import type { ByteReader } from '../bytes/byte-reader.ts';
import { readNameText, readPoolId, requireVersion, skipVersioned, versioned } from './encoding.ts';

/** pg_pool_t: one pool of an osdmap. See docs/formats/ceph.md, "Pools". */

/** pg_pool_t::TYPE_* by its number on disk; 2 (raid4) was never implemented. */
const POOL_TYPES: Readonly<Record<number, PoolType>> = { 1: 'replicated', 3: 'erasure' };
export type PoolType = 'replicated' | 'erasure' | 'unknown';

/** pg_pool_t::cache_mode_t by its number on disk. */
const CACHE_MODES = [
  'none',
  'writeback',
  'forward',
  'readonly',
  'readforward',
  'readproxy',
  'proxy',
] as const;
export type CacheMode = (typeof CACHE_MODES)[number] | 'unknown';

/** Bits of `Pool.flags` (pg_pool_t::FLAG_*). */
export const POOL_FLAG = {
  hashpspool: 0x1n,
  ecOverwrites: 0x4n,
  selfManagedSnapshots: 0x2000n,
  poolSnapshots: 0x4000n,
} as const;

export interface Pool {
  type: PoolType;
  /** copies, or shards in an erasure-coded pool */
  size: number;
  minSize: number;
  crushRule: number;
  /** hash of object names: 2 is rjenkins, the only one in use */
  objectHash: number;
  pgNum: number;
  pgpNum: number;
  /** osdmap epoch */
  lastChange: number;
  /** newest snapshot id given out */
  snapSeq: bigint;
  /** `POOL_FLAG` bits */
  flags: bigint;
  /** pools that cache this one */
  tiers: number[];
  /** the pool that this one caches; undefined: not a cache */
  tierOf?: number;
  cacheMode: CacheMode;
  /** pools where clients read and write instead; undefined: here */
  readTier?: number;
  writeTier?: number;
  /** bytes of one stripe over all data shards; 0 in replicated pools */
  stripeWidth: number;
  /** empty in replicated pools */
  ecProfileName: string;
}

const skipList = (reader: ByteReader, elementBytes: number): void =>
  reader.skip(reader.count(elementBytes) * elementBytes);

/** map u64 -> pool_snap_info_t: RBD uses self-managed snapshots instead */
function skipSnapshots(reader: ByteReader): void {
  const n = reader.count(14);
  for (let i = 0; i < n; i++) {
    reader.skip(8);
    skipVersioned(reader);
  }
}

function skipTextMap(reader: ByteReader): void {
  const n = reader.count(8);
  for (let i = 0; i < 2 * n; i++) reader.blob();
}

/** A pool id where negative means none. */
function readOptionalPool(reader: ByteReader): number | undefined {
  const id = readPoolId(reader);
  return id < 0 ? undefined : id;
}

function placementFields(body: ByteReader) {
  const type = POOL_TYPES[body.u8()] ?? 'unknown';
  const size = body.u8();
  const crushRule = body.u8();
  const objectHash = body.u8();
  const pgNum = body.u32();
  const pgpNum = body.u32();
  if (pgNum === 0 || pgNum > 2 ** 31) throw body.fail(`pool of ${pgNum} pgs`);
  body.skip(8); // localized pgs, unused
  return { type, size, crushRule, objectHash, pgNum, pgpNum };
}

function tierFields(body: ByteReader) {
  const tiers = body.list(8, readPoolId);
  const tierOf = readOptionalPool(body);
  const cacheMode: CacheMode = CACHE_MODES[body.u8()] ?? 'unknown';
  const readTier = readOptionalPool(body);
  const writeTier = readOptionalPool(body);
  return {
    tiers,
    cacheMode,
    ...(tierOf === undefined ? {} : { tierOf }),
    ...(readTier === undefined ? {} : { readTier }),
    ...(writeTier === undefined ? {} : { writeTier }),
  };
}

function poolFields(body: ByteReader, version: number): Pool {
  requireVersion(body, version, 12);
  const placement = placementFields(body);
  const lastChange = body.u32();
  const snapSeq = body.u64();
  body.skip(4); // snap_epoch
  skipSnapshots(body);
  skipList(body, 16); // removed_snaps
  body.skip(8); // auid
  const flags = body.u64();
  body.skip(4); // crash_replay_interval
  const minSize = body.u8();
  body.skip(16); // quotas
  const tiering = tierFields(body);
  skipTextMap(body); // properties
  skipVersioned(body); // hit set parameters
  body.skip(8); // hit set period and count
  const stripeWidth = body.u32();
  const head = { ...placement, lastChange, snapSeq, flags, minSize, ...tiering, stripeWidth };
  if (version < 14) return { ...head, ecProfileName: '' };
  body.skip(32); // cache targets: bytes, objects, two ratios, two ages
  return { ...head, ecProfileName: readNameText(body) };
}

/**
 * pg_pool_t v12 to v29 and newer.
 * @throws CORRUPT, UNSUPPORTED
 */
export const readPool = (reader: ByteReader): Pool => versioned(reader, 'pg_pool_t', 5, poolFields);
