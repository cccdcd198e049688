import type { Damage, DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault, notFoundError } from '../errors/salvage-error.ts';
import type { ByteSource, SourceDirectory } from '../io/ports.ts';
import { CURRENT, type DatabaseFiles, type NumberedFile } from './file-names.ts';
import { type LogRecord, readLog } from './log-reader.ts';
import { applyEdit, emptyVersion, type Version } from './version.ts';
import { decodeVersionEdit, type VersionEdit } from './version-edit.ts';

/**
 * The live version as CURRENT and MANIFEST tell it, and whether it can be relied upon.
 * Where it cannot, the caller takes every table and log there is.
 */
export interface ManifestState {
  version: Version;
  complete: boolean;
}

/** CURRENT is a file name and a newline; nothing sensible is longer. */
const CURRENT_BYTES = 64;

function readCurrent(directory: SourceDirectory): string {
  const source = directory.open(CURRENT);
  try {
    const bytes = new Uint8Array(CURRENT_BYTES);
    return Buffer.from(bytes.subarray(0, source.read(bytes, 0)))
      .toString('latin1')
      .trimEnd();
  } finally {
    source.close();
  }
}

/** The manifest CURRENT names, or else the newest; `undefined` when there is none. */
function chooseManifest(
  directory: SourceDirectory,
  files: DatabaseFiles,
  report: DamageReporter,
): NumberedFile | undefined {
  const path = `${directory.path}/${CURRENT}`;
  // An old manifest goes when CURRENT names its successor, so an only one is what CURRENT named.
  const harmless = files.manifests.length === 1 ? { harmless: true } : {};
  try {
    const name = readCurrent(directory);
    const named = files.manifests.find((file) => file.name === name);
    if (named !== undefined) return named;
    report({ path, reason: `names ${JSON.stringify(name)}, which is not a manifest here` });
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    report({ path, reason: errorText(error), ...harmless });
  }
  return files.manifests.at(-1);
}

/** Applies edits; those of an atomic group only when its last one is there. */
class EditQueue {
  readonly version = emptyVersion();
  #group: VersionEdit[] = [];

  add(edit: VersionEdit): void {
    this.#group.push(edit);
    if ((edit.groupRemaining ?? 0) > 0) return;
    const group = this.#group;
    this.#group = [];
    for (const one of group) applyEdit(this.version, one);
  }
}

function addRecord(queue: EditQueue, record: LogRecord, path: string): Damage | undefined {
  try {
    queue.add(decodeVersionEdit(record.payload, record.offset));
    return undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    const { offset } = record;
    return { path, offset, dropped: record.payload.length, reason: errorText(error) };
  }
}

function replay(source: ByteSource, number: number, report: DamageReporter): ManifestState {
  const queue = new EditQueue();
  const damages: Damage[] = [];
  let records = 0;
  let lastRecord = 0;
  const note = (damage: Damage) => damages.push(damage);
  for (const record of readLog(source, { number, newest: true, report: note })) {
    records++;
    lastRecord = record.offset;
    const damage = addRecord(queue, record, source.path);
    if (damage !== undefined) damages.push(damage);
  }
  for (const damage of damages) report(damage);
  // A torn last record was never acted upon: what it would have deleted is still there.
  const tornTail = damages.every((damage) => (damage.offset ?? 0) > lastRecord);
  return { version: queue.version, complete: records > 0 && tornTail };
}

/**
 * @returns the version, or `undefined` when no manifest can be read at all
 * @throws NOT_FOUND when nothing here belongs to a database; damage is reported
 */
export function readManifest(
  directory: SourceDirectory,
  files: DatabaseFiles,
  report: DamageReporter,
): ManifestState | undefined {
  if (files.manifests.length + files.logs.length + files.tables.size === 0) {
    throw notFoundError('no LevelDB or RocksDB database here', { path: directory.path });
  }
  const chosen = chooseManifest(directory, files, report);
  if (chosen === undefined) return undefined;
  try {
    const source = directory.open(chosen.name);
    try {
      return replay(source, chosen.number, report);
    } finally {
      source.close();
    }
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    report({ path: `${directory.path}/${chosen.name}`, reason: errorText(error) });
    return undefined;
  }
}
