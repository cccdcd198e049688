import { ByteReader } from '../bytes/byte-reader.ts';
import { compareEversion, type Eversion, eversion, isNever, skipVersioned } from './encoding.ts';
import { HOBJECT_MIN_BYTES, type Hobject, readHobject } from './hobject.ts';

/** pg_missing_item: an object that an OSD knows it lacks. See docs/formats/ceph.md, "Missing items". */
export interface MissingItem {
  object: Hobject;
  /** the version that this copy should have */
  need: Eversion;
  /** the stale version it has; 0'0: none */
  have: Eversion;
  /** the object was deleted: a copy still on this disk does not count */
  isDelete: boolean;
}

/** Bit of the flags byte (pg_missing_item::FLAG_DELETE). */
const FLAG_DELETE = 1;
const MAX_EVERSION: Eversion = { epoch: 0xffffffff, version: 0xffffffffffffffffn };

function readItem(reader: ByteReader): Omit<MissingItem, 'object'> {
  // Newer layouts mark themselves with versions that no object can need.
  const first = eversion(reader);
  if (!isNever(first)) return { need: first, have: eversion(reader), isDelete: false };
  const second = eversion(reader);
  const hasCleanRegions = compareEversion(second, MAX_EVERSION) === 0;
  const need = hasCleanRegions ? eversion(reader) : second;
  const have = eversion(reader);
  const isDelete = (reader.u8() & FLAG_DELETE) !== 0;
  if (hasCleanRegions) skipVersioned(reader);
  return { need, have, isDelete };
}

/**
 * The value of a `missing/…` key, in any of the three layouts since it exists.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeMissingItem(bytes: Uint8Array): MissingItem {
  const reader = new ByteReader(bytes, 'pg_missing_item');
  return { object: readHobject(reader), ...readItem(reader) };
}

export interface DivergentPrior {
  /** version of the divergent write that was undone */
  version: Eversion;
  object: Hobject;
}

/**
 * The value of `divergent_priors` (before Luminous): objects to be recovered to an older version.
 * @throws CORRUPT, UNSUPPORTED
 */
export function decodeDivergentPriors(bytes: Uint8Array): DivergentPrior[] {
  const reader = new ByteReader(bytes, 'divergent_priors');
  return reader.list(12 + HOBJECT_MIN_BYTES, (r) => ({
    version: eversion(r),
    object: readHobject(r),
  }));
}
