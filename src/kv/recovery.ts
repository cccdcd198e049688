import type { DamageReporter } from '../errors/damage.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { SourceDirectory } from '../io/ports.ts';
import { type Families, type Family, newFamily } from './family.ts';
import { type DatabaseFiles, type NumberedFile, sortFiles } from './file-names.ts';
import { compareKeys } from './key-order.ts';
import { readManifest } from './manifest.ts';
import { replayLogs } from './replay.ts';
import { RunCursor } from './run-cursor.ts';
import type { Table } from './table.ts';
import { tableBlocks } from './table-blocks.ts';
import type { TableFiles } from './table-files.ts';
import { spanOf, type TableSpan, tableRuns } from './table-run.ts';
import { emptyVersion, type Version } from './version.ts';

/** Finds out what a database consists of: from its MANIFEST, or without one. */

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

/** Options of a dozen families take 40 KB. */
const MAX_OPTIONS = 1 << 20;

/**
 * Column families in order of their ids, from the newest OPTIONS file; RocksDB lists them in the
 * order they were made in. Empty when what is known otherwise does not agree.
 */
function familyNames(
  directory: SourceDirectory,
  options: readonly NumberedFile[],
  known: Families,
): string[] {
  const newest = options.at(-1);
  if (newest === undefined) return [];
  try {
    const source = directory.open(newest.name);
    try {
      const bytes = Buffer.alloc(Math.min(source.size, MAX_OPTIONS));
      const text = bytes.subarray(0, source.read(bytes, 0)).toString('latin1');
      const names = [...text.matchAll(/^\[CFOptions "(.*)"\]$/gm)].map((match) => match[1]!);
      const agrees = [...known.values()].every(({ id, name }) => names[id] === name);
      return agrees ? names : [];
    } finally {
      source.close();
    }
  } catch (error) {
    // Only a help where the MANIFEST is lost, which has been reported.
    if (!isSourceFault(error)) throw error;
    return [];
  }
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
  const names = trusted ? undefined : familyNames(directory, files.options, families);
  const { prevLogNumber } = version;
  replayLogs(directory, files.logs, { families, names, prevLogNumber, report });
  for (const family of families.values()) {
    family.mem.seal();
    family.runs = tableRuns(family.spans);
  }
  return [...families.values()].sort((a, b) => a.id - b.id);
}
