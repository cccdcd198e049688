import type { Damage, DamageReporter } from '../errors/damage.ts';
import { notFoundError } from '../errors/salvage-error.ts';
import type { SourceDirectory } from '../io/ports.ts';
import type { Family } from './family.ts';
import { CursorHeap, type KvEntry, visibleEntries } from './merge.ts';
import { RangeDeleteSweep } from './range-deletes.ts';
import type { RecordCursor } from './record.ts';
import { recoverFamilies } from './recovery.ts';
import { RunCursor } from './run-cursor.ts';
import type { KeyRange } from './table-blocks.ts';
import { TableFiles } from './table-files.ts';
import { runBlocks } from './table-run.ts';
import { DEFAULT_FAMILY } from './version.ts';

export type { KvEntry } from './merge.ts';

/** A LevelDB or RocksDB database as its writer left it, read-only (docs/formats/kv.md). */
export interface KvStore {
  /** column families by id; `['default']` for LevelDB */
  readonly families: readonly string[];
  /**
   * The newest value of a key; deletions honoured. The bytes stay valid for ever.
   * @throws NOT_FOUND when there is no such family
   */
  get(key: Uint8Array, family?: string): Uint8Array | undefined;
  /**
   * Live entries, keys ascending in byte order, `from` included and `to` excluded. The bytes of
   * entries stay valid for ever. Iterations are independent of each other.
   * @throws NOT_FOUND when there is no such family
   */
  iterate(range?: KeyRange, family?: string): IterableIterator<KvEntry>;
  /** Closes the files; iterations that still run fail or report damage. */
  close(): void;
}

/** Damage met again (a block read for many ranges) is told once. */
const REMEMBERED_DAMAGES = 100_000;

function onceEach(report: DamageReporter): DamageReporter {
  const told = new Set<string>();
  return (damage: Damage) => {
    const key = `${damage.path}\0${damage.offset}\0${damage.reason}`;
    if (told.has(key)) return;
    if (told.size < REMEMBERED_DAMAGES) told.add(key);
    report(damage);
  };
}

function scan(files: TableFiles, family: Family, range: KeyRange): Generator<KvEntry> {
  const { from, to } = range;
  const tombstones = new RangeDeleteSweep();
  tombstones.add(family.mem.rangeDeletes);
  const cursors: RecordCursor[] = [family.mem.cursor(from)];
  for (const run of family.runs) {
    const blocks = runBlocks(files, run, range, (found) => tombstones.add(found));
    cursors.push(new RunCursor(blocks, files.report, from));
  }
  return visibleEntries(new CursorHeap(cursors), tombstones, to, ({ origin }) =>
    files.report({ path: `table ${origin}`, reason: 'keys out of order, skipped' }),
  );
}

/** The smallest key above `key`. */
function successor(key: Uint8Array): Uint8Array {
  const next = new Uint8Array(key.length + 1);
  next.set(key);
  return next;
}

/**
 * Opens whichever of the two is in `directory`: the bytes of each file tell. Reads MANIFEST and
 * logs at once, tables when they are needed. Damage met now or later goes to `report`, each once.
 * @throws NOT_FOUND when no file there belongs to a database, SOURCE_IO when it cannot be listed
 */
export function openKvStore(directory: SourceDirectory, report: DamageReporter): KvStore {
  const once = onceEach(report);
  const files = new TableFiles(directory, once);
  const families = recoverFamilies(directory, files, once);
  const find = (name: string): Family => {
    const family = families.find((candidate) => candidate.name === name);
    if (family === undefined) {
      throw notFoundError(`no column family ${name}`, { path: directory.path });
    }
    return family;
  };
  return {
    families: families.map((family) => family.name),
    get(key, family = DEFAULT_FAMILY) {
      const found = scan(files, find(family), { from: key, to: successor(key) }).next();
      return found.done === true ? undefined : found.value.value;
    },
    iterate: (range = {}, family = DEFAULT_FAMILY) => scan(files, find(family), range),
    close: () => files.close(),
  };
}
