import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { readNameText, readPoolId, versioned } from '../ceph/encoding.ts';
import { afterPrefix, type OmapEntry, tryValue } from './omap-values.ts';

/** An entry's place in a journal: tags are epochs of one writer, entries are numbered within them. */
export interface JournalPosition {
  tagTid: bigint;
  entryTid: bigint;
}

export interface CommitPosition extends JournalPosition {
  /** number of the journal_data object */
  objectNo: number;
}

/** Who reads a journal, and how far it got. */
export interface JournalClient {
  /** empty = the image itself; others are mirror peers */
  id: string;
  data: Uint8Array;
  /** everything up to the first of these, the newest, is in the image */
  commitPositions: CommitPosition[];
  /** 0 = connected */
  state: number;
}

export interface JournalTag {
  tid: bigint;
  class: bigint;
  /** the last entry of an earlier tag that was in the image when this tag began */
  predecessor: JournalPosition | undefined;
}

/** The omap of `journal.<id>` (`docs/formats/rbd.md`, "Journal"). */
export interface Journal {
  /** log2 of the size a journal_data object may grow to */
  order: number | undefined;
  /** objects that are written in turn */
  splayWidth: number | undefined;
  /** undefined = the image's own */
  pool: number | undefined;
  minimumSet: bigint;
  activeSet: bigint;
  clients: JournalClient[];
  /** ascending */
  tags: JournalTag[];
  problems: string[];
}

/** versioned head and three u64 */
const POSITION_BYTES = 30;

const readPosition = (reader: ByteReader): CommitPosition =>
  versioned(reader, 'journal position', 1, (r) => ({
    objectNo: r.size(),
    tagTid: r.u64(),
    entryTid: r.u64(),
  }));

const readCommitPosition = (reader: ByteReader): CommitPosition[] =>
  versioned(reader, 'journal commit position', 1, (r) => r.list(POSITION_BYTES, readPosition));

function readClient(reader: ByteReader): JournalClient {
  return versioned(reader, 'journal client', 1, (r) => ({
    id: readNameText(r),
    data: r.blob(),
    commitPositions: readCommitPosition(r),
    state: r.u8(),
  }));
}

/** RBD's tag data: mirror uuid of the writer, then uuid, validity and place of what went before. */
function readPredecessor(data: Uint8Array): JournalPosition | undefined {
  const reader = new ByteReader(data, 'journal tag data');
  reader.blob();
  reader.blob();
  return reader.bool() ? { tagTid: reader.u64(), entryTid: reader.u64() } : undefined;
}

function readTag(reader: ByteReader): JournalTag {
  return versioned(reader, 'journal tag', 1, (r) => ({
    tid: r.u64(),
    class: r.u64(),
    predecessor: readPredecessor(r.blob()),
  }));
}

function readSplayWidth(reader: ByteReader): number {
  const width = reader.u8();
  if (width === 0) throw reader.fail('a splay width of 0 cannot be');
  return width;
}

function readJournalPool(reader: ByteReader): number | undefined {
  const pool = readPoolId(reader);
  return pool < 0 ? undefined : pool;
}

type KeyDecoder = (journal: Journal, reader: ByteReader) => void;

const KEYS = new Map<string, KeyDecoder>([
  ['order', (j, r) => (j.order = r.u8())],
  ['splay_width', (j, r) => (j.splayWidth = readSplayWidth(r))],
  ['pool_id', (j, r) => (j.pool = readJournalPool(r))],
  ['minimum_set', (j, r) => (j.minimumSet = r.u64())],
  ['active_set', (j, r) => (j.activeSet = r.u64())],
]);

function decodeEntry(journal: Journal, key: Uint8Array, value: Uint8Array): void {
  const reader = new ByteReader(value, 'journal');
  if (afterPrefix(key, 'client_') !== undefined) journal.clients.push(readClient(reader));
  else if (afterPrefix(key, 'tag_') !== undefined) journal.tags.push(readTag(reader));
  else KEYS.get(nameToText(key))?.(journal, reader);
}

/** A value that is damaged is left out and told of in `problems`. */
export function parseJournal(entries: Iterable<OmapEntry>): Journal {
  const journal: Journal = {
    order: undefined,
    splayWidth: undefined,
    pool: undefined,
    minimumSet: 0n,
    activeSet: 0n,
    clients: [],
    tags: [],
    problems: [],
  };
  for (const { key, value } of entries) {
    tryValue(journal.problems, key, () => decodeEntry(journal, key, value));
  }
  journal.tags.sort((a, b) => (a.tid < b.tid ? -1 : 1));
  return journal;
}

/** The image's own client, whose position tells what the data objects lack. */
export const imageClient = (journal: Journal): JournalClient | undefined =>
  journal.clients.find((client) => client.id === '');
