import { NOSNAP } from '../../ceph/encoding.ts';
import { META_POOL, NO_GENERATION, NO_SHARD } from '../../ceph/hobject.ts';
import { cephStrHashRjenkins, objectHash } from '../../ceph/placement.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import { DataObjectNameParser } from '../filestore/fast-filename.ts';
import { type ParsedFileName, parseFileName } from '../filestore/object-filename.ts';
import { UNKNOWN_POOL } from '../object-store.ts';
import { ROW_HEAD } from '../row-snap.ts';

/**
 * Names of object files that someone copied out of an OSD, or that `rados get` wrote:
 * docs/formats/loose.md.
 */

/**
 * How a data object's file is spelled; its rows are canonical all the same, so the spelling is kept
 * with the directory.
 */
export const SPELLINGS = ['escaped', 'bare', 'plain', 'stripped'] as const;
export type Spelling = (typeof SPELLINGS)[number];

const [ESCAPED, BARE, PLAIN, STRIPPED] = [0, 1, 2, 3] as const;

/** What `rbd\udata.` became: the escape undone, or its backslash eaten by a shell. */
const CANONICAL_START = Buffer.from('rbd\\udata.');
const PLAIN_START = Buffer.from('rbd_data.');
const STRIPPED_START = Buffer.from('rbdudata.');
const V1_START = Buffer.from('rb.');
const V1_BARE = /^rb\.\d+\.[0-9a-f]+\.[0-9a-f]+\.[0-9a-f]{12}$/;

const DOT = 0x2e;
const BARE_TAIL = Buffer.from(`__${UNKNOWN_POOL.toString(16)}`);
const NAME_ROOM = 1024;

function startsWith(b: Uint8Array, start: number, end: number, text: Uint8Array): boolean {
  if (end - start < text.length) return false;
  for (let i = 0; i < text.length; i++) if (b[start + i] !== text[i]) return false;
  return true;
}

function lowerHex(b: Uint8Array, from: number, to: number): number {
  let value = 0;
  for (let i = from; i < to; i++) {
    const c = b[i]!;
    const digit = c >= 0x30 && c <= 0x39 ? c - 0x30 : c >= 0x61 && c <= 0x66 ? c - 0x57 : -1;
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value <= Number.MAX_SAFE_INTEGER ? value : -1;
}

/**
 * Tells data objects by their names, whatever their spelling, without a string or an array for each.
 * After `parse` the parts are in the fields, as `ObjectSink.dataObject` takes them.
 */
export class LooseNameParser {
  buffer: Uint8Array = new Uint8Array(0);
  start = 0;
  prefixEnd = 0;
  objectNo = 0;
  snap = ROW_HEAD;
  hash = 0;
  tailStart = 0;
  end = 0;
  readonly #scratch = Buffer.alloc(NAME_ROOM);
  readonly #canonical = new DataObjectNameParser();

  /** Index into `SPELLINGS`, or -1 where bytes [start, end) are no data object's name. */
  parse(b: Uint8Array, start: number, end: number): number {
    if (b[start] !== 0x72 || b[start + 1] !== 0x62 || end - start > NAME_ROOM / 2) return -1;
    if (this.#take(b, start, end)) return ESCAPED;
    if (startsWith(b, start, end, PLAIN_START)) {
      if (this.#bare(b, start, end, PLAIN_START.length, 16)) return BARE;
      return this.#respelled(b, start, end, PLAIN_START.length) ? PLAIN : -1;
    }
    if (startsWith(b, start, end, STRIPPED_START)) {
      return this.#respelled(b, start, end, STRIPPED_START.length) ? STRIPPED : -1;
    }
    const isV1 = startsWith(b, start, end, V1_START);
    return isV1 && this.#bare(b, start, end, 0, 12) && V1_BARE.test(latin1(b, start, end))
      ? BARE
      : -1;
  }

  #take(b: Uint8Array, start: number, end: number): boolean {
    const parser = this.#canonical;
    if (!parser.parse(b, start, end)) return false;
    this.buffer = b;
    this.start = start;
    this.end = end;
    this.prefixEnd = parser.prefixEnd;
    this.objectNo = parser.objectNo;
    this.snap = parser.snap;
    this.hash = parser.hash;
    this.tailStart = parser.tailStart;
    return true;
  }

  /** The name with the beginning that FileStore gives it, if that makes it a data object's. */
  #respelled(b: Uint8Array, start: number, end: number, skip: number): boolean {
    const scratch = this.#scratch;
    scratch.set(CANONICAL_START);
    scratch.set(b.subarray(start + skip, end), CANONICAL_START.length);
    return this.#take(scratch, 0, CANONICAL_START.length + end - start - skip);
  }

  /** An object's own name: no snapshot, no hash, no pool. `skip`: bytes of `rbd_data.` */
  #bare(b: Uint8Array, start: number, end: number, skip: number, digits: number): boolean {
    const dot = end - digits - 1;
    if (dot <= start + Math.max(skip, V1_START.length) || b[dot] !== DOT) return false;
    const objectNo = lowerHex(b, dot + 1, end);
    if (objectNo < 0) return false;
    const scratch = this.#scratch;
    const lead = skip === 0 ? 0 : CANONICAL_START.length;
    scratch.set(CANONICAL_START.subarray(0, lead));
    scratch.set(b.subarray(start + skip, dot), lead);
    const prefixEnd = lead + dot - start - skip;
    scratch.set(BARE_TAIL, prefixEnd);
    this.buffer = scratch;
    this.start = 0;
    this.prefixEnd = prefixEnd;
    this.tailStart = prefixEnd;
    this.end = prefixEnd + BARE_TAIL.length;
    this.objectNo = objectNo;
    this.snap = ROW_HEAD;
    this.hash = cephStrHashRjenkins(b, start, end);
    return true;
  }
}

const latin1 = (b: Uint8Array, from = 0, to = b.length): string =>
  Buffer.from(b.buffer, b.byteOffset + from, to - from).toString('latin1');

/** The file of a data object, from the name that its row stands for and how it is spelled here. */
export function spelledFileName(
  spelling: Spelling,
  fileName: Uint8Array,
  name: Uint8Array,
): Uint8Array {
  if (spelling === 'escaped') return fileName;
  if (spelling === 'bare') return name;
  const start = spelling === 'plain' ? PLAIN_START : STRIPPED_START;
  if (!startsWith(fileName, 0, fileName.length, CANONICAL_START)) return fileName;
  return Buffer.concat([start, fileName.subarray(CANONICAL_START.length)]);
}

/** Behind a name whose own underscores are not escaped (any more). */
const TAIL =
  /^(.+)_([^_]*)_(head|snapdir|[0-9a-f]{1,16})_([0-9A-F]{8})_([^_]*)_([0-9a-f]{1,16}|none)(_[0-9a-f]{1,16}_[0-9a-f]{1,8})?$/s;
/** `rbd\u` without its backslash, before the kinds of metadata objects that are of use */
const STRIPPED_KIND = /^rbdu(?=(?:id|header|data|children|trash|namespace|directory)\b)/;
const STRIPPED_MAP = /^rbduobjectumap(?=\.)/;

function unstripped(name: Uint8Array): Uint8Array {
  const text = latin1(name);
  const again = text.replace(STRIPPED_KIND, 'rbd\\u').replace(STRIPPED_MAP, 'rbd\\uobject\\umap');
  return again === text ? name : Buffer.from(again, 'latin1');
}

function parsed(name: Uint8Array): ParsedFileName | undefined {
  try {
    return parseFileName(name);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** The same with the name's underscores escaped, where that makes it FileStore's. */
function reescaped(name: Uint8Array): ParsedFileName | undefined {
  const match = TAIL.exec(latin1(name));
  if (match === null) return undefined;
  const own = match[1]!.replaceAll('_', '\\u');
  const [, , key, snap, hash, space, pool, shard = ''] = match;
  return parsed(Buffer.from(`${own}_${key}_${snap}_${hash}_${space}_${pool}${shard}`, 'latin1'));
}

/**
 * What a file that is no data object's may be: an object by FileStore's name or by its own. The pool
 * is undefined where neither tells it.
 */
export function parseLooseName(name: Uint8Array): ParsedFileName {
  const known = parsed(unstripped(name));
  // Names of the oldest form are loose enough to match anything with two underscores.
  if (known !== undefined && known.pool !== undefined) return known;
  const again = reescaped(name);
  if (again?.pool !== undefined && again.pool !== META_POOL) return again;
  if (known !== undefined) return known;
  const empty = new Uint8Array(0);
  return {
    ...{ name, key: empty, namespace: empty, snap: NOSNAP, hash: objectHash(name, empty, empty) },
    ...{ pool: undefined, generation: NO_GENERATION, shard: NO_SHARD },
  };
}
