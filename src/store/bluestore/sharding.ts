import { cephStrHashRjenkins } from '../../ceph/placement.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import type { BlueFs } from './bluefs.ts';

/**
 * Which column family a key of BlueStore's is in: docs/formats/bluestore.md, "Prefixes". No checksum covers it: what it
 * says is where to look first, of one object, and never where nothing else can be.
 */

const DIRECTORY = 'sharding';
const DEFINITION = 'def';
/** There while columns are made anew. */
const UNFINISHED = 'recreate_columns';
/** In the text while a reshard moves keys: one that was broken off leaves them in old families and in new ones. */
const LOCKED = 'reshardingXcommencingXlocked';
/** Definitions have some hundred bytes. */
const MAX_BYTES = 1 << 16;

/** A prefix's families: `O(3,0-13)` has three, told apart by a hash of a key's bytes 0 to 12. */
export interface Shards {
  count: number;
  /** what of a key is hashed: [start, end) */
  start: number;
  end: number;
}

export type Sharding = ReadonlyMap<string, Shards>;

/** `<prefix>(<count>[,[<start>]-[<end>]])`, whatever options follow; a prefix with one family has no brackets */
const COLUMN = /^([^\s(=,)]+)\((\d{1,6})(?:,(\d{0,6})-(\d{0,6}))?\)(?:=|$)/;

/**
 * Prefixes with more families than one, by a definition's text; none while keys are being moved. What is not understood
 * is left out.
 */
export function parseSharding(text: string): Sharding {
  const found = new Map<string, Shards>();
  if (text.includes(LOCKED)) return found;
  for (const column of text.trim().split(/\s+/)) {
    const match = COLUMN.exec(column);
    if (match === null) continue;
    const [, prefix, count, start, end] = match;
    const shards = {
      count: Number(count),
      start: Number(start ?? 0),
      end: end === undefined || end === '' ? Number.POSITIVE_INFINITY : Number(end),
    };
    if (shards.count > 1 && shards.start < shards.end) found.set(prefix!, shards);
  }
  return found;
}

/** How a store divides its keys; empty where nobody knows, and where they may be in other families too. */
export function readSharding(bluefs: Pick<BlueFs, 'list' | 'open'>): Sharding {
  const names = bluefs.list(DIRECTORY);
  if (!names.includes(DEFINITION) || names.includes(UNFINISHED)) return new Map();
  try {
    const file = bluefs.open(DIRECTORY, DEFINITION);
    try {
      // What cannot be read whole may end in the word that forbids its use.
      if (file.size > MAX_BYTES) return new Map();
      const bytes = Buffer.alloc(file.size);
      const whole = file.read(bytes, 0) === bytes.length;
      return whole ? parseSharding(bytes.toString('latin1')) : new Map();
    } finally {
      file.close();
    }
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return new Map();
  }
}

/**
 * The family of all keys that begin like `from` and `to`, as a number; undefined where they may be in several.
 * Source: `RocksDBStore::get_cf_handle`, Pacific.
 */
export function shardOf(
  { count, start, end }: Shards,
  from: Uint8Array,
  to: Uint8Array,
): number | undefined {
  // What all of them have in common is all that is hashed.
  if (Math.min(from.length, to.length) < end) return undefined;
  for (let i = 0; i < end; i++) if (from[i] !== to[i]) return undefined;
  return cephStrHashRjenkins(from, start, end) % count;
}
