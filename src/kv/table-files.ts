import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault, type SalvageError } from '../errors/salvage-error.ts';
import type { ByteSource, SourceDirectory } from '../io/ports.ts';
import { BLOCK_TRAILER, type BlockHandle, unpackBlock } from './block.ts';
import { Lru } from './lru.ts';
import { salvageTable } from './salvage-table.ts';
import { openTable, readStored, type Table } from './table.ts';

/** Files open at a time; a store can have thousands. */
const OPEN_FILES = 64;
/** Tables whose index (about 1 MB for 64 MB of table) is kept. */
const OPEN_TABLES = 32;
const BLOCK_CACHE_BYTES = 16 << 20;

/** The table files of a database, opened as they are needed and closed when others are. */
export class TableFiles {
  readonly report: DamageReporter;
  readonly #directory: SourceDirectory;
  readonly #unusable = new Set<string>();
  /** tables whose index is lost: found out once, with much reading */
  readonly #salvaged = new Map<string, Table>();
  readonly #sources = new Lru<string, ByteSource>(
    OPEN_FILES,
    () => 1,
    (source) => source.close(),
  );
  readonly #tables = new Lru<string, Table>(OPEN_TABLES, () => 1);
  readonly #blocks = new Lru<string, Uint8Array>(BLOCK_CACHE_BYTES, (block) => block.length);

  constructor(directory: SourceDirectory, report: DamageReporter) {
    this.#directory = directory;
    this.report = report;
  }

  /** @throws SOURCE_IO */
  source(name: string): ByteSource {
    const known = this.#sources.get(name);
    if (known !== undefined) return known;
    const source = this.#directory.open(name);
    this.#sources.set(name, source);
    return source;
  }

  /** `undefined` when it cannot be used at all, which is reported the first time. */
  table(name: string): Table | undefined {
    const known = this.#tables.get(name) ?? this.#salvaged.get(name);
    if (known !== undefined || this.#unusable.has(name)) return known;
    const path = `${this.#directory.path}/${name}`;
    let dropped: number | undefined;
    try {
      const source = this.source(name);
      dropped = source.size;
      const table = openTable(source, this.report);
      this.#tables.set(name, table);
      return table;
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const salvaged = this.#salvage(name, error);
      if (salvaged !== undefined) return salvaged;
      this.#unusable.add(name);
      const reason = `table left out: ${errorText(error)}`;
      this.report({ path, ...(dropped === undefined ? {} : { dropped }), reason });
      return undefined;
    }
  }

  /** What can be had of a table without footer or index; a format that we lack is no damage. */
  #salvage(name: string, error: SalvageError): Table | undefined {
    if (error.code === 'UNSUPPORTED') return undefined;
    try {
      const table = salvageTable(this.source(name), errorText(error), this.report);
      if (table !== undefined) this.#salvaged.set(name, table);
      return table;
    } catch (failure) {
      if (!isSourceFault(failure)) throw failure;
      return undefined;
    }
  }

  /**
   * An unpacked block, or `undefined` when it is damaged (reported).
   * @param stored where to get its bytes instead of reading just this block; such blocks are not kept
   */
  block(
    name: string,
    table: Table,
    handle: BlockHandle,
    stored?: () => Uint8Array,
  ): Uint8Array | undefined {
    const key = `${name}@${handle.offset}`;
    const known = this.#blocks.get(key);
    if (known !== undefined) return known;
    try {
      const bytes = stored?.() ?? readStored(this.source(name), handle);
      const block = unpackBlock(bytes, handle.offset, table.format);
      if (stored === undefined) this.#blocks.set(key, block);
      return block;
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const { offset } = handle;
      const dropped = handle.size + BLOCK_TRAILER;
      this.report({ path: table.path, offset, dropped, reason: errorText(error) });
      return undefined;
    }
  }

  close(): void {
    this.#sources.clear();
    this.#tables.clear();
    this.#salvaged.clear();
    this.#blocks.clear();
  }
}
