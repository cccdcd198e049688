import { ByteReader } from '../bytes/byte-reader.ts';
import { unsupportedError } from '../errors/salvage-error.ts';

/**
 * One record of a MANIFEST: a change to the set of live files (docs/formats/kv.md, "MANIFEST").
 * Source of the tags: LevelDB `db/version_edit.cc` 1.23, RocksDB `db/version_edit.h` 7.9.
 */
const TAG = {
  comparator: 1,
  logNumber: 2,
  nextFile: 3,
  lastSequence: 4,
  compactionPointer: 5,
  deletedFile: 6,
  newFile: 7,
  prevLogNumber: 9,
  minLogToKeep: 10,
  newFileSequences: 100,
  newFilePath: 102,
  newFileFields: 103,
  family: 200,
  familyAdd: 201,
  familyDrop: 202,
  maxFamily: 203,
  atomicGroup: 300,
} as const;
/** Tags with this bit are a slice that old readers may skip. */
const IGNORABLE_TAG = 0x2000;
/** Ends the custom fields of `newFileFields`. */
const LAST_FIELD = 1;

export interface TableFile {
  number: number;
  size: number;
  /** internal keys */
  smallest: Uint8Array;
  largest: Uint8Array;
}

export interface VersionEdit {
  /** column family this edit is about; LevelDB has only 0 */
  family: number;
  comparator?: string;
  logNumber?: number;
  prevLogNumber?: number;
  /** name of the family this edit creates */
  familyAdd?: string;
  familyDrop: boolean;
  deletedFiles: number[];
  newFiles: TableFile[];
  /** edits of its atomic group that follow; undefined outside groups */
  groupRemaining?: number;
}

/** Keys outlive the log record they were read from. */
const ownSlice = (reader: ByteReader): Uint8Array => reader.slice().slice();
const textSlice = (reader: ByteReader): string => Buffer.from(reader.slice()).toString('utf8');

function newFile(reader: ByteReader, tag: number): TableFile {
  reader.varint32(); // level: sequence numbers tell which version is newest, levels are not needed
  const number = reader.varsize();
  if (tag === TAG.newFilePath) reader.varint32();
  const size = reader.varsize();
  const file = { number, size, smallest: ownSlice(reader), largest: ownSlice(reader) };
  if (tag === TAG.newFile) return file;
  reader.varint64();
  reader.varint64();
  if (tag === TAG.newFileFields) {
    while (reader.varint32() !== LAST_FIELD) reader.slice();
  }
  return file;
}

function readField(reader: ByteReader, tag: number, edit: VersionEdit): void {
  switch (tag) {
    case TAG.comparator:
      edit.comparator = textSlice(reader);
      return;
    case TAG.logNumber:
      edit.logNumber = reader.varsize();
      return;
    case TAG.prevLogNumber:
      edit.prevLogNumber = reader.varsize();
      return;
    case TAG.nextFile:
    case TAG.lastSequence:
    case TAG.minLogToKeep:
    case TAG.maxFamily:
      reader.varint64();
      return;
    case TAG.compactionPointer:
      reader.varint32();
      reader.slice();
      return;
    case TAG.deletedFile:
      reader.varint32();
      edit.deletedFiles.push(reader.varsize());
      return;
    case TAG.newFile:
    case TAG.newFileSequences:
    case TAG.newFilePath:
    case TAG.newFileFields:
      edit.newFiles.push(newFile(reader, tag));
      return;
    case TAG.family:
      edit.family = reader.varint32();
      return;
    case TAG.familyAdd:
      edit.familyAdd = textSlice(reader);
      return;
    case TAG.familyDrop:
      edit.familyDrop = true;
      return;
    case TAG.atomicGroup:
      edit.groupRemaining = reader.varint32();
      return;
  }
  if ((tag & IGNORABLE_TAG) === 0) {
    throw unsupportedError(`version edit: tag ${tag}`, { offset: reader.offset, found: tag });
  }
  reader.slice();
}

/**
 * @param payload one record of the MANIFEST; not kept
 * @throws CORRUPT, UNSUPPORTED (a tag that must be understood)
 */
export function decodeVersionEdit(payload: Uint8Array, base = 0): VersionEdit {
  const reader = new ByteReader(payload, 'version edit', base);
  const edit: VersionEdit = { family: 0, familyDrop: false, deletedFiles: [], newFiles: [] };
  while (reader.remaining > 0) readField(reader, reader.varint32(), edit);
  return edit;
}
