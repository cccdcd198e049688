import { reverseBits32 } from '../../ceph/hobject.ts';
import { escapeField } from '../escaped-field.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../row-snap.ts';
import { END_OF_STRING, FIRST_HIGH, KEY_HEAD, KEY_IS_NAME, LAST_LOW } from './object-key.ts';

/**
 * Reads the keys that make up nearly all of an OSD, data objects in canonical form, without a string
 * or an array for each, and puts the parts into a buffer as catalogs have them: escaped as in
 * FileStore's file names. Everything else is left to `decodeObjectKey`.
 */

const DOT = 0x2e;
const UNDERSCORE = 0x5f;
const BACKSLASH = 0x5c;
const SLASH = 0x2f;
const FORMAT1_DIGITS = 12;
const FORMAT2_DIGITS = 16;
const RBD_DATA = Buffer.from('rbd_data.');
/** snap, generation, suffix */
const KEY_END = 17;
/** Escaping doubles a byte at most. */
const MAX_NAME = 2048;
const TAIL_ROOM = 2048;

/** Hex digits of the object number by the name's beginning; 0: not a data object. */
function objectNoDigits(b: Uint8Array, at: number): number {
  if (b[at] !== 0x72 || b[at + 1] !== 0x62) return 0;
  if (b[at + 2] === DOT) return FORMAT1_DIGITS;
  for (let i = 2; i < RBD_DATA.length; i++) if (b[at + i] !== RBD_DATA[i]) return 0;
  return FORMAT2_DIGITS;
}

/** Value of lower-case hex digits [start, end) below 2^53; -1 when they are none. */
function lowerHex(b: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const byte = b[i]!;
    const digit = byte >= 0x30 && byte <= 0x39 ? byte - 0x30 : byte - 0x57;
    if (digit < 0 || digit > 15 || (byte > 0x39 && byte < 0x61)) return -1;
    value = value * 16 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

const u32be = (b: Uint8Array, at: number): number =>
  ((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) >>> 0;

/** A snap as rows have it; -3 for one that they cannot hold. */
function rowSnap(b: Uint8Array, at: number): number {
  const high = u32be(b, at);
  const low = u32be(b, at + 4);
  if (high === 0xffffffff) {
    return low === 0xfffffffe ? ROW_HEAD : low === 0xffffffff ? ROW_SNAPDIR : -3;
  }
  return high < 2 ** 21 ? high * 2 ** 32 + low : -3;
}

function isAllOnes(b: Uint8Array, at: number, length: number): boolean {
  for (let i = at; i < at + length; i++) if (b[i] !== 0xff) return false;
  return true;
}

/** One object, reused for all keys: the parts of the last key that `parse` accepted. */
export class DataObjectKeyParser {
  /** [0, prefixEnd) is the prefix, [tailStart, tailEnd) the tail */
  readonly buffer: Buffer = Buffer.alloc(TAIL_ROOM + 2 * MAX_NAME);
  prefixEnd = 0;
  objectNo = 0;
  snap = ROW_HEAD;
  hash = 0;
  readonly tailStart = 2 * MAX_NAME;
  tailEnd = this.tailStart;

  // shard, pool and namespace of the last key: the tail is the same for a whole pool
  #head = new Uint8Array(9);
  #namespace = new Uint8Array(0);

  /** True when the key is a data object's in canonical form. */
  parse(key: Uint8Array): boolean {
    const nameStart = endOfPlain(key, KEY_HEAD) + 1;
    const digits = nameStart === 0 ? 0 : objectNoDigits(key, nameStart);
    if (digits === 0) return false;
    const nameEnd = endOfPlain(key, nameStart);
    const dot = nameEnd - digits - 1;
    if (nameEnd < 0 || nameEnd - nameStart > MAX_NAME || dot <= nameStart || key[dot] !== DOT) {
      return false;
    }
    const snapAt = nameEnd + 2;
    if (key[nameEnd + 1] !== KEY_IS_NAME || key.length !== snapAt + KEY_END) return false;
    if (!isAllOnes(key, snapAt + 8, 8)) return false;
    this.objectNo = lowerHex(key, dot + 1, nameEnd);
    this.snap = rowSnap(key, snapAt);
    if (this.objectNo < 0 || this.snap < ROW_HEAD || !this.#setTail(key, nameStart - 1))
      return false;
    this.hash = reverseBits32(u32be(key, 9));
    this.#setPrefix(key, nameStart, dot);
    return true;
  }

  #setPrefix(key: Uint8Array, start: number, end: number): void {
    const { buffer } = this;
    let to = 0;
    for (let i = start; i < end; i++) {
      const byte = key[i]!;
      // `\u`, `\s` and `\\`: docs/formats/filestore.md, "Object file names"
      if (byte === UNDERSCORE || byte === SLASH || byte === BACKSLASH) {
        buffer[to++] = BACKSLASH;
        buffer[to++] = byte === UNDERSCORE ? 0x75 : byte === SLASH ? 0x73 : BACKSLASH;
      } else buffer[to++] = byte;
    }
    this.prefixEnd = to;
  }

  /** @returns false for pools and shards that have no canonical form */
  #setTail(key: Uint8Array, namespaceEnd: number): boolean {
    if (this.#isSamePool(key, namespaceEnd)) return true;
    const namespace = key.slice(KEY_HEAD, namespaceEnd);
    const head = key.slice(0, this.#head.length);
    const view = Buffer.from(head);
    const pool = view.readBigUInt64BE(1) - 2n ** 63n;
    const shard = view[0]! - 0x80;
    const escaped = escapeField(namespace);
    if (pool < 0n || pool >= 2n ** 52n || shard < -1 || escaped.length > TAIL_ROOM - 64)
      return false;
    const ec = shard === -1 ? '' : `_${'f'.repeat(16)}_${shard.toString(16)}`;
    const tail = Buffer.concat([
      Buffer.from('_'),
      escaped,
      Buffer.from(`_${pool.toString(16)}${ec}`),
    ]);
    tail.copy(this.buffer, this.tailStart);
    this.tailEnd = this.tailStart + tail.length;
    this.#head = head;
    this.#namespace = namespace;
    return true;
  }

  #isSamePool(key: Uint8Array, namespaceEnd: number): boolean {
    const head = this.#head;
    const namespace = this.#namespace;
    if (namespaceEnd - KEY_HEAD !== namespace.length) return false;
    for (let i = 0; i < head.length; i++) if (head[i] !== key[i]) return false;
    for (let i = 0; i < namespace.length; i++) {
      if (namespace[i] !== key[KEY_HEAD + i]) return false;
    }
    return true;
  }
}

/** Where a string of unescaped bytes ends; -1 where one is escaped or the end is missing. */
function endOfPlain(key: Uint8Array, start: number): number {
  for (let i = start; i < key.length; i++) {
    const byte = key[i]!;
    if (byte === END_OF_STRING) return i;
    if (byte <= LAST_LOW || byte >= FIRST_HIGH) return -1;
  }
  return -1;
}
