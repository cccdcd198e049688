import type { ObjectStoreReader, OsdLocation } from './object-store.ts';
import { openObjectStore } from './open-object-store.ts';

/** Stores that a worker thread has open: a task is short, an OSD's database is not. */
const open = new Map<string, ObjectStoreReader>();

/** The store at a location, opened on first use by this thread. Its damage is the scan's to report. */
export function storeAt(location: OsdLocation): ObjectStoreReader {
  // Two BlueStore OSDs may lie on one disk.
  const key = `${location.dataPath}@${location.devices?.main?.offset ?? 0}`;
  let store = open.get(key);
  if (store === undefined) {
    store = openObjectStore(location, () => {});
    open.set(key, store);
  }
  return store;
}
