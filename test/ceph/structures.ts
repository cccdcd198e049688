import { blob, concat, framed, hex, u8, u32, u64 } from '../helpers/hex.ts';

/** Structures written down from the format's definition, as releases that left no samples wrote them. */

export const NO_SNAP = 0xfffffffffffffffen;

export interface ObjectSpec {
  name?: string;
  key?: string;
  namespace?: string;
  snap?: bigint;
  hash?: number;
  pool?: number | bigint;
  max?: boolean;
}

const placementPart = (o: ObjectSpec): Uint8Array =>
  concat(
    blob(o.key ?? ''),
    blob(o.name ?? ''),
    u64(o.snap ?? NO_SNAP),
    u32(o.hash ?? 0),
    u8(o.max ? 1 : 0),
  );

const poolPart = (o: ObjectSpec): Uint8Array => concat(blob(o.namespace ?? ''), u64(o.pool ?? 2));

export const hobjectV3 = (o: ObjectSpec): Uint8Array => framed(3, 3, placementPart(o));
export const hobject = (o: ObjectSpec): Uint8Array => framed(4, 3, placementPart(o), poolPart(o));

export const ghobject = (v: 4 | 5 | 6, o: ObjectSpec, generation: bigint, shard: number) =>
  framed(
    v,
    3,
    placementPart(o),
    poolPart(o),
    v >= 5 ? concat(u64(generation), u8(shard & 0xff)) : u8(0).subarray(1),
    v >= 6 ? u8(0) : u8(0).subarray(1),
  );

export const pg = (pool: number, seed: number): Uint8Array =>
  concat(u8(1), u64(pool), u32(seed), hex('ffffffff'));
export const spg = (pool: number, seed: number, shard: number): Uint8Array =>
  framed(1, 1, pg(pool, seed), u8(shard & 0xff));

export const version = (epoch: number, v: number | bigint): Uint8Array =>
  concat(u64(v), u32(epoch));
export const time = (seconds: number): Uint8Array => concat(u32(seconds), u32(5));
/** client.4139, tid 33 */
export const reqid = hex('0202 15000000 08 2b10000000000000 2100000000000000 00000000');
export const list = (...elements: Uint8Array[]): Uint8Array =>
  concat(u32(elements.length), ...elements);
/** Anything that decoders pass over. */
export const opaque = framed(9, 2, hex('dead beef 00'));
