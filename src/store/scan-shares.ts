import type { DeviceLane } from '../io/ports.ts';
import { listCollections } from './filestore/filestore-scan.ts';
import type { OsdLocation } from './object-store.ts';

/**
 * How the scan of an OSD is divided among threads, whatever its store is. A share is what one task
 * does; what its words mean is known here alone.
 */
export type ScanShare = readonly string[];

type Readers = Pick<DeviceLane, 'readers' | 'most'>;

/** Stands in a share for the collections that only the journal knows. */
export const JOURNAL_COLLECTIONS = '';
/** FileStore collections: enough tasks that no reader of a device is left without work. */
const TASKS_PER_READER = 4;
/** Each part of a BlueStore reads the logs of its database for itself. */
const MAX_PARTS = 4;

/** Of a device that may turn out to take more readers than one: its speed is known after the first. */
const MAX_STRETCHES = 16;

/** Shares of a FileStore: collections. */
function collectionShares(
  collections: readonly string[],
  { readers, most = readers }: Readers,
): ScanShare[] {
  if (readers === 1) {
    return stretches(
      collections,
      most === 1 ? 1 : Math.min(most * TASKS_PER_READER, MAX_STRETCHES),
    );
  }
  const n = Math.min(collections.length, readers * TASKS_PER_READER);
  // Dealt out, so that each share holds some of every pool.
  const shares: string[][] = Array.from({ length: n }, () => []);
  for (const [i, collection] of collections.entries()) shares[i % n]!.push(collection);
  return shares;
}

/** Neighbours stay together: where it is an arm that reads, it goes the way that it would go for all of them. */
function stretches(collections: readonly string[], most: number): ScanShare[] {
  const each = Math.max(1, Math.ceil(collections.length / most));
  const n = Math.max(1, Math.ceil(collections.length / each));
  return Array.from({ length: n }, (_, i) => collections.slice(i * each, (i + 1) * each));
}

/** Shares of a BlueStore: index and number of parts of its keys. */
function partShares(readers: number): ScanShare[] {
  const of = Math.min(readers, MAX_PARTS);
  return Array.from({ length: of }, (_, index) => [String(index), String(of)]);
}

/**
 * Divides the scan of an OSD.
 * @param lane its device's
 * @throws SOURCE_IO
 */
export function scanShares(location: OsdLocation, lane: Readers): ScanShare[] {
  if (location.kind === 'bluestore') return partShares(lane.readers);
  if (location.kind === 'loose') return [[]];
  const collections = listCollections(location.dataPath);
  if (location.replay?.state === 'replayed') collections.push(JOURNAL_COLLECTIONS);
  return collectionShares(collections, lane);
}

/** The collections whose units of an earlier scan a share's task needs to know; undefined: all. */
export const shareCollections = (
  { kind }: OsdLocation,
  share: ScanShare,
): readonly string[] | undefined => (kind === 'bluestore' ? undefined : share);
