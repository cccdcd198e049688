import type { DamageReporter } from '../errors/damage.ts';
import { unsupportedError } from '../errors/salvage-error.ts';
import { FileStoreReader } from './filestore/filestore-reader.ts';
import type { ObjectStoreReader, OsdLocation } from './object-store.ts';

/** Opens the store of an OSD for reading. @throws UNSUPPORTED */
export function openObjectStore(location: OsdLocation, report: DamageReporter): ObjectStoreReader {
  if (location.kind === 'filestore') return new FileStoreReader(location, report);
  throw unsupportedError(`${location.path}: BlueStore is not supported yet`, { path: location.path });
}
