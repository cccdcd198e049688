import type { DamageReporter } from '../errors/damage.ts';
import { scanBlueStore } from './bluestore/bluestore-scan.ts';
import { CollectionScanner, type KnownUnit, listCollections } from './filestore/filestore-scan.ts';
import type { Overlay } from './filestore/journal/overlay.ts';
import {
  changesOf,
  emitCreated,
  newCollections,
  overlayForScan,
  RemovalFilter,
} from './filestore/journal/overlay-scan.ts';
import { scanLoose } from './loose/loose-scan.ts';
import type { ObjectSink, OsdLocation } from './object-store.ts';

export type { KnownUnit } from './filestore/filestore-scan.ts';

/**
 * How the scan of an OSD is divided among threads, whatever its store is. A share is what one task
 * does; what its words mean is known here alone.
 */
export type ScanShare = readonly string[];

/** Stands in a share for the collections that only the journal knows. */
const JOURNAL_COLLECTIONS = '';
/** FileStore collections: enough tasks that no reader of a device is left without work. */
const TASKS_PER_READER = 4;
/** Each part of a BlueStore reads the logs of its database for itself. */
const MAX_PARTS = 4;

/** Shares of a FileStore: collections, dealt out so that each share holds some of every pool. */
function collectionShares(collections: readonly string[], readers: number): ScanShare[] {
  const n = readers === 1 ? 1 : Math.min(collections.length, readers * TASKS_PER_READER);
  const shares: string[][] = Array.from({ length: n }, () => []);
  for (const [i, collection] of collections.entries()) shares[i % n]!.push(collection);
  return shares;
}

/** Shares of a BlueStore: index and number of parts of its keys. */
function partShares(readers: number): ScanShare[] {
  const of = Math.min(readers, MAX_PARTS);
  return Array.from({ length: of }, (_, index) => [String(index), String(of)]);
}

/**
 * Divides the scan of an OSD.
 * @param readers that its device takes gladly
 * @throws SOURCE_IO
 */
export function scanShares(location: OsdLocation, readers: number): ScanShare[] {
  if (location.kind === 'bluestore') return partShares(readers);
  if (location.kind === 'loose') return [[]];
  const collections = listCollections(location.dataPath);
  if (location.replay?.state === 'replayed') collections.push(JOURNAL_COLLECTIONS);
  return collectionShares(collections, readers);
}

/** Tells which units of an earlier scan a share's task needs to know, by their collection. */
export function shareCovers(
  location: OsdLocation,
  share: ScanShare,
): (collection: string) => boolean {
  if (location.kind === 'bluestore') return () => true;
  const collections = new Set(share);
  return (collection) => collections.has(collection);
}

export interface ShareOptions {
  location: OsdLocation;
  share: ScanShare;
  sink: ObjectSink;
  report: DamageReporter;
  /** what an earlier scan knows, by path */
  known: ReadonlyMap<string, KnownUnit> | undefined;
}

/** Hands every object of a share to the sink; what cannot be read is reported and passed over. */
export function scanShare({ location, share, sink, report, known }: ShareOptions): void {
  if (location.kind === 'bluestore') {
    const [index, of] = share.map(Number);
    scanBlueStore({ location, part: { index: index!, of: of! }, sink, report, known });
    return;
  }
  if (location.kind === 'loose') {
    scanLoose({ directory: location.dataPath, sink, report });
    return;
  }
  const overlay = overlayForScan(location);
  for (const collection of share) {
    const options = { dataPath: location.dataPath, sink, report, known };
    if (overlay === undefined) scanCollection(collection, options);
    else if (collection === JOURNAL_COLLECTIONS) scanNewCollections(overlay, sink, report);
    else scanReplayed(overlay, collection, options);
  }
}

interface CollectionOptions {
  dataPath: string;
  sink: ObjectSink;
  report: DamageReporter;
  known: ReadonlyMap<string, KnownUnit> | undefined;
}

function scanCollection(collection: string, { known, ...options }: CollectionOptions): void {
  const knownUnit = known && ((directory: string) => known.get(directory));
  new CollectionScanner({ ...options, known: knownUnit }).scan(collection);
}

/** A collection as the journal leaves it: directories, less what it removes, and what it creates. */
function scanReplayed(overlay: Overlay, collection: string, options: CollectionOptions): void {
  const { dataPath, sink, report, known } = options;
  const changes = changesOf(overlay, collection, report);
  const knownUnit = (directory: string) =>
    changes.directories.has(directory) ? undefined : known?.get(directory);
  const filter = changes.removed.size === 0 ? sink : new RemovalFilter(sink, changes);
  new CollectionScanner({ dataPath, report, sink: filter, known: knownUnit }).scan(collection);
  emitCreated(collection, changes.created, sink);
}

function scanNewCollections(overlay: Overlay, sink: ObjectSink, report: DamageReporter): void {
  for (const { name } of newCollections(overlay)) {
    emitCreated(name, changesOf(overlay, name, report).created, sink);
  }
}
