/**
 * Reads the names that make up nearly all of an OSD, data objects in canonical form, straight from
 * the directory buffer: no string, no array per name. Everything else is left to `parseFileName`.
 *
 *     rbd\udata.<id>.<16 hex>__head_<8 HEX>_<ns>_<pool>[_<gen>_<shard>]
 *     rb.<x>.<y>.<z>.<12 hex>__<snap>_<8 HEX>__<pool>
 */

import { isCanonicalField } from '../escaped-field.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../row-snap.ts';

const NONE = 0xff;
const lowerHex = new Uint8Array(256).fill(NONE);
const upperHex = new Uint8Array(256).fill(NONE);
for (let i = 0; i < 16; i++) {
  lowerHex[i.toString(16).charCodeAt(0)] = i;
  upperHex[i.toString(16).toUpperCase().charCodeAt(0)] = i;
}

const UNDERSCORE = 0x5f;
const DOT = 0x2e;
const HEAD = 0x68656164;
const SNAPDIR = Buffer.from('snapdir');

/** `ffffffffffffffff`: no generation, i.e. not an erasure-coding rollback copy */
const NO_GENERATION = 'ffffffffffffffff';

/**
 * What the last successful `parse` found. One object reused for all names: see the class comment.
 */
export class DataObjectNameParser {
  prefixEnd = 0;
  objectNo = 0;
  snap = ROW_HEAD;
  hash = 0;
  tailStart = 0;

  // The part behind the hash is the same for a whole collection: compared, not parsed, once known.
  #tail: Buffer = Buffer.alloc(0);

  /**
   * True when bytes [start, end) are a data object's name in canonical form; its parts are then in
   * the fields, the prefix being [start, prefixEnd) and the tail [tailStart, end).
   */
  parse(b: Uint8Array, start: number, end: number): boolean {
    const digits = objectNoDigits(b, start);
    if (digits === 0) return false;
    const tailStart = this.#findTail(b, start, end);
    if (tailStart < 0) return false;
    const hashStart = tailStart - 8;
    // shortest: one prefix byte, dot, digits, "__", one snap digit, "_"
    if (hashStart - start < digits + 6 || b[hashStart - 1] !== UNDERSCORE) return false;
    const hash = parseHash(b, hashStart);
    if (hash < 0) return false;
    const snapStart = this.#parseSnap(b, start, hashStart - 1);
    if (snapStart < 0 || b[snapStart - 1] !== UNDERSCORE || b[snapStart - 2] !== UNDERSCORE)
      return false;
    const numberStart = snapStart - 2 - digits;
    if (numberStart - 1 <= start || b[numberStart - 1] !== DOT) return false;
    const objectNo = parseLowerHex(b, numberStart, numberStart + digits);
    if (objectNo < 0) return false;
    this.prefixEnd = numberStart - 1;
    this.objectNo = objectNo;
    this.hash = hash;
    this.tailStart = tailStart;
    return true;
  }

  /** Start of `_<ns>_<pool>[_<gen>_<shard>]`, or -1. */
  #findTail(b: Uint8Array, start: number, end: number): number {
    const known = this.#tail;
    let at = end - known.length;
    if (known.length > 0 && at > start && endsWith(b, end, known)) return at;
    // Fields are counted from the first underscore: name, key, snap, hash, then the tail.
    let fields = 0;
    for (at = start; at < end && fields < 4; at++) if (b[at] === UNDERSCORE) fields++;
    if (fields < 4) return -1;
    at--;
    const tail = Buffer.from(b.subarray(at, end));
    if (!isPlainTail(tail)) return -1;
    this.#tail = tail;
    return at;
  }

  /** Start of the snap field that ends at `end`, its value in `snap`; -1 when there is none. */
  #parseSnap(b: Uint8Array, start: number, end: number): number {
    const at = end - 4;
    if (((b[at]! << 24) | (b[at + 1]! << 16) | (b[at + 2]! << 8) | b[at + 3]!) === HEAD) {
      this.snap = ROW_HEAD;
      return at;
    }
    let first = end;
    while (first > start && b[first - 1] !== UNDERSCORE) first--;
    const length = end - first;
    if (length === 7 && endsWith(b, end, SNAPDIR)) {
      this.snap = ROW_SNAPDIR;
      return first;
    }
    // 13 digits stay below 2^53; "0" and a leading zero are not how Ceph prints an id
    if (length < 1 || length > 13 || (length > 1 && b[first] === 0x30)) return -1;
    this.snap = parseLowerHex(b, first, end);
    return this.snap < 0 ? -1 : first;
  }
}

/** Hex digits of the object number by the name's beginning; 0: not a data object. */
function objectNoDigits(b: Uint8Array, s: number): number {
  if (b[s] !== 0x72 || b[s + 1] !== 0x62) return 0;
  if (b[s + 2] === DOT) return 12;
  // rbd\udata.
  return b[s + 2] === 0x64 &&
    b[s + 3] === 0x5c &&
    b[s + 4] === 0x75 &&
    b[s + 5] === 0x64 &&
    b[s + 6] === 0x61 &&
    b[s + 7] === 0x74 &&
    b[s + 8] === 0x61 &&
    b[s + 9] === DOT
    ? 16
    : 0;
}

function endsWith(b: Uint8Array, end: number, suffix: Uint8Array): boolean {
  for (let i = end - suffix.length, j = 0; j < suffix.length; i++, j++) {
    if (b[i] !== suffix[j]) return false;
  }
  return true;
}

/** `_ns_pool` or `_ns_pool_ffffffffffffffff_shard` with a pool that is not temporary. */
function isPlainTail(tail: Buffer): boolean {
  const fields = tail.toString('latin1').split('_');
  if (fields.length !== 3 && fields.length !== 5) return false;
  if (!/^(0|[1-9a-f][0-9a-f]{0,12})$/.test(fields[2]!)) return false;
  if (!isCanonicalField(Buffer.from(fields[1]!, 'latin1'))) return false;
  return (
    fields.length === 3 ||
    (fields[3] === NO_GENERATION && /^(0|[1-9a-f][0-9a-f]?)$/.test(fields[4]!))
  );
}

/** The number in lower-case hex digits [start, end), below 2^53; -1 when it is none. */
function parseLowerHex(b: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = lowerHex[b[i]!]!;
    if (digit === NONE) return -1;
    value = value * 16 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

function parseHash(b: Uint8Array, start: number): number {
  let value = 0;
  let bad = 0;
  for (let i = start; i < start + 8; i++) {
    const digit = upperHex[b[i]!]!;
    bad |= digit;
    value = (value << 4) | (digit & 15);
  }
  return bad > 15 ? -1 : value >>> 0;
}
