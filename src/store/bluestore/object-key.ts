import { ByteReader } from '../../bytes/byte-reader.ts';
import { bytesEqual } from '../../bytes/names.ts';
import { type Ghobject, NO_GENERATION, reverseBits32 } from '../../ceph/hobject.ts';
import type { ObjectId } from '../object-store.ts';

/** Keys of objects in the database: docs/formats/bluestore.md, "Object keys". */

/** Last byte of an object's key, and of the keys of its extent map shards. */
export const ONODE_SUFFIX = 0x6f;
export const SHARD_SUFFIX = 0x78;
/** u32 offset and suffix behind an object's key. */
export const SHARD_TAIL = 5;

/** shard, pool and hash: what comes before the namespace */
export const KEY_HEAD = 13;
/** snap, generation and suffix behind the name */
const KEY_END = 17;

const SHARD_BIAS = 0x80;
const POOL_BIAS = 1n << 63n;

export const END_OF_STRING = 0x21;
/** key empty, or equal to the name */
export const KEY_IS_NAME = 0x3d;
const KEY_BELOW_NAME = 0x3c;
const KEY_ABOVE_NAME = 0x3e;

/** Bytes up to this one are written as `#` and two hex digits, and so are those from 0x80 on. */
export const LAST_LOW = 0x23;
/** Bytes from this one on are written as `~` and two hex digits where `char` is unsigned. */
export const FIRST_HIGH = 0x7e;
const HASH_SIGN = 0x23;
const TILDE = 0x7e;

const hex = (byte: number): string => byte.toString(16).padStart(2, '0');

function escapeByte(byte: number): string {
  if (byte <= LAST_LOW || byte >= 0x80) return `#${hex(byte)}`;
  return byte >= FIRST_HIGH ? `~${hex(byte)}` : String.fromCharCode(byte);
}

/** A string as it stands in a key, end mark included. */
function escapeString(bytes: Uint8Array): Buffer {
  let out = '';
  for (const byte of bytes) out += escapeByte(byte);
  return Buffer.from(`${out}!`, 'latin1');
}

function hexDigit(reader: ByteReader): number {
  const digit = Number.parseInt(String.fromCharCode(reader.u8()), 16);
  if (Number.isNaN(digit)) throw reader.fail('an escape without hex digits');
  return digit;
}

function readString(reader: ByteReader): Uint8Array {
  const start = reader.pos;
  const out: number[] = [];
  let plain = true;
  for (let byte = reader.u8(); byte !== END_OF_STRING; byte = reader.u8()) {
    if (byte === HASH_SIGN || byte === TILDE) {
      plain = false;
      byte = hexDigit(reader) * 16;
      byte += hexDigit(reader);
    }
    out.push(byte);
  }
  return plain ? reader.bytes.slice(start, reader.pos - 1) : Uint8Array.from(out);
}

const NO_BYTES = new Uint8Array(0);

function readNameAndKey(reader: ByteReader): { name: Uint8Array; key: Uint8Array } {
  const first = readString(reader);
  const mark = reader.u8();
  if (mark === KEY_IS_NAME) return { name: first, key: NO_BYTES };
  if (mark !== KEY_BELOW_NAME && mark !== KEY_ABOVE_NAME) {
    throw reader.fail(`0x${hex(mark)} where =, < or > should be`);
  }
  return { name: readString(reader), key: first };
}

/**
 * Decodes an object's own key (not one of its shards').
 * @throws CORRUPT
 */
export function decodeObjectKey(bytes: Uint8Array): Ghobject {
  const reader = new ByteReader(bytes, 'object key');
  const shard = reader.u8() - SHARD_BIAS;
  const pool = Number(BigInt.asIntN(64, reader.u64be() - POOL_BIAS));
  const hash = reverseBits32(reader.u32be());
  const namespace = readString(reader);
  const { name, key } = readNameAndKey(reader);
  const snap = reader.u64be();
  const generation = reader.u64be();
  if (reader.u8() !== ONODE_SUFFIX || reader.remaining > 0) throw reader.fail('not an object');
  return { shard, pool, hash, namespace, name, key, snap, generation, max: false };
}

/** shard, pool and hash as they begin keys. */
export function keyHead(shard: number, pool: number, reversedHash: number): Buffer {
  const head = Buffer.alloc(KEY_HEAD);
  head[0] = shard + SHARD_BIAS;
  head.writeBigUInt64BE(BigInt.asUintN(64, BigInt(pool) + POOL_BIAS), 1);
  head.writeUInt32BE(reversedHash, 9);
  return head;
}

/** The key under which an object's record stands. */
export function encodeObjectKey(id: ObjectId): Buffer {
  const { name, key } = id;
  const order = Buffer.compare(key, name);
  const names =
    key.length === 0 || bytesEqual(key, name)
      ? [escapeString(name), Buffer.from('=')]
      : [escapeString(key), Buffer.from(order < 0 ? '<' : '>'), escapeString(name)];
  const end = Buffer.alloc(KEY_END);
  end.writeBigUInt64BE(id.snap);
  end.writeBigUInt64BE(NO_GENERATION, 8);
  end[16] = ONODE_SUFFIX;
  const head = keyHead(id.shard, id.pool, reverseBits32(id.hash));
  return Buffer.concat([head, escapeString(id.namespace), ...names, end]);
}
