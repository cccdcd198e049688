import { NOSNAP, SNAPDIR } from '../../../src/ceph/encoding.ts';
import { SalvageError } from '../../../src/errors/salvage-error.ts';
import { unescapeField } from '../../../src/store/escaped-field.ts';
import { decodeOmapHeader, objectKey } from '../../../src/store/filestore/db-object-map.ts';
import { DataObjectNameParser } from '../../../src/store/filestore/fast-filename.ts';
import { attrFromOps } from '../../../src/store/filestore/journal/attr-ops.ts';
import { BaseFiles } from '../../../src/store/filestore/journal/base-files.ts';
import {
  hasFoot,
  isIntact,
  type JournalEntry,
  readEntryHead,
} from '../../../src/store/filestore/journal/entry.ts';
import { decodeJournalHeader } from '../../../src/store/filestore/journal/header.ts';
import { ObjectStates } from '../../../src/store/filestore/journal/object-state.ts';
import { OmapStates } from '../../../src/store/filestore/journal/omap-state.ts';
import { type ObjectLog, OpLogs } from '../../../src/store/filestore/journal/op-log.ts';
import { decodeReplayGuard } from '../../../src/store/filestore/journal/position.ts';
import { readOps, testOps } from '../../../src/store/filestore/journal/read-ops.ts';
import { JournalRing } from '../../../src/store/filestore/journal/ring.ts';
import { belongsTo, fullName, isShortened } from '../../../src/store/filestore/long-filename.ts';
import { formatFileName, parseFileName } from '../../../src/store/filestore/object-filename.ts';
import { readChained } from '../../../src/store/filestore/xattr-chain.ts';
import { parseLooseName, spelledFileName } from '../../../src/store/loose/loose-names.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../../src/store/row-snap.ts';
import { ScanKernel } from '../../../src/wasm/scan-kernel.ts';
import { directoryRecords } from '../../helpers/directory-records.ts';
import { type Decoders, omapEntries, sourceOf } from '../decoder.ts';

const kernel = new ScanKernel();

/** What no directory can hold. */
const NO_FILE_NAME = /[\0/]/;

/** The name that the parser for nearly all names takes must be the same to the one for all. */
function sameFileName(bytes: Uint8Array): string | undefined {
  if (NO_FILE_NAME.test(Buffer.from(bytes).toString('latin1'))) return undefined;
  const fast = new DataObjectNameParser();
  if (!fast.parse(bytes, 0, bytes.length)) return undefined;
  const full = parseFileName(bytes);
  const snap =
    fast.snap === ROW_HEAD ? NOSNAP : fast.snap === ROW_SNAPDIR ? SNAPDIR : BigInt(fast.snap);
  if (full.hash !== fast.hash || full.snap !== snap) return 'has another hash or snap';
  if (full.pool === undefined || full.key.length > 0) return 'is not canonical';
  const again = formatFileName({ ...full, pool: full.pool });
  return again.equals(bytes) ? undefined : 'is written otherwise';
}

/** A kernel that knows the name's prefix and tail, and the number of rows that it makes of the name. */
function rowsByKernel(name: Uint8Array, { prefixEnd, tailStart }: DataObjectNameParser): number {
  kernel.clear();
  kernel.addTail(name.subarray(tailStart), 0);
  kernel.addPrefix(kernel.place(name, 0, prefixEnd), prefixEnd, 0, 0);
  const records = directoryRecords([{ name }]);
  kernel.listing().set(records);
  return 1 - kernel.take(records.length, 0, false).length;
}

/** What the scan kernel takes out of a listing must be what the parser makes of it. */
function sameRow(bytes: Uint8Array): string | undefined {
  if (NO_FILE_NAME.test(Buffer.from(bytes).toString('latin1')) || bytes.length > 255)
    return undefined;
  const fast = new DataObjectNameParser();
  if (!fast.parse(bytes, 0, bytes.length) || rowsByKernel(bytes, fast) === 0) return undefined;
  const { columns } = kernel.pack(1).groups[0]!;
  const [objectNo, , snap, , hash] = columns;
  return objectNo === fast.objectNo && snap === fast.snap + 2 && hash === fast.hash
    ? undefined
    : 'has another number, snap or hash in the scan kernel';
}

const BLOCK = 4096;

/** A ring that holds nothing but one payload. */
function ringAround(payload: Uint8Array): JournalRing {
  const bytes = Buffer.alloc(BLOCK + payload.length);
  bytes.set(payload, BLOCK);
  const header = {
    ...{ version: 4, hasCrcs: false, fsid: undefined, fsidLow: 0n, blockSize: BLOCK },
    ...{ maxSize: bytes.length, start: BLOCK, committedUpTo: 0, startSeq: 1 },
  };
  return new JournalRing(sourceOf(bytes), header);
}

/** Works out what the ops of an entry make of each object, without any file below them. */
function readAll(ring: JournalRing, entry: JournalEntry): unknown {
  testOps(ring, entry, new Set());
  const files = new BaseFiles('/nonexistent/fuzz');
  const logs = new OpLogs(files);
  readOps(ring, entry, logs);
  logs.finish();
  const states = new ObjectStates(files);
  const omaps = new OmapStates(states, ring, { omap: () => [], omapPosition: () => undefined });
  const outcomes: unknown[] = [];
  for (const { objects } of logs.collections.values()) {
    for (const log of objects.values())
      outcomes.push(attempt(() => outcomeOf(ring, states, omaps, log)));
  }
  return outcomes;
}

function outcomeOf(ring: JournalRing, states: ObjectStates, omaps: OmapStates, log: ObjectLog) {
  const { exists, pieces, attrOps } = states.current(log);
  const attr = attrFromOps(ring, attrOps, '_');
  let omapBytes = 0;
  for (const { key, value } of omaps.entries(log)) omapBytes += key.length + value.length;
  return [exists, pieces.length, attr?.length, omapBytes];
}

/** What `run` gave, or that it was refused. */
function attempt(run: () => unknown): unknown {
  try {
    return run();
  } catch (error) {
    if (error instanceof SalvageError) return error.code;
    throw error;
  }
}

interface RingReading {
  entries: unknown[];
  intact: boolean;
}

/** Walks a whole journal, as far as its entries hold. */
function walk(bytes: Uint8Array): RingReading {
  const header = decodeJournalHeader(bytes.subarray(0, BLOCK));
  const ring = new JournalRing(sourceOf(bytes), header);
  const found: RingReading = { entries: [], intact: true };
  let at = header.start;
  for (let n = 0; n < 64; n++) {
    const entry = readEntryHead(ring, at);
    if (entry === undefined) break;
    found.intact &&= hasFoot(ring, entry) && isIntact(ring, entry);
    found.entries.push(entry.seq, found.intact ? readAll(ring, entry) : -1);
    at = entry.next;
  }
  return found;
}

export const FILESTORE: Decoders = {
  'file-name': {
    run: (bytes) => {
      new DataObjectNameParser().parse(bytes, 0, bytes.length);
      return [isShortened(bytes, 0, bytes.length), parseFileName(bytes)];
    },
    law: (bytes) => sameFileName(bytes) ?? sameRow(bytes),
  },
  'loose-name': {
    run: (bytes) => {
      const parsed = parseLooseName(bytes);
      const spellings = ['escaped', 'bare', 'plain', 'stripped'] as const;
      return spellings.map((spelling) => spelledFileName(spelling, bytes, parsed.name));
    },
  },
  'escaped-field': { run: unescapeField },
  // Pairs of xattrs: a shortened name and what its file's xattrs say.
  'long-file-name': {
    run: (bytes) => {
      const xattrs = new Map(
        omapEntries(bytes).map(({ key, value }) => [Buffer.from(key).toString('latin1'), value]),
      );
      const name = Buffer.from([...xattrs.keys()][0] ?? '', 'latin1');
      return [
        fullName(name, (xattr) => xattrs.get(xattr), 2),
        belongsTo(name, bytes),
        readChained('_', (xattr) => xattrs.get(xattr)),
      ];
    },
  },
  'omap-header': {
    run: (bytes) => {
      const header = decodeOmapHeader(bytes);
      return [header, objectKey(header.object)];
    },
  },
  'replay-guard': { run: decodeReplayGuard },
  'filestore-journal-header': { run: decodeJournalHeader },
  'filestore-journal-payload': {
    run: (bytes) => {
      const ring = ringAround(bytes);
      const entry = { seq: 1, at: 0, payload: BLOCK, length: bytes.length, crc: 0, next: BLOCK };
      return bytes.length === 0 ? 0 : readAll(ring, entry);
    },
  },
  'filestore-journal': { run: walk },
};
