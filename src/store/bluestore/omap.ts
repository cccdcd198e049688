import { reverseBits32 } from '../../ceph/hobject.ts';
import type { ObjectId, OmapEntry } from '../object-store.ts';
import { ONODE_FLAG, type Onode } from './onode.ts';
import type { PrefixedKv } from './prefixed-kv.ts';

/** omap: docs/formats/bluestore.md, "omap". The object's flags tell under which prefix it lies. */

/** `-` header, `.` a key follows, `~` end mark */
const KEY_FOLLOWS = 0x2e;

/** Objects of `meta` (pool -1) have pool 0 here, temporary ones their real pool. */
function omapPool(pool: number): bigint {
  if (pool >= 0) return BigInt(pool);
  return pool === -1 ? 0n : BigInt(-2 - pool);
}

function u64(value: bigint): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value));
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export interface OmapPlace {
  prefix: string;
  /** how all keys of the object begin */
  head: Buffer;
}

/** Where an object's omap lies; undefined when it has none. */
export function omapPlace(id: ObjectId, onode: Onode): OmapPlace | undefined {
  const has = (flag: number): boolean => (onode.flags & flag) !== 0;
  const nid = u64(onode.nid);
  if (!has(ONODE_FLAG.omap)) return undefined;
  if (has(ONODE_FLAG.pgMetaOmap)) return { prefix: 'P', head: nid };
  const pool = u64(omapPool(id.pool));
  if (has(ONODE_FLAG.perPgOmap)) {
    return { prefix: 'p', head: Buffer.concat([pool, u32(reverseBits32(id.hash)), nid]) };
  }
  if (has(ONODE_FLAG.perPoolOmap)) return { prefix: 'm', head: Buffer.concat([pool, nid]) };
  return { prefix: 'M', head: nid };
}

/** An object's omap entries, keys ascending. */
export function* omapEntries(kv: PrefixedKv, place: OmapPlace): Generator<OmapEntry> {
  const { prefix, head } = place;
  const lead = head.length + 1;
  const from = Buffer.concat([head, Buffer.from([KEY_FOLLOWS])]);
  const to = Buffer.concat([head, Buffer.from([KEY_FOLLOWS + 1])]);
  for (const { key, value } of kv.iterate(prefix, { from, to })) {
    yield { key: key.subarray(lead), value };
  }
}
