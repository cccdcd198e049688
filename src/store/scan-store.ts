import type { DamageReporter } from '../errors/damage.ts';
import { scanBlueStore } from './bluestore/bluestore-scan.ts';
import { CollectionScanner, type KnownUnit, listCollections } from './filestore/filestore-scan.ts';
import type { ObjectSink, OsdLocation } from './object-store.ts';

export type { KnownUnit } from './filestore/filestore-scan.ts';

/**
 * How the scan of an OSD is divided among threads, whatever its store is. A share is what one task
 * does; what its words mean is known here alone.
 */
export type ScanShare = readonly string[];

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
  return collectionShares(listCollections(location.dataPath), readers);
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
  const { dataPath } = location;
  const knownUnit = known && ((directory: string) => known.get(directory));
  const scanner = new CollectionScanner({ dataPath, sink, report, known: knownUnit });
  for (const collection of share) scanner.scan(collection);
}
