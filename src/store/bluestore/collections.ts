import { ByteReader } from '../../bytes/byte-reader.ts';
import { binaryKey } from '../../bytes/names.ts';
import { versioned } from '../../ceph/encoding.ts';
import { META_POOL, NO_SHARD, reverseBits32 } from '../../ceph/hobject.ts';
import { parseColl } from '../../ceph/pg.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { errorText, isSourceFault } from '../../errors/salvage-error.ts';
import { compareKeys } from '../../kv/key-order.ts';
import { keyHead } from './object-key.ts';
import type { PrefixedKv } from './prefixed-kv.ts';

/**
 * Collections: docs/formats/bluestore.md, "Collections". Object keys hold the hash with its bits
 * reversed, so the objects of a PG, which agree in the low bits of the hash, are one range of keys.
 */

export const COLLECTION_PREFIX = 'C';
const HASH_BITS = 32;

export interface CollectionRange {
  /** `meta`, `2.c_head`, `3.1s2_head` */
  name: string;
  /** keys of its objects: from this one on, and below `to` */
  from: Uint8Array;
  to: Uint8Array;
}

/** bluestore_cnode_t: how many low bits of the hash name the PG. @throws CORRUPT */
export function decodeCnodeBits(bytes: Uint8Array): number {
  const reader = new ByteReader(bytes, 'bluestore_cnode_t');
  const bits = versioned(reader, 'bluestore_cnode_t', 1, (body) => body.u32());
  if (bits > HASH_BITS) throw reader.fail(`${bits} bits of a hash of 32`);
  return bits;
}

/** The head of the first key behind all those with this shard, pool and hash. */
function headBehind(shard: number, pool: number, reversedHash: number): Uint8Array {
  if (reversedHash < 2 ** HASH_BITS) return keyHead(shard, pool, reversedHash);
  const head = keyHead(shard, pool, 2 ** HASH_BITS - 1);
  return Buffer.concat([head, Buffer.alloc(1, 0xff)]);
}

function rangeOf(name: string, shard: number, pool: number, seed: number, bits: number) {
  const first = reverseBits32(seed);
  return {
    name,
    from: keyHead(shard, pool, first),
    to: headBehind(shard, pool, first + 2 ** (HASH_BITS - bits)),
  };
}

/** The key range of a collection; undefined for one that holds no objects we read. */
export function collectionRange(name: string, bits: number): CollectionRange | undefined {
  const coll = parseColl(name);
  if (coll.kind === 'meta') return rangeOf(name, NO_SHARD, META_POOL, 0, 0);
  if (coll.kind !== 'pg') return undefined;
  const { shard, pool, seed } = coll.pg;
  return rangeOf(name, shard, pool, seed, bits);
}

/** The C entries: bits by name (one char per byte); what makes no sense is reported. */
export function readCollectionBits(kv: PrefixedKv, report: DamageReporter): Map<string, number> {
  const bits = new Map<string, number>();
  for (const { key, value } of kv.iterate(COLLECTION_PREFIX)) {
    const name = binaryKey(key);
    try {
      bits.set(name, decodeCnodeBits(value));
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      report({ path: kv.path, reason: `collection ${name}: ${errorText(error)}` });
    }
  }
  return bits;
}

/** An OSD's collections in the order of their keys. */
export function readCollections(kv: PrefixedKv, report: DamageReporter): CollectionRange[] {
  return [...readCollectionBits(kv, report)]
    .map(([name, bits]) => collectionRange(name, bits))
    .filter((range) => range !== undefined)
    .sort((a, b) => compareKeys(a.from, b.from));
}
