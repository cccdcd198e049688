import { ByteReader } from '../bytes/byte-reader.ts';
import { NOSNAP, readPoolId, requireVersion, versioned } from './encoding.ts';

/**
 * hobject_t and ghobject_t: the identity of an object. See docs/formats/ceph.md, "Object identity".
 * Byte strings are views into the input.
 */
export interface Hobject {
  /** locator key; empty when it is the name */
  key: Uint8Array;
  name: Uint8Array;
  /** clone id, `NOSNAP` or `SNAPDIR` */
  snap: bigint;
  /** placement hash, bits in plain order */
  hash: number;
  /** the sentinel above every object; nothing else counts then */
  max: boolean;
  namespace: Uint8Array;
  /** -1 is meta, -2 - p the temporary copies of pool p */
  pool: number;
}

/** An object in a store: with erasure coding each shard and each rollback copy is one. */
export interface Ghobject extends Hobject {
  /** `NO_GENERATION`, or the version at which this copy was set aside for rolling back */
  generation: bigint;
  /** -1 (`NO_SHARD`) outside erasure-coded pools */
  shard: number;
}

export const NO_GENERATION = 0xffffffffffffffffn;
export const NO_SHARD = -1;
/** Pool of the smallest sentinel (INT64_MIN, exact as a double). */
export const MIN_POOL = -(2 ** 63);
export const META_POOL = -1;

const NO_BYTES = new Uint8Array(0);

/** Above every object: as last_backfill it says that the copy is complete. */
export const HOBJECT_MAX: Readonly<Hobject> = Object.freeze({
  key: NO_BYTES,
  name: NO_BYTES,
  snap: 0n,
  hash: 0,
  max: true,
  namespace: NO_BYTES,
  pool: MIN_POOL,
});

/** Below every object: as last_backfill it says that nothing has been copied yet. */
export const HOBJECT_MIN: Readonly<Hobject> = Object.freeze({ ...HOBJECT_MAX, max: false });

export const isMaxHobject = (o: Hobject): boolean => o.max;
export const isMinHobject = (o: Hobject): boolean => !o.max && o.pool === MIN_POOL;
/** A copy that recovery was receiving: never data. */
export const isTemporary = (o: Hobject): boolean => o.pool <= -2 && o.pool !== MIN_POOL;

/** Hammer and older wrote the smallest object with pool -1. */
function normaliseMin(o: Hobject): void {
  if (o.pool === -1 && o.snap === 0n && o.hash === 0 && !o.max && o.name.length === 0) {
    o.pool = MIN_POOL;
  }
}

function hobjectFields(body: ByteReader, version: number): Hobject {
  requireVersion(body, version, 3);
  const object: Hobject = {
    key: body.blob(),
    name: body.blob(),
    snap: body.u64(),
    hash: body.u32(),
    max: body.bool(),
    namespace: NO_BYTES,
    pool: META_POOL,
  };
  if (version >= 4) {
    object.namespace = body.blob();
    object.pool = readPoolId(body);
    normaliseMin(object);
  }
  return object;
}

/**
 * hobject_t v3 (no namespace and pool) and v4.
 * @throws CORRUPT, UNSUPPORTED
 */
export function readHobject(reader: ByteReader): Hobject {
  return versioned(reader, 'hobject_t', 3, hobjectFields);
}

/** Smallest encoding of an hobject. */
export const HOBJECT_MIN_BYTES = 27;

/**
 * ghobject_t v3 and v4 (no generation and shard), v5 (Firefly, Hammer) and v6.
 * @throws CORRUPT, UNSUPPORTED
 */
export function readGhobject(reader: ByteReader): Ghobject {
  return versioned(reader, 'ghobject_t', 3, (body, version) => {
    const object: Ghobject = {
      ...hobjectFields(body, version),
      generation: NO_GENERATION,
      shard: NO_SHARD,
    };
    if (version >= 5) {
      object.generation = body.u64();
      object.shard = body.s8();
    }
    // A second "max" that the sentinel ghobject has of its own; objects carry false.
    if (version >= 6 && body.bool()) object.max = true;
    return object;
  });
}

export const decodeHobject = (bytes: Uint8Array): Hobject =>
  readHobject(new ByteReader(bytes, 'hobject_t'));
export const decodeGhobject = (bytes: Uint8Array): Ghobject =>
  readGhobject(new ByteReader(bytes, 'ghobject_t'));

function reverseBytes32(v: number): number {
  return ((v << 24) | ((v & 0xff00) << 8) | ((v >>> 8) & 0xff00) | (v >>> 24)) >>> 0;
}

/** The eight hex digits in opposite order: the sort key of a placement hash before Jewel. */
export function reverseNibbles32(value: number): number {
  return reverseBytes32(((value & 0x0f0f0f0f) << 4) | ((value >>> 4) & 0x0f0f0f0f));
}

/** All 32 bits in opposite order: the sort key of a placement hash since Jewel. */
export function reverseBits32(value: number): number {
  const single = ((value & 0x55555555) << 1) | ((value >>> 1) & 0x55555555);
  return reverseNibbles32(((single & 0x33333333) << 2) | ((single >>> 2) & 0x33333333));
}

const effectiveKey = (o: Hobject): Uint8Array => (o.key.length > 0 ? o.key : o.name);

function compareRest(a: Hobject, b: Hobject): number {
  const byNamespace = Buffer.compare(a.namespace, b.namespace);
  if (byNamespace !== 0) return byNamespace;
  if (a.key.length > 0 || b.key.length > 0) {
    const byKey = Buffer.compare(effectiveKey(a), effectiveKey(b));
    if (byKey !== 0) return byKey;
  }
  const byName = Buffer.compare(a.name, b.name);
  if (byName !== 0) return byName;
  return a.snap < b.snap ? -1 : a.snap > b.snap ? 1 : 0;
}

function compareBy(a: Hobject, b: Hobject, hashKey: (hash: number) => number): number {
  if (a.max || b.max) return Number(a.max) - Number(b.max);
  if (a.pool !== b.pool) return a.pool < b.pool ? -1 : 1;
  if (a.hash !== b.hash) return hashKey(a.hash) - hashKey(b.hash);
  return compareRest(a, b);
}

/** The order in which backfill walks a pg since Jewel; < 0 when `a` comes first. */
export const compareHobjectBitwise = (a: Hobject, b: Hobject): number =>
  compareBy(a, b, reverseBits32);

/** The order before Jewel: hex digits reversed instead of bits. Meant for objects of one pool. */
export const compareHobjectNibblewise = (a: Hobject, b: Hobject): number =>
  compareBy(a, b, reverseNibbles32);

/** True for the newest version of an object, neither clone nor snapdir. */
export const isHead = (o: Hobject): boolean => o.snap === NOSNAP;
