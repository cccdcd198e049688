import { ByteReader } from '../bytes/byte-reader.ts';
import { cephCrc32c } from '../bytes/crc32c.ts';

/**
 * What an object map says of one object. Of the image's own object: in a clone, 0 does not mean
 * that the bytes are zero.
 */
export const OBJECT_NONEXISTENT = 0;
/** exists, changed since the last snapshot (or fast-diff is off) */
export const OBJECT_EXISTS = 1;
/** a removal was announced: it may or may not exist */
export const OBJECT_PENDING = 2;
/** exists, unchanged since the last snapshot */
export const OBJECT_EXISTS_CLEAN = 3;

export type ObjectState = 0 | 1 | 2 | 3;

export interface ObjectMap {
  objectCount: number;
  /** four states a byte, the first in the two highest bits; a view */
  states: Uint8Array;
  /** false = it was written without checksums; true = they are right */
  checked: boolean;
}

const HEADER_BYTES = 14;
/** state bytes under one checksum */
const BLOCK_BYTES = 4096;
const CRC_SEED = 0;

function readObjectCount(reader: ByteReader): number {
  const length = reader.u32();
  if (length !== HEADER_BYTES) throw reader.fail(`a header of ${length} bytes is none`);
  // A bit vector's head: u8 version, u8 compat, u32 length, then the count.
  reader.skip(6);
  return reader.size();
}

function checkCrc(reader: ByteReader, what: string, bytes: Uint8Array): void {
  const expected = reader.u32();
  const found = cephCrc32c(CRC_SEED, bytes);
  if (found !== expected) throw reader.fail(`the checksum of ${what} is wrong`);
}

function checkFooter(reader: ByteReader, header: Uint8Array, states: Uint8Array): boolean {
  const length = reader.u32();
  if (length === 0) return false;
  const footer = reader.sub(length);
  checkCrc(footer, 'the header', header);
  const blocks = Math.ceil(states.length / BLOCK_BYTES);
  if (footer.count(4) !== blocks) throw footer.fail(`not the ${blocks} checksums it should have`);
  for (let at = 0; at < states.length; at += BLOCK_BYTES) {
    checkCrc(footer, `block ${at / BLOCK_BYTES}`, states.subarray(at, at + BLOCK_BYTES));
  }
  return true;
}

/**
 * Decodes the data of an `rbd_object_map.*` object (`docs/formats/rbd.md`, "Object map").
 *
 * @param expectedCount objects of an image of that size (`objectCount`); undefined = not known
 * @throws CORRUPT, also for a wrong checksum and for a map that does not fit the image
 */
export function parseObjectMap(bytes: Uint8Array, expectedCount?: number): ObjectMap {
  const reader = new ByteReader(bytes, 'object map');
  const objectCount = readObjectCount(reader);
  if (expectedCount !== undefined && objectCount !== expectedCount) {
    throw reader.fail(`it is for ${objectCount} objects, the image has ${expectedCount}`);
  }
  const header = bytes.subarray(4, reader.pos);
  const states = reader.take(Math.ceil(objectCount / 4));
  const checked = checkFooter(reader, header, states);
  return { objectCount, states, checked };
}

/** State of object `objectNo`; objects that the map does not reach do not exist. */
export function stateOf(map: ObjectMap, objectNo: number): ObjectState {
  if (objectNo >= map.objectCount) return OBJECT_NONEXISTENT;
  const byte = map.states[Math.floor(objectNo / 4)] ?? 0;
  return ((byte >> (6 - 2 * (objectNo % 4))) & 3) as ObjectState;
}
