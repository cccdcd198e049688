import type { DamageReporter } from '../errors/damage.ts';
import { CollectionScanner, type KnownUnit } from './filestore/filestore-scan.ts';
import type { Overlay } from './filestore/journal/overlay.ts';
import {
  changesOf,
  emitCreated,
  newCollections,
  overlayForScan,
  RemovalFilter,
} from './filestore/journal/overlay-scan.ts';
import type { ObjectSink, OsdLocation } from './object-store.ts';
import { JOURNAL_COLLECTIONS, type ScanShare } from './scan-shares.ts';

export interface ShareOptions {
  location: OsdLocation;
  share: ScanShare;
  sink: ObjectSink;
  report: DamageReporter;
  /** what an earlier scan knows, by path */
  known: ReadonlyMap<string, KnownUnit> | undefined;
}

/** `scanShare` for a FileStore: it loads few modules, and nothing of BlueStore. */
export function scanFileStore(options: ShareOptions): void {
  const { location, share, sink, report, known } = options;
  const overlay = overlayForScan(location);
  if (overlay === undefined) {
    scanPlain(options);
    return;
  }
  for (const collection of share) {
    const options = { dataPath: location.dataPath, sink, report, known };
    if (collection === JOURNAL_COLLECTIONS) scanNewCollections(overlay, sink, report);
    else scanReplayed(overlay, collection, options);
  }
}

interface CollectionOptions {
  dataPath: string;
  sink: ObjectSink;
  report: DamageReporter;
  known: ReadonlyMap<string, KnownUnit> | undefined;
}

function scanPlain({ location, share, sink, report, known }: ShareOptions): void {
  const knownUnit = known && ((directory: string) => known.get(directory));
  const { dataPath } = location;
  // One for all: code optimised for one scanner's functions is given up when another's come along.
  const scanner = new CollectionScanner({ dataPath, sink, report, known: knownUnit });
  for (const collection of share) scanner.scan(collection);
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
