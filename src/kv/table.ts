import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import type { DamageReporter } from '../errors/damage.ts';
import { corruptError, errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ByteSource } from '../io/ports.ts';
import {
  BLOCK_TRAILER,
  type BlockFormat,
  type BlockHandle,
  MAX_BLOCK,
  unpackBlock,
} from './block.ts';
import { blockEntries } from './block-entries.ts';
import type { RangeDelete } from './range-deletes.ts';
import { splitInternalKey } from './record.ts';
import { readBlockHandle, readTableFooter } from './table-footer.ts';
import { type IndexForm, readTableIndex, type TableIndex } from './table-index.ts';

/** A table file, opened: all that is needed to find its blocks. Holds no open file. */
export interface Table {
  path: string;
  format: BlockFormat;
  form: IndexForm;
  index: TableIndex;
  rangeDeletes: readonly RangeDelete[];
  /** column family, where the table tells (RocksDB) */
  familyId: number | undefined;
  familyName: string | undefined;
}

const META = {
  properties: 'rocksdb.properties',
  rangeDeletes: 'rocksdb.range_del',
  dictionary: 'rocksdb.compression_dict',
} as const;

export const PROPERTY = {
  deltaIndex: 'rocksdb.index.value.is.delta.encoded',
  userKeyIndex: 'rocksdb.index.key.is.user.key',
  indexType: 'rocksdb.block.based.table.index.type',
  familyId: 'rocksdb.column.family.id',
  familyName: 'rocksdb.column.family.name',
} as const;

/** Source: RocksDB `BlockBasedTableOptions::IndexType`, 7.9. 0 and 1 are plain blocks. */
const INDEX_TYPE = { twoLevel: 2, firstKey: 3 } as const;
/** From this format_version on, indexes are delta-encoded unless a property denies it. */
const DELTA_INDEX_VERSION = 4;

type Properties = Map<string, Uint8Array>;

/** @throws SOURCE_IO, CORRUPT when the file ends before the block does */
export function readStored(source: ByteSource, handle: BlockHandle): Uint8Array {
  const { offset, size } = handle;
  if (size > MAX_BLOCK || offset + size + BLOCK_TRAILER > source.size) {
    const message = `table block: ${size} bytes at 0x${offset.toString(16)} are not in the file`;
    throw corruptError(message, { structure: 'table block', offset, found: source.size });
  }
  const bytes = new Uint8Array(size + BLOCK_TRAILER);
  const found = source.read(bytes, offset);
  if (found < bytes.length) {
    throw corruptError(`table block: cut short at 0x${(offset + found).toString(16)}`, { offset });
  }
  return bytes;
}

const readBlock = (source: ByteSource, handle: BlockHandle, format: BlockFormat): Uint8Array =>
  unpackBlock(readStored(source, handle), handle.offset, format);

/** Runs `read`; damage is reported against the block and `fallback` taken instead. */
function tolerate<T>(
  source: ByteSource,
  handle: BlockHandle,
  report: DamageReporter,
  fallback: T,
  read: () => T,
): T {
  try {
    return read();
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    const dropped = handle.size + BLOCK_TRAILER;
    report({ path: source.path, offset: handle.offset, dropped, reason: errorText(error) });
    return fallback;
  }
}

function readMetaindex(block: Uint8Array, offset: number): Map<string, BlockHandle> {
  const handles = new Map<string, BlockHandle>();
  for (const { key, value } of blockEntries(block, offset)) {
    handles.set(nameToText(key), readBlockHandle(new ByteReader(value, 'metaindex', offset)));
  }
  return handles;
}

function readProperties(block: Uint8Array, offset: number): Properties {
  const properties: Properties = new Map();
  for (const { key, value } of blockEntries(block, offset)) properties.set(nameToText(key), value);
  return properties;
}

/** @throws CORRUPT */
export function readRangeDeletes(block: Uint8Array, offset: number): RangeDelete[] {
  const found: RangeDelete[] = [];
  for (const { key, value } of blockEntries(block, offset)) {
    const first = splitInternalKey(key);
    if (first === undefined) throw corruptError('range delete: key too short', { offset });
    found.push({ first: first.userKey, end: value, sequence: first.sequence });
  }
  return found;
}

function number(properties: Properties, name: string, fixed = false): number | undefined {
  const value = properties.get(name);
  if (value === undefined) return undefined;
  const reader = new ByteReader(value, name);
  return fixed ? reader.u32() : reader.varsize();
}

/** LevelDB has no properties; a RocksDB table whose properties are lost is read without searching. */
function indexForm(properties: Properties | undefined, formatVersion: number): IndexForm {
  if (properties === undefined) {
    const delta = formatVersion >= DELTA_INDEX_VERSION;
    return { delta, userKeys: undefined, firstKey: false, twoLevel: undefined };
  }
  const type = number(properties, PROPERTY.indexType, true) ?? 0;
  return {
    delta: number(properties, PROPERTY.deltaIndex) === 1,
    userKeys: number(properties, PROPERTY.userKeyIndex) === 1,
    firstKey: type === INDEX_TYPE.firstKey,
    twoLevel: type === INDEX_TYPE.twoLevel,
  };
}

/** Reads one part of the metaindex; `absent` when the table has none, `undefined` when damaged. */
type PartReader = <T>(
  name: string,
  absent: T,
  read: (b: Uint8Array, at: number) => T,
) => T | undefined;

function metaReader(
  source: ByteSource,
  format: BlockFormat,
  meta: Map<string, BlockHandle> | undefined,
  report: DamageReporter,
): PartReader {
  return (name, absent, read) => {
    if (meta === undefined) return undefined;
    const handle = meta.get(name);
    if (handle === undefined) return absent;
    return tolerate(source, handle, report, undefined, () =>
      read(readBlock(source, handle, format), handle.offset),
    );
  };
}

/**
 * Opens a table. Damage to properties or range deletes is reported and survived.
 * @throws CORRUPT, UNSUPPORTED, SOURCE_IO when footer or index cannot be used
 */
export function openTable(source: ByteSource, report: DamageReporter): Table {
  const footer = readTableFooter(source);
  const { checksum, formatVersion } = footer;
  const plain: BlockFormat = { checksum, formatVersion, dictionary: false };
  const meta = tolerate(source, footer.metaindex, report, undefined, () =>
    readMetaindex(readBlock(source, footer.metaindex, plain), footer.metaindex.offset),
  );
  const part = metaReader(source, plain, meta, report);
  const none: Properties = new Map();
  const leveldb = formatVersion < 0;
  const properties = part(META.properties, none, readProperties) ?? (leveldb ? none : undefined);
  const form = indexForm(properties, formatVersion);
  const index = readTableIndex(readBlock(source, footer.index, plain), footer.index.offset, form);
  // A plain index begins with the first block of the file, a top-level one never does.
  form.twoLevel ??= index.count > 0 && index.offsets[0] !== 0;
  const familyName = properties?.get(PROPERTY.familyName);
  return {
    path: source.path,
    format: { ...plain, dictionary: meta?.has(META.dictionary) ?? false },
    form,
    index,
    rangeDeletes: part(META.rangeDeletes, [], readRangeDeletes) ?? [],
    familyId: properties && number(properties, PROPERTY.familyId),
    familyName: familyName && nameToText(familyName),
  };
}
