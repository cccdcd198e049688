/**
 * One version of a key, as tables and logs hold it (docs/formats/kv.md, "Internal keys").
 * Source of the type numbers: RocksDB `db/dbformat.h` (ValueType), 7.9.
 */
export const RECORD = {
  delete: 0x00,
  put: 0x01,
  merge: 0x02,
  /** as `delete`, promised to meet at most one older version */
  singleDelete: 0x07,
  /** key is the first, value the end (excluded) of what is deleted */
  rangeDelete: 0x0f,
} as const;

/** Bytes behind the user key in an internal key: u64, sequence << 8 | type. */
export const KEY_TAIL = 8;

/**
 * A position in a sorted stream of versions: keys ascending, for equal keys the newest first.
 * The key is a stretch of a buffer that the next step may overwrite.
 */
export interface RecordCursor {
  valid: boolean;
  keyBytes: Uint8Array;
  keyStart: number;
  keyLength: number;
  sequence: number;
  type: number;
  /** file number; decides between versions of equal sequence (bottom tables write 0 for all) */
  origin: number;
  /** Only for the current record; the bytes stay valid for ever. */
  value(): Uint8Array;
  next(): void;
}

export interface InternalKey {
  userKey: Uint8Array;
  sequence: number;
  type: number;
}

/**
 * Splits an internal key; `undefined` when it is too short to be one.
 * Sequences have 56 bits; from 2^53 on, which no store reaches, they lose their low bits.
 */
export function splitInternalKey(key: Uint8Array): InternalKey | undefined {
  const end = key.length - KEY_TAIL;
  if (end < 0) return undefined;
  return { userKey: key.subarray(0, end), sequence: sequenceAt(key, end), type: key[end]! };
}

/** The sequence in the 8-byte tail at `at`. */
export function sequenceAt(bytes: Uint8Array, at: number): number {
  const low = bytes[at + 1]! | (bytes[at + 2]! << 8) | (bytes[at + 3]! << 16);
  const middle = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16);
  return low + middle * 0x1000000 + bytes[at + 7]! * 0x1000000000000;
}
