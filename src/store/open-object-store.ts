import type { DamageReporter } from '../errors/damage.ts';
import { BlueStoreReader } from './bluestore/bluestore-reader.ts';
import { FileStoreReader } from './filestore/filestore-reader.ts';
import type { ObjectStoreReader, OsdLocation } from './object-store.ts';

/** Opens the store of an OSD for reading. What is damaged in it goes to `report`. */
export function openObjectStore(location: OsdLocation, report: DamageReporter): ObjectStoreReader {
  if (location.kind === 'filestore') return new FileStoreReader(location, report);
  return new BlueStoreReader(location, report);
}
