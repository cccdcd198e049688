import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import type { DamageReporter } from '../errors/damage.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import type { ByteSource } from '../io/ports.ts';
import {
  BLOCK_TRAILER,
  type BlockFormat,
  type BlockHandle,
  CHECKSUM,
  unpackBlock,
} from './block.ts';
import { BlockEntries, blockEntries } from './block-entries.ts';
import { BlockFinder, type FoundBlocks } from './find-blocks.ts';
import { compareStretches } from './key-order.ts';
import type { RangeDelete } from './range-deletes.ts';
import { KEY_TAIL, RECORD } from './record.ts';
import { PROPERTY, readRangeDeletes, type Table } from './table.ts';
import { readBlockHandle, readTableFooter, type TableFooter } from './table-footer.ts';
import { TableIndex } from './table-index.ts';

/** Tables of Ceph's databases have 64 MiB at most; of more than this the rest is given up. */
const MAX_TABLE = 128 << 20;
/** What cannot be read of a failing disk is given up in pieces of this size. */
const PIECE = 1 << 16;
const { rangeDelete: RANGE_DELETE, ...DATA } = RECORD;
const TYPES = new Set<number>(Object.values(DATA));
/** Of the sized kind, where the footer that tells is lost: the older one is RocksDB's of 2013. */
const SIZED = 2;

/** All of a table that can be read; the rest is zeros, which are no block. */
function readAll(source: ByteSource): Uint8Array {
  const bytes = new Uint8Array(Math.min(source.size, MAX_TABLE));
  for (let at = 0; at < bytes.length; at += PIECE) {
    try {
      source.read(bytes.subarray(at, at + PIECE), at);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      bytes.fill(0, at, at + PIECE);
    }
  }
  return bytes;
}

function footerOf(source: ByteSource): TableFooter | undefined {
  try {
    return readTableFooter(source);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

const format = (checksum: number, formatVersion = SIZED): BlockFormat => ({
  ...{ checksum, formatVersion, dictionary: false },
});

/** What the footer says, or else what Ceph's releases have used; the magic number may be all that is left. */
function formatsOf(footer: TableFooter | undefined): BlockFormat[] {
  if (footer !== undefined) return [format(footer.checksum, footer.formatVersion)];
  return [format(CHECKSUM.crc32c), format(CHECKSUM.xxh3), format(CHECKSUM.xxhash64)];
}

/** Tells data blocks from what follows them in a table: filter, index, properties. */
class DataBlocks {
  readonly handles: BlockHandle[] = [];
  readonly #last = { key: new Uint8Array(0), length: 0 };
  readonly #entries = new BlockEntries();

  /** False when the block is not data: then none that follow are. */
  take(block: Uint8Array, handle: BlockHandle): boolean {
    if (!this.#isData(block, handle.offset) || indexedEnd(block, handle.offset) >= 0) return false;
    this.handles.push(handle);
    return true;
  }

  /** Internal keys of known types, none below the last of the block before. */
  #isData(block: Uint8Array, offset: number): boolean {
    const entries = this.#entries;
    let { key, length } = this.#last;
    let n = 0;
    try {
      for (entries.load(block, offset); entries.next(); n++) {
        const own = entries.keyLength - KEY_TAIL;
        if (own < 0 || !TYPES.has(entries.key[own]!)) return false;
        if (compareStretches(entries.key, 0, own, key, 0, length) < 0) return false;
        key = entries.key.slice(0, own);
        length = own;
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return false;
    }
    this.#last.key = key;
    this.#last.length = length;
    return n > 0;
  }
}

/** Block handles that are all there is in the values of a block; none where they are not. */
function handlesIn(block: Uint8Array, offset: number): BlockHandle[] {
  try {
    return [...blockEntries(block, offset)].map(({ value }) => {
      const reader = new ByteReader(value, 'block handle');
      const handle = readBlockHandle(reader);
      if (reader.remaining > 0) throw reader.fail('more than a handle');
      return handle;
    });
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return [];
  }
}

/** Where the blocks end that an index names, one behind the other from 0 on; -1 where it is none. */
function indexedEnd(block: Uint8Array, offset: number): number {
  const handles = handlesIn(block, offset);
  let next = 0;
  for (const handle of handles) {
    if (handle.offset !== next) return -1;
    next += handle.size + BLOCK_TRAILER;
  }
  return handles.length > 0 && next <= offset ? next : -1;
}

/** The first of the blocks that a metaindex names, which all lie behind the data. */
function firstMeta(block: Uint8Array, offset: number): number {
  return handlesIn(block, offset).reduce((first, meta) => Math.min(first, meta.offset), offset);
}

interface Family {
  familyId: number | undefined;
  familyName: string | undefined;
}

/** RocksDB's properties, which name the column family, are a block like others. */
function familyIn(block: Uint8Array, offset: number): Family | undefined {
  try {
    let found: Family | undefined;
    for (const { key, value } of blockEntries(block, offset)) {
      const name = nameToText(key);
      found ??= { familyId: undefined, familyName: undefined };
      if (name === PROPERTY.familyId) found.familyId = new ByteReader(value, name).varsize();
      if (name === PROPERTY.familyName) found.familyName = nameToText(value);
    }
    return found?.familyId === undefined ? undefined : found;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Range deletes have a block of their own. */
function rangeDeletesIn(block: Uint8Array, offset: number): RangeDelete[] {
  try {
    for (const { key } of blockEntries(block, offset)) {
      if (key[key.length - KEY_TAIL] !== RANGE_DELETE) return [];
    }
    return readRangeDeletes(block, offset);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return [];
  }
}

/** The bytes that were given up, up to the end of the data. */
function droppedOf({ gaps }: FoundBlocks, dataEnd: number): number {
  return gaps
    .filter(({ offset }) => offset < dataEnd)
    .reduce((sum, { offset, length }) => sum + Math.min(length, dataEnd - offset), 0);
}

/**
 * A table whose footer or index is lost, by the blocks that are found in it.
 * @returns undefined when there is no data block
 */
export function salvageTable(
  source: ByteSource,
  why: string,
  report: DamageReporter,
): Table | undefined {
  const footer = footerOf(source);
  const formats = formatsOf(footer);
  const bytes = readAll(source);
  let dataEnd =
    footer === undefined ? bytes.length : Math.min(footer.metaindex.offset, footer.index.offset);
  const found = new BlockFinder(bytes, formats).find();
  const data = new DataBlocks();
  let used: BlockFormat | undefined;
  let family: Family | undefined;
  const rangeDeletes: RangeDelete[] = [];
  let isData = true;
  for (const handle of found.blocks) {
    const stored = bytes.subarray(handle.offset, handle.offset + handle.size + BLOCK_TRAILER);
    const { block, by } = unpackByAny(stored, handle.offset, formats);
    isData &&= handle.offset < dataEnd && data.take(block, handle);
    if (isData) used ??= by;
    else {
      family ??= familyIn(block, handle.offset);
      for (const one of rangeDeletesIn(block, handle.offset)) rangeDeletes.push(one);
      const end = indexedEnd(block, handle.offset);
      if (end >= 0) dataEnd = Math.min(dataEnd, end);
      if (handle.offset === footer?.metaindex.offset) {
        dataEnd = Math.min(dataEnd, firstMeta(block, handle.offset));
      }
    }
  }
  if (used === undefined) return undefined;
  const index = new TableIndex(new Uint8Array(0), false);
  for (const { offset, size } of data.handles) index.add(offset, size);
  const dropped = droppedOf(found, dataEnd) + Math.max(0, source.size - bytes.length);
  const n = data.handles.length;
  const reason = `${why}: ${n} data ${n === 1 ? 'block' : 'blocks'} found without index, ${dropped} bytes dropped`;
  report({ path: source.path, dropped, reason });
  return {
    ...{ path: source.path, format: used, index, rangeDeletes },
    form: { delta: false, userKeys: undefined, firstKey: false, twoLevel: false },
    ...{ familyId: family?.familyId, familyName: family?.familyName },
  };
}

function unpackByAny(stored: Uint8Array, offset: number, formats: readonly BlockFormat[]) {
  for (const by of formats.slice(0, -1)) {
    try {
      return { block: unpackBlock(stored, offset, by), by };
    } catch (error) {
      if (!isSourceFault(error)) throw error;
    }
  }
  const by = formats.at(-1)!;
  return { block: unpackBlock(stored, offset, by), by };
}
