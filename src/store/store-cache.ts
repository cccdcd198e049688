import type { Damage } from '../errors/damage.ts';
import type { ObjectStoreReader, OsdLocation } from './object-store.ts';
import { openObjectStore } from './open-object-store.ts';

/** Stores that a worker thread has open: a task is short, an OSD's database is not. */
const open = new Map<string, ObjectStoreReader>();

/** Enough to see what is wrong with a disk; what it costs an image, the image's report says. */
const KEPT_DAMAGE = 100;
let found: string[] = [];
let told = 0;

function note({ path, reason, harmless }: Damage): void {
  const text = reason.includes(path) ? reason : `${path}: ${reason}`;
  if (harmless || told >= KEPT_DAMAGE || found.includes(text)) return;
  told++;
  found.push(text);
}

/** What was found damaged in this thread's stores since the last call: the first of it. */
export function takeDamage(): string[] {
  const taken = found;
  found = [];
  return taken;
}

/** The store at a location, opened on first use by this thread. Its damage waits for `takeDamage`. */
export function storeAt(location: OsdLocation): ObjectStoreReader {
  // Two BlueStore OSDs may lie on one disk.
  const { kind, dataPath, devices } = location;
  const places = [devices?.main, devices?.db, devices?.wal].map(
    (p) => p && `${p.path}@${p.offset}`,
  );
  const key = `${kind}:${dataPath} ${places.join(' ')}`;
  let store = open.get(key);
  if (store === undefined) {
    store = openObjectStore(location, note);
    open.set(key, store);
  }
  return store;
}
