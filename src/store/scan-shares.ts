import { listCollections } from './filestore/filestore-scan.ts';
import type { OsdLocation } from './object-store.ts';

/**
 * How the scan of an OSD is divided among threads, whatever its store is. A share is what one task
 * does; what its words mean is known here alone.
 */
export type ScanShare = readonly string[];

/** Stands in a share for the collections that only the journal knows. */
export const JOURNAL_COLLECTIONS = '';
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
