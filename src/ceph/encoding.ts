import type { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { unsupportedError } from '../errors/salvage-error.ts';

/**
 * Pieces that every Ceph structure is made of. See docs/formats/ceph.md, "Primitives".
 * Byte strings in results are views into the input: copy what must outlive it.
 */

/** Snapshot id of an object's head (CEPH_NOSNAP). */
export const NOSNAP = 0xfffffffffffffffen;
/** Snapshot id of the object that held the SnapSet of a deleted head before Luminous (CEPH_SNAPDIR). */
export const SNAPDIR = 0xffffffffffffffffn;

export interface StructHead {
  version: number;
  compat: number;
  /** bytes that follow the head, as claimed */
  length: number;
}

/**
 * Reads the head of a versioned structure: u8 version, u8 compat, u32 length.
 * @param maxCompat the newest "oldest decoder that can read this" which the caller satisfies
 * @throws UNSUPPORTED when compat is above `maxCompat` (CORRUPT when the length makes no sense either)
 */
export function readHead(reader: ByteReader, structure: string, maxCompat: number): StructHead {
  const offset = reader.offset;
  const version = reader.u8();
  const compat = reader.u8();
  const length = reader.u32();
  if (compat > maxCompat && length <= reader.remaining) {
    throw unsupportedError(
      `${structure}: version ${version} needs a decoder of version ${compat}, we know ${maxCompat}`,
      { structure, offset, expected: maxCompat, found: compat },
    );
  }
  if (compat > maxCompat) throw reader.fail(`no ${structure} of version ${version}/${compat}`);
  return { version, compat, length };
}

/**
 * Reads the head (see `readHead`) and hands the body a reader over just those bytes. What the body
 * leaves unread was appended by a newer writer and is skipped.
 * @throws UNSUPPORTED, and CORRUPT when the length lies
 */
export function versioned<T>(
  reader: ByteReader,
  structure: string,
  maxCompat: number,
  body: (reader: ByteReader, version: number, compat: number) => T,
): T {
  const { version, compat, length } = readHead(reader, structure, maxCompat);
  return body(reader.sub(length, structure), version, compat);
}

/** Passes over a versioned structure of whatever version. */
export function skipVersioned(reader: ByteReader): void {
  reader.skip(2);
  reader.skip(reader.u32());
}

/**
 * Refuses versions that no supported release wrote (their layout differs, often from the head on).
 * @throws CORRUPT
 */
export function requireVersion(reader: ByteReader, version: number, oldest: number): void {
  if (version < oldest) {
    throw reader.fail(`version ${version} is older than any supported release (${oldest})`);
  }
}

/** Epoch and version of a change to a pg; `0'0` is "never". Printed as epoch'version. */
export interface Eversion {
  /** osdmap epoch */
  epoch: number;
  version: bigint;
}

export const ZERO_EVERSION: Readonly<Eversion> = Object.freeze({ epoch: 0, version: 0n });
/** On disk the version comes first: u64 version, u32 epoch. */
export const EVERSION_BYTES = 12;

export function eversion(reader: ByteReader): Eversion {
  const version = reader.u64();
  return { epoch: reader.u32(), version };
}

/** Negative, zero or positive as `a` is older than, equal to or newer than `b`: epoch first. */
export function compareEversion(a: Eversion, b: Eversion): number {
  if (a.epoch !== b.epoch) return a.epoch - b.epoch;
  return a.version < b.version ? -1 : a.version > b.version ? 1 : 0;
}

/** Is it 0'0? */
export const isNever = (v: Eversion): boolean => compareEversion(v, ZERO_EVERSION) === 0;

export const formatEversion = (v: Eversion): string => `${v.epoch}'${v.version}`;

/** A wall clock time as Ceph stores it. */
export interface Utime {
  seconds: number;
  nanoseconds: number;
}

export const UTIME_BYTES = 8;

export function utime(reader: ByteReader): Utime {
  return { seconds: reader.u32(), nanoseconds: reader.u32() };
}

/** 16 bytes in printing order, as lower-case text with dashes. */
export function uuid(reader: ByteReader): string {
  const hex = Buffer.from(reader.take(16)).toString('hex');
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

export interface Interval {
  start: bigint;
  length: bigint;
}

/** Runs of ids (interval_set of snapids). */
export function intervalSet(reader: ByteReader): Interval[] {
  return reader.list(16, (r) => ({ start: r.u64(), length: r.u64() }));
}

/** Bytes `offset` to `offset + length` of an object. */
export interface Extent {
  offset: number;
  length: number;
}

/** Runs of bytes (interval_set of offsets). */
export function extents(reader: ByteReader): Extent[] {
  return reader.list(16, (r) => ({ offset: r.size(), length: r.size() }));
}

export const snapids = (reader: ByteReader): bigint[] => reader.list(8, (r) => r.u64());

/** Passes over an osd_reqid_t: who asked for a change. */
export const skipReqid = (reader: ByteReader): void => skipVersioned(reader);

const INT64_MIN = -(2n ** 63n);

/**
 * A pool id: -1 is meta, -2 and below are temporary copies, -2^63 marks the smallest object.
 * @throws CORRUPT when it is none of these and a `number` cannot hold it
 */
export function readPoolId(reader: ByteReader): number {
  const value = reader.s64();
  const id = Number(value);
  if (!Number.isSafeInteger(id) && value !== INT64_MIN) {
    throw reader.fail(`pool id ${value} is none that a cluster can have`);
  }
  return id;
}

/** A short text such as a profile name, exact enough to be compared (see `nameToText`). */
export const readNameText = (reader: ByteReader): string => nameToText(reader.blob());

/** map string -> string */
export function readTextMap(reader: ByteReader): Map<string, string> {
  return new Map(reader.list(8, (r) => [readNameText(r), readNameText(r)]));
}

/** One bit of a CompatSet: something that software must know before it touches the store. */
export interface Feature {
  id: bigint;
  name: string;
}

export interface CompatFeatures {
  compat: Feature[];
  readOnlyCompat: Feature[];
  incompat: Feature[];
}

const readFeatureSet = (reader: ByteReader): Feature[] => {
  reader.skip(8); // the mask repeats the ids of the map
  return reader.list(12, (r) => ({ id: r.u64(), name: readNameText(r) }));
};

/** CompatSet: three sets of features. */
export function readCompatFeatures(reader: ByteReader): CompatFeatures {
  return {
    compat: readFeatureSet(reader),
    readOnlyCompat: readFeatureSet(reader),
    incompat: readFeatureSet(reader),
  };
}
