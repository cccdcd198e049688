import { nameToText } from '../bytes/names.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { FEATURE_JOURNALING } from '../rbd/features.ts';
import { parseJournal } from '../rbd/journal.ts';
import { type JournalEntry, parseJournalObject } from '../rbd/journal-entry.ts';
import { type JournalEvent, parseJournalEvent } from '../rbd/journal-event.ts';
import { uncommittedEntries } from '../rbd/journal-replay.ts';
import { journalObject } from '../rbd/names.ts';
import { currentCopies } from './current-copies.ts';
import type { EvidenceReader } from './examine-headless.ts';
import type { Layer } from './layer.ts';

/** A write that is in the image's journal and perhaps not yet in its objects; in order. */
export interface JournalWrite {
  offset: number;
  length: number;
  /** repeated to `length`; undefined: zeros */
  data: Uint8Array | undefined;
}

export interface ReplayedJournal {
  writes: JournalWrite[];
  /** ranges that entries touch which cannot be replayed, and why */
  doubtful: { offset: number; length: number; reason: string }[];
  problems: string[];
}

/** Journal objects are at most 32 MiB; one that claims more is damaged. */
const OBJECT_LIMIT = 64 << 20;

/** Events that change no data of the head. */
const HARMLESS: ReadonlySet<JournalEvent['type']> = new Set([
  'flush',
  'operation-finished',
  'snap-create',
  'snap-remove',
  'snap-protect',
  'snap-unprotect',
  'snap-rename',
  'snap-limit',
  'rename',
  'flatten',
  'update-features',
  'metadata-set',
  'metadata-remove',
  'demote-promote',
]);

/** What an event does to the head's data; undefined: it cannot be replayed. */
function writeOf(event: JournalEvent): JournalWrite[] | undefined {
  if (HARMLESS.has(event.type)) return [];
  switch (event.type) {
    case 'write':
      return [{ offset: event.offset, length: event.length, data: event.data }];
    case 'discard':
      return [{ offset: event.offset, length: event.length, data: undefined }];
    case 'write-same':
      return [{ offset: event.offset, length: event.length, data: event.pattern }];
    default:
      return undefined;
  }
}

/** Entries of all journal_data objects that can be read. */
async function readEntries(
  layer: Layer,
  reader: EvidenceReader,
  problems: string[],
): Promise<JournalEntry[]> {
  const { image } = layer;
  const prefix = `journal_data.${image.pool}.${image.id}.`;
  const entries: JournalEntry[] = [];
  for (const { pool, namespace, name } of image.cluster.objectsNamed(prefix)) {
    const copies = await currentCopies(image.cluster, pool, namespace, name, reader);
    const bytes = copies.length === 0 ? undefined : await reader.readStart(copies, OBJECT_LIMIT);
    if (bytes === undefined) {
      problems.push(`${nameToText(name)}: no copy that counts can be read`);
      continue;
    }
    // A torn end was never acknowledged; damage before it shows as a gap in the entries' numbers.
    for (const entry of parseJournalObject(bytes).entries) entries.push(entry);
  }
  return entries;
}

function replay(entries: readonly JournalEntry[], result: ReplayedJournal): void {
  let stopped: string | undefined;
  for (const { data } of entries) {
    const { event } = parseJournalEvent(data);
    const writes = writeOf(event);
    if (writes === undefined)
      stopped ??= `the image's journal has an entry (${event.type}) that is not replayed`;
    if (stopped === undefined) result.writes.push(...writes!);
    else if ('offset' in event) {
      result.doubtful.push({ offset: event.offset, length: event.length, reason: stopped });
    }
  }
  if (stopped !== undefined) result.problems.push(stopped);
}

/**
 * What a journaling image's journal holds beyond its objects; undefined for images without one, and
 * for snapshots, which a journal cannot change any more.
 */
export async function readImageJournal(
  layer: Layer,
  reader: EvidenceReader,
): Promise<ReplayedJournal | undefined> {
  const { image, snapshot } = layer;
  if (snapshot !== undefined || (image.header.features & FEATURE_JOURNALING) === 0n)
    return undefined;
  const result: ReplayedJournal = { writes: [], doubtful: [], problems: [] };
  const header = image.cluster.metadataObject(image.pool, image.namespace, journalObject(image.id));
  if (header?.omap === undefined) {
    result.problems.push('its journal was not found: the last writes may be missing');
    return result;
  }
  if (header.problem !== undefined) result.problems.push(`its journal: ${header.problem}`);
  try {
    const journal = parseJournal(header.omap.map(([key, value]) => ({ key, value })));
    result.problems.push(...journal.problems);
    const { entries, gap, beyondGap } = uncommittedEntries(
      journal,
      await readEntries(layer, reader, result.problems),
    );
    if (gap !== undefined) {
      const missing = `entry ${gap.entryTid} of tag ${gap.tagTid}`;
      result.problems.push(
        `its journal lacks ${missing}: ${beyondGap} later entries were left out`,
      );
    }
    replay(entries, result);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    result.problems.push(`its journal cannot be read: ${errorText(error)}`);
  }
  return result;
}
