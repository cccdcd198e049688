/**
 * Reads the names that make up nearly all of an OSD, data objects in canonical form, straight from
 * the directory buffer: no string, no array per name. Everything else is left to `parseFileName`.
 *
 *     rbd\udata.<id>.<16 hex>__head_<8 HEX>_<ns>_<pool>[_<gen>_<shard>]
 *     rb.<x>.<y>.<z>.<12 hex>__<snap>_<8 HEX>__<pool>
 */

import { lowerHex4, upperHex4, viewOf } from '../../bytes/words.ts';
import { isCanonicalField } from '../escaped-field.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../row-snap.ts';

const NONE = 0xff;
const lowerHex = new Uint8Array(256).fill(NONE);
for (let i = 0; i < 16; i++) lowerHex[i.toString(16).charCodeAt(0)] = i;

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
  // The lister's buffer is the same for all names.
  #buffer: Uint8Array = new Uint8Array(0);
  #view = viewOf(this.#buffer);

  /**
   * True when bytes [start, end) are a data object's name in canonical form; its parts are then in
   * the fields, the prefix being [start, prefixEnd) and the tail [tailStart, end).
   */
  parse(b: Uint8Array, start: number, end: number): boolean {
    if (end - start < SHORTEST) return false;
    if (b !== this.#buffer) {
      this.#buffer = b;
      this.#view = viewOf(b);
    }
    const view = this.#view;
    const digits = objectNoDigits(view, start);
    if (digits === 0) return false;
    const tailStart = this.#findTail(b, start, end);
    if (tailStart < 0) return false;
    const hashStart = tailStart - 8;
    // shortest: one prefix byte, dot, digits, "__", one snap digit, "_"
    if (hashStart - start < digits + 6 || b[hashStart - 1] !== UNDERSCORE) return false;
    const high = upperHex4(view.getInt32(hashStart, true));
    const low = upperHex4(view.getInt32(hashStart + 4, true));
    if ((high | low) < 0) return false;
    const snapStart = this.#parseSnap(b, start, hashStart - 1);
    if (snapStart < 0 || b[snapStart - 1] !== UNDERSCORE || b[snapStart - 2] !== UNDERSCORE)
      return false;
    const numberStart = snapStart - 2 - digits;
    if (numberStart - 1 <= start || b[numberStart - 1] !== DOT) return false;
    const objectNo = parseObjectNo(view, b, numberStart, digits);
    if (objectNo < 0) return false;
    this.prefixEnd = numberStart - 1;
    this.objectNo = objectNo;
    this.hash = ((high << 16) | low) >>> 0;
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

/** Shorter than any name of a data object, longer than what is read at either end unseen. */
const SHORTEST = 24;

// `rbd\udata.` and `rb.` as little-endian words
const RBD_ = 0x5c646272;
const UDAT = 0x74616475;
const A_DOT = 0x2e61;
const RB_DOT = 0x2e6272;

/** Hex digits of the object number by the name's beginning; 0: not a data object. */
function objectNoDigits(view: DataView, s: number): number {
  const first = view.getInt32(s, true);
  if (first === RBD_) {
    const isData = view.getInt32(s + 4, true) === UDAT && view.getUint16(s + 8, true) === A_DOT;
    return isData ? 16 : 0;
  }
  return (first & 0xffffff) === RB_DOT ? 12 : 0;
}

const FOUR_ZEROS = 0x30303030;

/** The number in `digits` lower-case hex digits, below 2^53; -1 when it is none. */
function parseObjectNo(view: DataView, b: Uint8Array, start: number, digits: number): number {
  const end = start + digits;
  for (let at = start; at < end - 8; at += 4) {
    if (view.getInt32(at, true) !== FOUR_ZEROS) return parseLowerHex(b, start, end);
  }
  const high = lowerHex4(view.getInt32(end - 8, true));
  const low = lowerHex4(view.getInt32(end - 4, true));
  if ((high | low) < 0) return -1;
  // A shift keeps it a small integer, which an image of less than 2^30 objects has only.
  return high < 0x4000 ? (high << 16) | low : high * 0x10000 + low;
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
