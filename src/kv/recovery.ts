import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { SourceDirectory } from '../io/ports.ts';
import { type DatabaseFiles, type NumberedFile, sortFiles } from './file-names.ts';
import { compareKeys } from './key-order.ts';
import { type LogRecord, readLog } from './log-reader.ts';
import { readManifest } from './manifest.ts';
import { MemTable } from './mem-table.ts';
import { RunCursor } from './run-cursor.ts';
import type { Table } from './table.ts';
import { tableBlocks } from './table-blocks.ts';
import type { TableFiles } from './table-files.ts';
import { spanOf, type TableRun, type TableSpan, tableRuns } from './table-run.ts';
import { emptyVersion, type Version } from './version.ts';
import { decodeWriteBatch } from './write-batch.ts';

/** Finds out what a database consists of: from its MANIFEST, or without one. */

/** One column family, ready to be read. */
export interface Family {
  id: number;
  name: string;
  logNumber: number;
  spans: TableSpan[];
  runs: TableRun[];
  mem: MemTable;
}

type Families = Map<number, Family>;

const newFamily = (id: number, name: string, logNumber: number): Family => ({
  id,
  name,
  logNumber,
  spans: [],
  runs: [],
  mem: new MemTable(),
});

function versionFamilies(version: Version): Families {
  const families: Families = new Map();
  for (const { id, name, logNumber } of version.families.values()) {
    families.set(id, newFamily(id, name, logNumber));
  }
  return families;
}

function useManifest(
  version: Version,
  files: DatabaseFiles,
  directory: SourceDirectory,
  report: DamageReporter,
): Families {
  const families = versionFamilies(version);
  for (const { id, name: family, files: live } of version.families.values()) {
    for (const file of live.values()) {
      const name = files.tables.get(file.number);
      if (name !== undefined) families.get(id)!.spans.push(spanOf(file, name));
      else {
        const digits = String(file.number).padStart(6, '0');
        const reason = `table of column family ${family} is missing`;
        report({ path: `${directory.path}/${digits}.sst`, dropped: file.size, reason });
      }
    }
  }
  return families;
}

/** The keys a table really has; `undefined` when nothing in it can be read. */
function measure(files: TableFiles, file: NumberedFile, table: Table): TableSpan | undefined {
  const cursor = new RunCursor(tableBlocks(files, file, table, {}), files.report, undefined);
  const { index, rangeDeletes } = table;
  if (!cursor.valid && rangeDeletes.length === 0) return undefined;
  const firsts = rangeDeletes.map((tombstone) => tombstone.first);
  const ends = rangeDeletes.map((tombstone) => tombstone.end);
  if (cursor.valid) firsts.push(cursor.keyBytes.slice(0, cursor.keyLength));
  const known = index.searchable || !cursor.valid;
  if (index.searchable && index.count > 0) ends.push(index.key(index.count - 1).slice());
  return {
    ...file,
    smallest: firsts.sort(compareKeys)[0],
    largest: known ? ends.sort(compareKeys).at(-1) : undefined,
    largestIncluded: true,
    clips: false,
  };
}

/** Every table there is, put into the column family it names itself. */
function useEverything(version: Version, files: DatabaseFiles, tables: TableFiles): Families {
  const families = versionFamilies(version);
  for (const [number, name] of files.tables) {
    const table = tables.table(name);
    const span = table && measure(tables, { name, number }, table);
    if (table === undefined || span === undefined) continue;
    const id = table.familyId ?? 0;
    const known = families.get(id) ?? newFamily(id, table.familyName ?? `family ${id}`, 0);
    families.set(id, known);
    known.spans.push(span);
  }
  return families;
}

interface Replay {
  families: Families;
  /** column families that nothing names are invented instead of passed over */
  invents: boolean;
  /** a log below the log number that counts all the same (LevelDB); 0 when none */
  prevLogNumber: number;
  report: DamageReporter;
}

function familyOf(id: number, to: Replay, path: string): Family | undefined {
  const known = to.families.get(id);
  if (known !== undefined || !to.invents) return known;
  const family = newFamily(id, `family ${id}`, 0);
  to.families.set(id, family);
  to.report({ path, reason: `nothing tells the name of column family ${id}` });
  return family;
}

/** Adds a batch to the families it is for; what cannot be decoded of it is reported. */
function replayBatch(record: LogRecord, log: NumberedFile, path: string, to: Replay): void {
  const { payload, offset } = record;
  let used = 0;
  try {
    decodeWriteBatch(payload, offset, (id, sequence, type, key, value) => {
      used += key.length + value.length;
      const family = familyOf(id, to, path);
      // Tables hold already what older logs say, perhaps with their sequence numbers set to 0.
      if (family === undefined) return;
      if (log.number >= family.logNumber || log.number === to.prevLogNumber) {
        family.mem.add(sequence, type, key, value);
      }
    });
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    to.report({ path, offset, dropped: payload.length - used, reason: errorText(error) });
  }
}

function replayLog(
  directory: SourceDirectory,
  file: NumberedFile,
  newest: boolean,
  to: Replay,
): void {
  const source = directory.open(file.name);
  try {
    const options = { number: file.number, newest, report: to.report };
    for (const record of readLog(source, options)) replayBatch(record, file, source.path, to);
  } finally {
    source.close();
  }
}

function replayLogs(directory: SourceDirectory, logs: readonly NumberedFile[], to: Replay): void {
  const oldest = Math.min(...[...to.families.values()].map((family) => family.logNumber));
  const wanted = logs.filter(({ number }) => number >= oldest || number === to.prevLogNumber);
  if (wanted.length === 0) {
    const reason = `no write-ahead log from number ${oldest} on: the newest writes are missing`;
    to.report({ path: directory.path, reason });
  }
  wanted.forEach((file, i) => {
    try {
      replayLog(directory, file, i === wanted.length - 1, to);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      to.report({ path: `${directory.path}/${file.name}`, reason: errorText(error) });
    }
  });
}

/**
 * @returns the column families, by id
 * @throws NOT_FOUND when there is no database, SOURCE_IO when the directory cannot be listed
 */
export function recoverFamilies(
  directory: SourceDirectory,
  tables: TableFiles,
  report: DamageReporter,
): Family[] {
  const files = sortFiles(directory.list());
  const state = readManifest(directory, files, report);
  const version = state?.version ?? emptyVersion();
  const trusted = state?.complete === true;
  if (!trusted) {
    const reason =
      'no usable MANIFEST: all tables and logs are taken, the newest sequence number of a key ' +
      'wins; keys deleted or overwritten shortly before may come back from files that were obsolete';
    report({ path: directory.path, reason });
  }
  const families = trusted
    ? useManifest(version, files, directory, report)
    : useEverything(version, files, tables);
  const { prevLogNumber } = version;
  replayLogs(directory, files.logs, { families, invents: !trusted, prevLogNumber, report });
  for (const family of families.values()) {
    family.mem.seal();
    family.runs = tableRuns(family.spans);
  }
  return [...families.values()].sort((a, b) => a.id - b.id);
}
