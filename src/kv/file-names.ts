/** Names of the files of a LevelDB or RocksDB database (docs/formats/kv.md, "Files"). */

export interface NumberedFile {
  name: string;
  number: number;
}

export interface DatabaseFiles {
  /** by number; RocksDB writes `.sst`, LevelDB `.ldb` since 1.14 and `.sst` before */
  tables: Map<number, string>;
  /** ascending */
  logs: NumberedFile[];
  /** ascending */
  manifests: NumberedFile[];
  /** ascending; RocksDB only */
  options: NumberedFile[];
}

export const CURRENT = 'CURRENT';

/** More digits than this are not a file number of any store, and would not be exact. */
const NUMBERED = /^(?:(\d{1,15})\.(sst|ldb|log)|(MANIFEST|OPTIONS)-(\d{1,15}))$/;

const byNumber = (a: NumberedFile, b: NumberedFile): number => a.number - b.number;

export function sortFiles(names: readonly string[]): DatabaseFiles {
  const files: DatabaseFiles = { tables: new Map(), logs: [], manifests: [], options: [] };
  for (const name of names) {
    const match = NUMBERED.exec(name);
    if (match === null) continue;
    const number = Number(match[1] ?? match[4]);
    if (match[3] === 'MANIFEST') files.manifests.push({ name, number });
    else if (match[3] === 'OPTIONS') files.options.push({ name, number });
    else if (match[2] === 'log') files.logs.push({ name, number });
    else files.tables.set(number, name);
  }
  files.logs.sort(byNumber);
  files.manifests.sort(byNumber);
  files.options.sort(byNumber);
  return files;
}
