import { NOSNAP, SNAPDIR } from '../../ceph/encoding.ts';
import { META_POOL, NO_GENERATION, NO_SHARD } from '../../ceph/hobject.ts';
import { objectHash } from '../../ceph/placement.ts';
import { corruptError, isSourceFault } from '../../errors/salvage-error.ts';
import { escapeField, unescapeField } from '../escaped-field.ts';

/**
 * File names of objects: docs/formats/filestore.md, "Object file names". Names are bytes.
 *
 *     current   name_key_snap_HASH_namespace_pool[_generation_shard]
 *     poolless  name_key_snap_HASH
 *     keyless   name_snap_HASH            (and `_` in the name is not escaped)
 */

export interface ParsedFileName {
  name: Uint8Array;
  key: Uint8Array;
  snap: bigint;
  hash: number;
  namespace: Uint8Array;
  /** undefined in the older formats: the directory tells it */
  pool: number | undefined;
  generation: bigint;
  shard: number;
}

const UNDERSCORE = 0x5f;
const BACKSLASH = 0x5c;

function splitFields(bytes: Uint8Array): Uint8Array[] {
  const fields: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i <= bytes.length; i++) {
    if (i === bytes.length || bytes[i] === UNDERSCORE) {
      fields.push(bytes.subarray(start, i));
      start = i + 1;
    }
  }
  return fields;
}

/** An object name as it begins a file name: `DIR_` and a leading dot are escaped too. */
export function escapeName(name: Uint8Array): Buffer {
  const text = Buffer.from(name).toString('latin1');
  if (text.startsWith('DIR_'))
    return Buffer.concat([Buffer.from('\\d'), escapeField(name.subarray(4))]);
  if (text.startsWith('.'))
    return Buffer.concat([Buffer.from('\\.'), escapeField(name.subarray(1))]);
  return escapeField(name);
}

function unescapeName(field: Uint8Array): Uint8Array {
  if (field[0] === BACKSLASH && field[1] === 0x64) {
    return Buffer.concat([Buffer.from('DIR_'), unescapeField(field.subarray(2))]);
  }
  if (field[0] === BACKSLASH && field[1] === 0x2e) {
    return Buffer.concat([Buffer.from('.'), unescapeField(field.subarray(2))]);
  }
  return unescapeField(field);
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

function hexField(field: Uint8Array, what: string, pattern: RegExp): bigint {
  const text = latin1(field);
  if (!pattern.test(text)) throw corruptError(`object file name: ${what} is "${text}"`);
  return BigInt(`0x${text}`);
}

function snapField(field: Uint8Array): bigint {
  const text = latin1(field);
  if (text === 'head') return NOSNAP;
  if (text === 'snapdir') return SNAPDIR;
  return hexField(field, 'snap', /^[0-9a-f]{1,16}$/);
}

const hashField = (field: Uint8Array): number =>
  Number(hexField(field, 'hash', /^[0-9A-Fa-f]{8}$/));

function poolField(field: Uint8Array): number {
  if (latin1(field) === 'none') return META_POOL;
  return Number(BigInt.asIntN(64, hexField(field, 'pool', /^[0-9a-f]{1,16}$/)));
}

function parseCurrent(f: Uint8Array[]): ParsedFileName {
  const withShard = f.length === 8;
  const shard = withShard ? hexField(f[7]!, 'shard', /^[0-9a-f]{1,8}$/) : 0xffffffffn;
  return {
    name: unescapeName(f[0]!),
    key: unescapeField(f[1]!),
    snap: snapField(f[2]!),
    hash: hashField(f[3]!),
    namespace: unescapeField(f[4]!),
    pool: poolField(f[5]!),
    generation: withShard ? hexField(f[6]!, 'generation', /^[0-9a-f]{1,16}$/) : NO_GENERATION,
    shard: shard === 0xffffffffn ? NO_SHARD : Number(shard),
  };
}

const older = {
  namespace: new Uint8Array(0),
  pool: undefined,
  generation: NO_GENERATION,
  shard: NO_SHARD,
};

function parseKeyless(bytes: Uint8Array): ParsedFileName {
  const hashAt = bytes.lastIndexOf(UNDERSCORE);
  const snapAt = hashAt < 1 ? -1 : bytes.lastIndexOf(UNDERSCORE, hashAt - 1);
  if (snapAt < 0) throw corruptError(`object file name: too few fields in "${latin1(bytes)}"`);
  return {
    ...older,
    name: unescapeName(bytes.subarray(0, snapAt)),
    key: new Uint8Array(0),
    snap: snapField(bytes.subarray(snapAt + 1, hashAt)),
    hash: hashField(bytes.subarray(hashAt + 1)),
  };
}

function parsePoolless(fields: Uint8Array[]): ParsedFileName {
  return {
    ...older,
    name: unescapeName(fields[0]!),
    key: unescapeField(fields[1]!),
    snap: snapField(fields[2]!),
    hash: hashField(fields[3]!),
  };
}

/** The placement hash of an object without namespace, by which a reading of its name can be tested. */
const hashes = ({ name, key, hash, namespace }: ParsedFileName): boolean =>
  objectHash(name, key, namespace) === hash;

/** The keyless reading of a name, where its hash speaks for it. */
function provenKeyless(bytes: Uint8Array): ParsedFileName | undefined {
  try {
    const parsed = parseKeyless(bytes);
    return hashes(parsed) ? parsed : undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** A name with as many fields as a newer format has: a keyless one may have just as many. */
function parseNewer(bytes: Uint8Array, parse: () => ParsedFileName): ParsedFileName {
  let parsed: ParsedFileName;
  try {
    parsed = parse();
  } catch (error) {
    const keyless = isSourceFault(error) ? provenKeyless(bytes) : undefined;
    if (keyless === undefined) throw error;
    return keyless;
  }
  // RBD never sets a locator key.
  if (parsed.key.length === 0 || hashes(parsed)) return parsed;
  return provenKeyless(bytes) ?? parsed;
}

/**
 * Parses the full (unshortened) name of an object's file, in any of the three formats. They are told
 * apart by their field count: a running OSD since Firefly writes the current one whatever the
 * collection's version xattr says, and the xattr may be lost. A keyless name may have any number of
 * fields: where it looks like another format, its hash decides.
 * @throws CORRUPT
 */
export function parseFileName(bytes: Uint8Array): ParsedFileName {
  const fields = splitFields(bytes);
  if (fields.length === 6 || fields.length === 8)
    return parseNewer(bytes, () => parseCurrent(fields));
  if (fields.length === 4) return parseNewer(bytes, () => parsePoolless(fields));
  return parseKeyless(bytes);
}

const snapText = (snap: bigint): string =>
  snap === NOSNAP ? 'head' : snap === SNAPDIR ? 'snapdir' : snap.toString(16);

/** The file name of an object in the current format, unshortened. */
export function formatFileName(id: Omit<ParsedFileName, 'pool'> & { pool: number }): Buffer {
  const hash = id.hash.toString(16).toUpperCase().padStart(8, '0');
  const pool = id.pool === META_POOL ? 'none' : BigInt.asUintN(64, BigInt(id.pool)).toString(16);
  const ec = id.generation !== NO_GENERATION || id.shard !== NO_SHARD;
  const shard = (id.shard >>> 0).toString(16);
  return Buffer.concat([
    escapeName(id.name),
    Buffer.from('_'),
    escapeField(id.key),
    Buffer.from(`_${snapText(id.snap)}_${hash}_`),
    escapeField(id.namespace),
    Buffer.from(`_${pool}${ec ? `_${id.generation.toString(16)}_${shard}` : ''}`),
  ]);
}
