import type { CommitPosition, Journal, JournalPosition, JournalTag } from './journal.ts';
import { imageClient } from './journal.ts';
import type { JournalEntry } from './journal-entry.ts';

/** Older first: by tag, then by entry. */
export function comparePositions(a: JournalPosition, b: JournalPosition): number {
  if (a.tagTid !== b.tagTid) return a.tagTid < b.tagTid ? -1 : 1;
  if (a.entryTid !== b.entryTid) return a.entryTid < b.entryTid ? -1 : 1;
  return 0;
}

/** What a crash left in the journal only. */
export interface Uncommitted {
  /** to be applied to the image, in this order */
  entries: JournalEntry[];
  /** an entry that is missing and without which replay cannot go on; undefined = there is no gap */
  gap: JournalPosition | undefined;
  /** entries behind the gap, which must not be applied */
  beyondGap: number;
}

const newestOf = (positions: readonly CommitPosition[]): CommitPosition | undefined =>
  positions.reduce<CommitPosition | undefined>(
    (newest, p) => (newest === undefined || comparePositions(newest, p) < 0 ? p : newest),
    undefined,
  );

/** The same entry may have been read from several copies of an object. */
function sortedUnique(
  entries: Iterable<JournalEntry>,
  after: JournalPosition | undefined,
): JournalEntry[] {
  const wanted = [...entries].filter((e) => after === undefined || comparePositions(e, after) > 0);
  wanted.sort(comparePositions);
  return wanted.filter((e, i) => i === 0 || comparePositions(wanted[i - 1] as JournalEntry, e) < 0);
}

/** The entry missing between `previous` and `entry`, or undefined when nothing is. */
function gapBefore(
  tags: ReadonlyMap<bigint, JournalTag>,
  previous: JournalPosition | undefined,
  entry: JournalPosition,
): JournalPosition | undefined {
  const sameTag = previous?.tagTid === entry.tagTid;
  const expected = sameTag ? previous.entryTid + 1n : 0n;
  if (entry.entryTid !== expected) return { tagTid: entry.tagTid, entryTid: expected };
  const predecessor = sameTag ? undefined : tags.get(entry.tagTid)?.predecessor;
  if (previous === undefined || predecessor === undefined) return undefined;
  return comparePositions(previous, predecessor) < 0 ? predecessor : undefined;
}

/**
 * Which entries are not in the image yet: those after the position its client committed, as far as
 * they follow each other without a gap. A tag begins with entry 0 and names the entry of an earlier
 * tag that had been applied by then.
 *
 * @param entries of all journal_data objects, in any order
 */
export function uncommittedEntries(journal: Journal, entries: Iterable<JournalEntry>): Uncommitted {
  const committed = newestOf(imageClient(journal)?.commitPositions ?? []);
  const wanted = sortedUnique(entries, committed);
  const tags = new Map(journal.tags.map((tag) => [tag.tid, tag]));
  let previous: JournalPosition | undefined = committed;
  for (const [i, entry] of wanted.entries()) {
    const gap = gapBefore(tags, previous, entry);
    if (gap !== undefined)
      return { entries: wanted.slice(0, i), gap, beyondGap: wanted.length - i };
    previous = entry;
  }
  return { entries: wanted, gap: undefined, beyondGap: 0 };
}
