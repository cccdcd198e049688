import { maskedCrc32c } from '../../../src/bytes/crc32c.ts';
import { SalvageError, sourceIoError } from '../../../src/errors/salvage-error.ts';
import type { SourceDirectory } from '../../../src/io/ports.ts';
import { CHECKSUM, unpackBlock } from '../../../src/kv/block.ts';
import { blockEntries } from '../../../src/kv/block-entries.ts';
import { sortFiles } from '../../../src/kv/file-names.ts';
import { compareKeys } from '../../../src/kv/key-order.ts';
import { openKvStore } from '../../../src/kv/kv-store.ts';
import { readLog } from '../../../src/kv/log-reader.ts';
import { splitInternalKey } from '../../../src/kv/record.ts';
import { salvageTable } from '../../../src/kv/salvage-table.ts';
import { openTable } from '../../../src/kv/table.ts';
import { readTableIndex, type TableIndex } from '../../../src/kv/table-index.ts';
import { decodeVersionEdit } from '../../../src/kv/version-edit.ts';
import { decodeWriteBatch } from '../../../src/kv/write-batch.ts';
import { type Decoders, omapEntries, sourceOf } from '../decoder.ts';

const LOG_BLOCK = 32768;
const HEADER = 7;

/** u32 checksum, u16 length, u8 type, payload: from block to block */
function repairLog(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let block = 0; block < view.length; block += LOG_BLOCK) {
    const end = Math.min(block + LOG_BLOCK, view.length);
    for (let at = block; at + HEADER <= end; ) {
      const type = view[at + 6]!;
      const header = type >= 5 && type <= 8 ? HEADER + 4 : HEADER;
      const next = at + header + view.readUInt16LE(at + 4);
      if (next > end) break;
      view.writeUInt32LE(maskedCrc32c(view.subarray(at + 6, next)), at);
      at = next;
    }
  }
}

/** Behind the block: u8 compression, u32 checksum of both. */
function repairBlock(bytes: Uint8Array): void {
  const view = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.length < 5) return;
  view.writeUInt32LE(maskedCrc32c(view.subarray(0, -4)), view.length - 4);
}

/** What `run` gave, or that it was refused: damage in one form is no bug in another. */
function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof SalvageError) return error.code;
    throw error;
  }
}

/** Inputs of whole databases: pairs of file name and content. */
function directoryOf(bytes: Uint8Array): SourceDirectory {
  const files = new Map(
    omapEntries(bytes).map(({ key, value }) => [Buffer.from(key).toString('latin1'), value]),
  );
  return {
    path: '/fuzz',
    list: () => [...files.keys()],
    open: (name) => {
      const content = files.get(name);
      if (content !== undefined) return sourceOf(content, `/fuzz/${name}`);
      throw sourceIoError('no such file', { path: name, errno: 'ENOENT' });
    },
  };
}

function readAll(bytes: Uint8Array): unknown {
  const damages: string[] = [];
  const store = openKvStore(directoryOf(bytes), ({ reason }) => damages.push(reason));
  const counts = store.families.map((family) => {
    let entries = 0;
    let middle: Uint8Array | undefined;
    for (const { key } of store.iterate({}, family)) {
      if (++entries % 16 === 1) middle = key;
    }
    // Searching takes other ways than reading from the beginning.
    if (middle !== undefined) {
      store.get(middle, family);
      store.iterate({ from: middle }, family).next();
    }
    return entries;
  });
  store.close();
  return [counts, damages];
}

const FORMS = [
  { delta: false, userKeys: false, firstKey: false, twoLevel: false },
  { delta: true, userKeys: true, firstKey: false, twoLevel: false },
  { delta: true, userKeys: false, firstKey: true, twoLevel: undefined },
];
const VERSIONS = [-1, 1, 5];
const KEY_TAIL = 8;

/** An index's keys are those of its entries, whichever way both were put together. */
function sameKeys(bytes: Uint8Array): string | undefined {
  let index: TableIndex;
  try {
    index = readTableIndex(bytes, 0, FORMS[0]!);
  } catch {
    return undefined;
  }
  const keys = [...blockEntries(bytes, 0)].map(({ key }) =>
    key.subarray(0, Math.max(0, key.length - KEY_TAIL)),
  );
  if (keys.length !== index.count) return 'other entries';
  const differs = keys.some(
    (key, i) => compareKeys(key, index.key(i)) !== 0 || index.compareKey(i, key) !== 0,
  );
  return differs ? 'other keys' : undefined;
}

interface LogReading {
  records: { payload: string; offset: number }[];
  damages: number;
}

export const KV: Decoders = {
  'kv-store': { run: readAll, fixedBytes: 64 << 20 },
  'kv-table': {
    run: (bytes) => {
      const damages: string[] = [];
      const table = openTable(sourceOf(bytes), ({ reason }) => damages.push(reason));
      return [table.form, table.index.count, table.rangeDeletes.length, damages];
    },
  },
  'kv-salvaged-table': {
    run: (bytes) => {
      const damages: string[] = [];
      const note = ({ reason }: { reason: string }) => damages.push(reason);
      return [salvageTable(sourceOf(bytes), 'its index is lost', note)?.index.count, damages];
    },
  },
  'kv-block': {
    // Legacy, unsized and sized compression: a block does not say which it is.
    run: (bytes) =>
      VERSIONS.map((formatVersion) =>
        attempt(() =>
          unpackBlock(bytes, 0, { checksum: CHECKSUM.crc32c, formatVersion, dictionary: false }),
        ),
      ),
    repair: repairBlock,
    vouches: (results: unknown[]) => results.every((result) => result instanceof Uint8Array),
    fixedBytes: 3 * (255 << 17),
  },
  'kv-block-other-checksums': {
    run: (bytes) =>
      [CHECKSUM.none, CHECKSUM.xxhash32, CHECKSUM.xxhash64, CHECKSUM.xxh3, 9].map((checksum) =>
        attempt(() => unpackBlock(bytes, 0, { checksum, formatVersion: 5, dictionary: false })),
      ),
    fixedBytes: 3 * (255 << 17),
  },
  'kv-block-entries': {
    run: (bytes) => {
      let entries = 0;
      let keyBytes = 0;
      for (const { key, value } of blockEntries(bytes, 0)) {
        entries++;
        keyBytes += key.length;
        if (value.length > bytes.length) throw new Error('a value longer than its block');
        splitInternalKey(key);
      }
      return [entries, keyBytes];
    },
  },
  'kv-table-index': {
    run: (bytes) => FORMS.map((form) => attempt(() => readTableIndex(bytes, 0, form).count)),
    law: sameKeys,
    fixedBytes: 64 << 20,
  },
  'kv-write-batch': {
    run: (bytes) => {
      let operations = 0;
      decodeWriteBatch(bytes, 0, () => operations++);
      return operations;
    },
  },
  'kv-version-edit': { run: (bytes) => decodeVersionEdit(bytes) },
  'kv-log': {
    run: (bytes): LogReading => {
      const reading: LogReading = { records: [], damages: 0 };
      const report = () => reading.damages++;
      const options = { number: 7, newest: false, report };
      for (const { payload, offset } of readLog(sourceOf(bytes), options)) {
        reading.records.push({ payload: Buffer.from(payload).toString('latin1'), offset });
      }
      return reading;
    },
    repair: repairLog,
    vouches: ({ damages }: LogReading) => damages === 0,
  },
  'kv-file-names': {
    run: (bytes) => sortFiles(Buffer.from(bytes).toString('latin1').split('\n')),
  },
};
