import { cephCrc32c, readBuffer } from '../bytes/crc32c.ts';
import { decodeObjectInfo } from '../ceph/object-info.ts';
import { errorText, isSourceFault, sourceIoError } from '../errors/salvage-error.ts';
import type { ObjectRef, ObjectStoreReader, OpenObject } from './object-store.ts';

/** What one copy of an object says of itself; `attrs` and `size` are absent where it could not be opened. */
export interface CopyAttrs {
  /** object_info_t; undefined when the attribute is lost */
  objectInfo?: Uint8Array;
  /** SnapSet, where it was asked for */
  snapSet?: Uint8Array;
  /** bytes that the store holds */
  size: number;
  mtimeMs: number;
  /** why the copy cannot be used */
  error?: string;
}

/** Reads the attributes of copies; a fault of one is in its entry. */
export function readCopyAttrs(
  store: ObjectStoreReader,
  refs: readonly ObjectRef[],
  wantSnapSet: boolean,
): CopyAttrs[] {
  return refs.map((ref) => {
    try {
      const object = store.open(ref);
      try {
        const attrs: CopyAttrs = { size: object.size, mtimeMs: object.mtimeMs };
        const objectInfo = object.attr('_');
        if (objectInfo !== undefined) attrs.objectInfo = objectInfo;
        const snapSet = wantSnapSet ? object.attr('snapset') : undefined;
        if (snapSet !== undefined) attrs.snapSet = snapSet;
        return attrs;
      } finally {
        object.close();
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return { size: 0, mtimeMs: 0, error: errorText(error) };
    }
  });
}

/** Up to `length` bytes from the start of an object. @throws SOURCE_IO */
export function readObjectStart(
  store: ObjectStoreReader,
  ref: ObjectRef,
  length: number,
): Uint8Array {
  const object = store.open(ref);
  try {
    const bytes = Buffer.alloc(Math.min(length, object.size));
    return bytes.subarray(0, object.read(bytes, 0));
  } finally {
    object.close();
  }
}

/** What the bytes of one copy come to. */
export interface CopyDigest {
  size: number;
  /** crc32c, seed 0xffffffff, of all of them */
  crc: number;
  /** what object_info says the crc must be, where it vouches for one */
  expected?: number;
  error?: string;
}

function digestOf(object: OpenObject): CopyDigest {
  const buffer = readBuffer();
  let crc = 0xffffffff;
  for (let at = 0; at < object.size; ) {
    const n = object.read(buffer.subarray(0, Math.min(buffer.length, object.size - at)), at);
    if (n === 0)
      throw sourceIoError(`${object.path}: ends at ${at}, not ${object.size}`, { offset: at });
    crc = cephCrc32c(crc, buffer.subarray(0, n));
    at += n;
  }
  const attr = object.attr('_');
  const expected = attr && decodeObjectInfo(attr).dataDigest;
  return { size: object.size, crc, ...(expected === undefined ? {} : { expected }) };
}

/** Reads copies whole; a fault of one is in its entry. */
export function digestCopies(store: ObjectStoreReader, refs: readonly ObjectRef[]): CopyDigest[] {
  return refs.map((ref) => {
    try {
      const object = store.open(ref);
      try {
        return digestOf(object);
      } finally {
        object.close();
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return { size: 0, crc: 0, error: errorText(error) };
    }
  });
}
