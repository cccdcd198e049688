import type { Damage } from '../../../errors/damage.ts';
import { errorText, isSourceFault, SalvageError } from '../../../errors/salvage-error.ts';
import type { JournalReplay, OsdLocation } from '../../object-store.ts';
import {
  decodeEntryHead,
  ENTRY_HEAD_BYTES,
  hasFoot,
  isIntact,
  type JournalEntry,
  readEntryHead,
} from './entry.ts';
import { committedOf, journalPath, openJournal, osdFsidOf } from './open-journal.ts';
import { testOps } from './read-ops.ts';
import type { JournalRing } from './ring.ts';

/** What a scan learns from an OSD's journal. */
export interface JournalSurvey {
  replay: JournalReplay;
  damage: Damage[];
}

/** Behind the last entry, this much is searched for more: entries are smaller. */
const SEARCH_BYTES = 16 << 20;
const SEARCH_AHEAD = 1 << 20;

const STALE =
  'what was written last may be missing or half done on this OSD; other OSDs may have it';

/**
 * Looks for the entries that the file system may lack, and tries them: every checksum, every op.
 * Never throws for what is in the sources.
 */
export function surveyJournal(location: OsdLocation): JournalSurvey {
  const committed = committedOf(location);
  const journal = journalPath(location);
  let ring: JournalRing;
  try {
    ring = openJournal(location);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return notOpened(journal, committed ?? 0, error);
  }
  try {
    return survey(ring, location, committed);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return unusable(ring.path, committed ?? 0, errorText(error));
  } finally {
    ring.close();
  }
}

const none = (state: JournalReplay['state'], committed: number): JournalReplay => ({
  ...{ state, committed, to: committed, at: 0, broken: false },
});

function notOpened(journal: string, committed: number, error: SalvageError): JournalSurvey {
  if (error.data.errno !== 'ENOENT') return unusable(journal, committed, errorText(error));
  // No damage by itself: an OSD that was shut down has nothing in its journal.
  const reason = `no journal at ${journal}: unless the OSD was shut down properly, ${STALE}`;
  return { replay: { ...none('missing', committed), reason }, damage: [] };
}

function unusable(journal: string, committed: number, why: string): JournalSurvey {
  const reason = `the journal cannot be replayed: ${why}: ${STALE}`;
  return {
    replay: { ...none('unusable', committed), reason },
    damage: [{ path: journal, reason }],
  };
}

function survey(
  ring: JournalRing,
  location: OsdLocation,
  known: number | undefined,
): JournalSurvey {
  const { header } = ring;
  const fsid = osdFsidOf(location);
  if (fsid !== undefined && header.fsid !== undefined && header.fsid !== fsid) {
    return unusable(
      ring.path,
      known ?? 0,
      `it belongs to another OSD (${header.fsid}, not ${fsid})`,
    );
  }
  const committed = known ?? Math.max(header.committedUpTo, (header.startSeq ?? 1) - 1);
  const result = judge(ring, committed, new Walk(ring, committed).run());
  if (known === undefined) {
    const reason = `commit_op_seq is lost: the journal's header stands in for it (${committed})`;
    result.damage.push({ path: `${location.dataPath}/commit_op_seq`, reason });
  }
  return result;
}

/** How the entries end. */
interface WalkEnd {
  /** first and last entry behind the last committed one */
  first: JournalEntry | undefined;
  last: number;
  /** where the entry should be that is not, or is no good */
  at: number;
  /** why it is no good; undefined: there is just no entry */
  fault: string | undefined;
  /** it was written in part: what a power cut does */
  torn: boolean;
  /** number of the first entry at all */
  begins: number | undefined;
}

class Walk {
  readonly #ring: JournalRing;
  readonly #committed: number;
  readonly #objects = new Set<string>();

  constructor(ring: JournalRing, committed: number) {
    this.#ring = ring;
    this.#committed = committed;
  }

  run(): WalkEnd {
    const { start, startSeq } = this.#ring.header;
    const end: WalkEnd = {
      ...{ first: undefined, last: this.#committed, at: start, fault: undefined, torn: false },
      begins: undefined,
    };
    let expected = startSeq;
    let passed = 0;
    // All entries together are no longer than the ring, however they are linked.
    while (passed < this.#ring.length) {
      const entry = this.#entry(end);
      if (entry === undefined || (expected !== undefined && entry.seq !== expected)) break;
      if (entry.seq > this.#committed && !this.#take(entry, end)) break;
      end.begins ??= entry.seq;
      expected = entry.seq + 1;
      end.at = entry.next;
      passed +=
        entry.next > entry.at ? entry.next - entry.at : entry.next - entry.at + this.#ring.length;
    }
    return end;
  }

  #entry(end: WalkEnd): JournalEntry | undefined {
    try {
      return readEntryHead(this.#ring, end.at);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      end.fault = errorText(error);
      return undefined;
    }
  }

  #take(entry: JournalEntry, end: WalkEnd): boolean {
    // Does not connect: it will not be replayed, so its ops need no test.
    if (end.begins === undefined && entry.seq > this.#committed + 1) {
      end.begins = entry.seq;
      return false;
    }
    try {
      if (!hasFoot(this.#ring, entry) || !isIntact(this.#ring, entry)) {
        end.torn = true;
        return false;
      }
      testOps(this.#ring, entry, this.#objects);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      end.fault = errorText(error);
      return false;
    }
    end.first ??= entry;
    end.last = entry.seq;
    return true;
  }
}

function judge(ring: JournalRing, committed: number, end: WalkEnd): JournalSurvey {
  const begins = end.begins ?? ring.header.startSeq ?? 0;
  if (begins > committed + 1) {
    const gap = `it begins with op ${begins}, the file system ends with op ${committed}`;
    return unusable(ring.path, committed, gap);
  }
  const { first, last, at, torn } = end;
  const state = first === undefined ? 'clean' : 'replayed';
  const replay: JournalReplay = { state, committed, to: last, at: first?.at ?? 0, broken: false };
  const behind = searchBehind(ring, at, last);
  const { later } = behind;
  const fault = end.fault ?? (later === undefined ? headerKnowsMore(ring, last) : undefined);
  if (later === undefined && fault === undefined) {
    if (torn || behind.foot) replay.reason = tornText(last + 1);
    return { replay, damage: [] };
  }
  const lost = later === undefined ? undefined : `op ${last + 1} is damaged, op ${later} follows`;
  const what = [lost, fault].filter(Boolean);
  const reason = `the journal ends early at 0x${at.toString(16)}: ${what.join(', ')}: ${STALE}`;
  return {
    replay: { ...replay, broken: true, reason },
    damage: [{ path: ring.path, offset: at, reason }],
  };
}

/** A write counts when its entry is complete, so this one never counted: unless it was damaged since. */
const tornText = (seq: number): string =>
  `op ${seq}, the last one, is incomplete: as a power cut leaves what is being written`;

/** The header says how far the file system was once: entries up to there were in the journal. */
function headerKnowsMore(ring: JournalRing, last: number): string | undefined {
  const { committedUpTo } = ring.header;
  return committedUpTo > last ? `its header knows of op ${committedUpTo}` : undefined;
}

/** What is found behind the place where the entries end. */
interface Behind {
  /** number of an entry there: then that place is no end, but damage */
  later: number | undefined;
  /** the entry at that place has no head, but the copy of it with which entries end */
  foot: boolean;
}

function searchBehind(ring: JournalRing, at: number, last: number): Behind {
  const found: Behind = { later: undefined, foot: false };
  const { blockSize } = ring.header;
  const begin = at - (at % blockSize);
  const room = Math.min(SEARCH_BYTES, ring.length - blockSize);
  try {
    for (let done = 0; done < room && found.later === undefined; done += blockSize) {
      const position = ring.wrap(begin + done);
      const block = ring.bytes(position, blockSize, SEARCH_AHEAD);
      const head = decodeEntryHead(block.subarray(0, ENTRY_HEAD_BYTES), position, ring);
      if (head !== undefined && head.seq > last + 1) found.later = head.seq;
      const foot = decodeEntryHead(block.subarray(blockSize - ENTRY_HEAD_BYTES), at, ring);
      found.foot ||= foot?.seq === last + 1;
    }
  } catch (error) {
    if (!(error instanceof SalvageError)) throw error;
  }
  return found;
}
