import { corruptError, unsupportedError } from '../errors/salvage-error.ts';
import type { TableFile, VersionEdit } from './version-edit.ts';

/** What the MANIFEST says is live, after all of its edits. */
export interface FamilyVersion {
  id: number;
  name: string;
  /** logs with a smaller number hold nothing for this family */
  logNumber: number;
  /** by file number */
  files: Map<number, TableFile>;
}

export interface Version {
  /** by id */
  families: Map<number, FamilyVersion>;
  /** a log below the log number that still counts (LevelDB); 0 when none */
  prevLogNumber: number;
}

export const DEFAULT_FAMILY = 'default';
const COMPARATOR = 'leveldb.BytewiseComparator';

const family = (id: number, name: string): FamilyVersion => ({
  id,
  name,
  logNumber: 0,
  files: new Map(),
});

export function emptyVersion(): Version {
  return { families: new Map([[0, family(0, DEFAULT_FAMILY)]]), prevLogNumber: 0 };
}

function changeFiles(target: FamilyVersion, edit: VersionEdit): void {
  // A file that only changes its level is deleted and added in the same edit.
  for (const number of edit.deletedFiles) target.files.delete(number);
  for (const file of edit.newFiles) target.files.set(file.number, file);
}

/** @throws UNSUPPORTED when keys are not in byte order, CORRUPT when the family is not there */
export function applyEdit(version: Version, edit: VersionEdit): void {
  const { comparator, familyAdd } = edit;
  if (comparator !== undefined && comparator !== COMPARATOR) {
    throw unsupportedError(`comparator ${comparator}`, { expected: COMPARATOR, found: comparator });
  }
  if (edit.prevLogNumber !== undefined) version.prevLogNumber = edit.prevLogNumber;
  if (familyAdd !== undefined) version.families.set(edit.family, family(edit.family, familyAdd));
  if (edit.familyDrop) {
    version.families.delete(edit.family);
    return;
  }
  const target = version.families.get(edit.family);
  if (target === undefined) throw corruptError(`version edit: no column family ${edit.family}`);
  if (edit.logNumber !== undefined) target.logNumber = edit.logNumber;
  changeFiles(target, edit);
}
