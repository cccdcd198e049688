import { sourceIoError } from '../../errors/salvage-error.ts';
import type { SourceDirectory } from '../../io/ports.ts';
import type { BlueFs } from './bluefs.ts';

/** Where RocksDB's files are, whatever the name of the directory says of the device. */
const DIRECTORIES = ['db', 'db.slow', 'db.wal'];

/** RocksDB's directory: `db`, `db.slow` and `db.wal` as one. */
export function blueFsDirectory(bluefs: BlueFs): SourceDirectory {
  const homes = new Map<string, string>();
  for (const directory of DIRECTORIES) {
    for (const name of bluefs.list(directory)) {
      if (!homes.has(name)) homes.set(name, directory);
    }
  }
  const path = `${bluefs.path}:db`;
  return {
    path,
    list: () => [...homes.keys()],
    open(name) {
      const directory = homes.get(name);
      if (directory !== undefined) return bluefs.open(directory, name);
      const file = `${path}/${name}`;
      throw sourceIoError(`no file ${file}`, { path: file, errno: 'ENOENT' });
    },
  };
}
