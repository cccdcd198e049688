import { nameToText } from '../bytes/names.ts';
import { flawOf } from '../ceph/object-info.ts';
import { objectHash } from '../ceph/placement.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { FEATURE_JOURNALING } from '../rbd/features.ts';
import { imageClient, type Journal, parseJournal } from '../rbd/journal.ts';
import { type JournalEntry, parseJournalObject } from '../rbd/journal-entry.ts';
import { type JournalEvent, parseJournalEvent } from '../rbd/journal-event.ts';
import { uncommittedEntries } from '../rbd/journal-replay.ts';
import { journalObject } from '../rbd/names.ts';
import { type CurrentCopy, currentCopies } from './current-copies.ts';
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
/** More than any journal has that is not trimmed: what a header claims beyond is not looked for. */
const MOST_OBJECTS = 4096;
const MAX_SET = 1n << 40n;

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

/** Entries of a journal_data object, by the first copy that is as it was written; else what can be read of the best one. */
async function readObject(copies: readonly CurrentCopy[], reader: EvidenceReader) {
  let entries: JournalEntry[] = [];
  let problem = 'no copy that counts can be read';
  for (const copy of copies) {
    const bytes = await reader.readStart([copy], OBJECT_LIMIT);
    if (bytes === undefined) continue;
    const object = parseJournalObject(bytes);
    // Objects change as a whole: an entry that breaks off was not written so.
    const flaw = flawOf(bytes, copy.info) ?? (object.damage && errorText(object.damage));
    if (flaw === undefined) return { entries: object.entries };
    problem = flaw;
    if (object.entries.length > entries.length) entries = object.entries;
  }
  return { entries, problem };
}

const dataPrefix = ({ image }: Layer): string => `journal_data.${image.pool}.${image.id}.`;

/** Entries of all journal_data objects that can be read. */
async function readEntries(
  layer: Layer,
  journal: Journal,
  reader: EvidenceReader,
  problems: string[],
): Promise<JournalEntry[]> {
  const { cluster } = layer.image;
  const prefix = dataPrefix(layer);
  const entries: JournalEntry[] = [];
  const found = new Set<number>();
  for (const { pool, namespace, name } of cluster.objectsNamed(prefix)) {
    found.add(Number(nameToText(name).slice(prefix.length)));
    const copies = await currentCopies(cluster, pool, namespace, name, reader);
    const object = await readObject(copies, reader);
    if (object.problem !== undefined) problems.push(`${nameToText(name)}: ${object.problem}`);
    for (const entry of object.entries) entries.push(entry);
  }
  problems.push(...lostObjects(layer, journal, found));
  return entries;
}

/** journal_data objects that nobody has and that were there, or may have been. */
function* lostObjects(
  layer: Layer,
  journal: Journal,
  found: ReadonlySet<number>,
): Generator<string> {
  const { splayWidth: width = 0, minimumSet, activeSet } = journal;
  const sets = activeSet - minimumSet;
  if (width === 0 || sets < 0n || sets * BigInt(width) > MOST_OBJECTS || activeSet > MAX_SET) {
    yield `its journal claims object sets ${minimumSet} to ${activeSet} of ${width}: whether all of them are here is not known`;
    return;
  }
  const first = Number(minimumSet) * width;
  const end = (Number(activeSet) + 1) * width;
  // What was committed last lies in objects that are not trimmed yet.
  const positions = imageClient(journal)?.commitPositions ?? [];
  const committed = new Set(positions.map(({ objectNo }) => objectNo));
  const expected = new Set([...committed].filter((objectNo) => objectNo >= first));
  for (let objectNo = first; objectNo < end; objectNo++) expected.add(objectNo);
  for (const objectNo of expected) {
    if (found.has(objectNo)) continue;
    const name = `${dataPrefix(layer)}${objectNo}`;
    const why = committed.has(objectNo) ? 'it is lost' : mayBeLost(layer, journal, name);
    if (why !== undefined) yield `${name}: ${why}`;
  }
}

/** Why an object that none of the OSDs has may have been written all the same. */
function mayBeLost({ image }: Layer, { pool }: Journal, name: string): string | undefined {
  const { pgs } = image.cluster;
  const hash = objectHash(Buffer.from(name), new Uint8Array(0), image.namespace);
  const { copies, blind, absenceDoubt } = pgs.decide(pool ?? image.pool, hash);
  if (copies.length === 0 && blind.size === 0 && !pgs.isBlind)
    return 'its PG is on none of the OSDs';
  return absenceDoubt;
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
      await readEntries(layer, journal, reader, result.problems),
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
