import type { DamageReporter } from '../errors/damage.ts';
import { BlueStoreReader } from './bluestore/bluestore-reader.ts';
import { FileStoreReader } from './filestore/filestore-reader.ts';
import { OverlayReader } from './filestore/journal/overlay-reader.ts';
import { LooseReader } from './loose/loose-reader.ts';
import type { ObjectStoreReader, OsdLocation } from './object-store.ts';

/** Opens the store of an OSD for reading. What is damaged in it goes to `report`. */
export function openObjectStore(location: OsdLocation, report: DamageReporter): ObjectStoreReader {
  if (location.kind === 'filestore') return openFileStore(location, report);
  if (location.kind === 'loose') return new LooseReader(location);
  return new BlueStoreReader(location, report);
}

function openFileStore(location: OsdLocation, report: DamageReporter): ObjectStoreReader {
  const reader = new FileStoreReader(location, report);
  const { replay } = location;
  return replay?.state === 'replayed' ? new OverlayReader(reader, replay) : reader;
}
