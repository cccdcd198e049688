import { NO_GENERATION } from '../../../ceph/hobject.ts';
import { sourceIoError } from '../../../errors/salvage-error.ts';
import type { JournalReplay, ObjectId, OsdLocation } from '../../object-store.ts';
import { formatFileName } from '../object-filename.ts';
import { BaseFiles } from './base-files.ts';
import { hasFoot, readEntryHead } from './entry.ts';
import { ObjectStates } from './object-state.ts';
import { type CollectionLog, type ObjectLog, OpLogs } from './op-log.ts';
import { commitTimeOf, committedOf, openJournal } from './open-journal.ts';
import { readOps } from './read-ops.ts';
import type { JournalRing } from './ring.ts';

/** An OSD's journal, read: what its ops make of objects is worked out when one is asked for. */
export interface Overlay {
  ring: JournalRing;
  collections: ReadonlyMap<string, CollectionLog>;
  states: ObjectStates;
  /** entries behind the last one replayed are lost */
  broken: boolean;
  /** what the journal changed was changed after this, milliseconds since 1970 */
  commitTimeMs: number;
}

/** Reads the entries that a survey has found good. @throws SOURCE_IO when they are not there any more */
export function readOverlay(location: OsdLocation, replay: JournalReplay): Overlay {
  const ring = openJournal(location);
  try {
    const { committed, to } = replay;
    if ((committedOf(location) ?? committed) !== committed) throw changed(ring);
    const files = new BaseFiles(location.dataPath);
    const logs = new OpLogs(files);
    let at = replay.at;
    for (let seq = committed + 1; seq <= to; seq++) {
      const entry = readEntryHead(ring, at);
      if (entry === undefined || entry.seq !== seq || !hasFoot(ring, entry)) throw changed(ring);
      readOps(ring, entry, logs);
      at = entry.next;
    }
    logs.finish();
    return {
      ...{ ring, collections: logs.collections, states: new ObjectStates(files) },
      ...{ broken: replay.broken, commitTimeMs: commitTimeOf(location) },
    };
  } catch (error) {
    ring.close();
    throw error;
  }
}

const changed = (ring: JournalRing) =>
  sourceIoError(`${ring.path}: not the journal that was scanned`, { path: ring.path });

/** The ops on an object; undefined where the journal does not touch it. */
export function logOf(
  overlay: Overlay,
  directory: Uint8Array,
  id: ObjectId,
): ObjectLog | undefined {
  const collection = Buffer.from(directory).toString('latin1').split('/', 1)[0]!;
  const log = overlay.collections.get(collection);
  // Most objects are not in the journal: their names need not be spelled.
  if (log === undefined || !log.hashes.has(id.hash)) return undefined;
  return log.objects.get(formatFileName({ ...id, generation: NO_GENERATION }).toString('latin1'));
}
