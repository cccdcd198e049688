import { ByteReader } from '../bytes/byte-reader.ts';
import { cephCrc32c } from '../bytes/crc32c.ts';
import { isSourceFault, type SalvageError } from '../errors/salvage-error.ts';
import type { JournalPosition } from './journal.ts';

/** One entry of a journal_data object. */
export interface JournalEntry extends JournalPosition {
  /** an event (`parseJournalEvent`); a view into the object */
  data: Uint8Array;
}

export interface JournalObject {
  /** as written: entry tids rise within a tag */
  entries: JournalEntry[];
  /** why reading stopped before the object's end; undefined = it did not */
  damage: SalvageError | undefined;
}

/** What every entry begins with: the first sixteen digits of pi, as hex. */
const PREAMBLE = 0x3141592653589793n;
const VERSION = 1;
const CRC_SEED = 0;

function readEntry(reader: ByteReader): JournalEntry {
  const start = reader.pos;
  if (reader.u64() !== PREAMBLE) {
    reader.seek(start);
    throw reader.fail('no preamble');
  }
  const version = reader.u8();
  if (version !== VERSION) throw reader.fail(`version ${version} is unknown`);
  const entryTid = reader.u64();
  const tagTid = reader.u64();
  const data = reader.blob();
  const found = cephCrc32c(CRC_SEED, reader.bytes.subarray(start, reader.pos));
  if (reader.u32() !== found) {
    reader.seek(start);
    throw reader.fail('the checksum is wrong');
  }
  return { tagTid, entryTid, data };
}

/**
 * The entries of a `journal_data.*` object, up to the first that is torn or broken: what follows it
 * was never acknowledged, or cannot be applied without it.
 */
export function parseJournalObject(bytes: Uint8Array): JournalObject {
  const reader = new ByteReader(bytes, 'journal entry');
  const entries: JournalEntry[] = [];
  try {
    while (reader.remaining > 0) entries.push(readEntry(reader));
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return { entries, damage: error };
  }
  return { entries, damage: undefined };
}
