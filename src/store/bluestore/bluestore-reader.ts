import { binaryKey, nameToText } from '../../bytes/names.ts';
import { NOSNAP } from '../../ceph/encoding.ts';
import { META_POOL } from '../../ceph/hobject.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import {
  corruptError,
  errorText,
  isSourceFault,
  sourceIoError,
} from '../../errors/salvage-error.ts';
import type { KvEntry } from '../../kv/kv-store.ts';
import type {
  ObjectId,
  ObjectRef,
  ObjectStoreReader,
  OmapEntry,
  OpenObject,
  OpenOptions,
  OsdLocation,
} from '../object-store.ts';
import { BlueStoreObject } from './bluestore-object.ts';
import { readCollectionBits } from './collections.ts';
import type { DataSource } from './data-reader.ts';
import { type DeferredOverlay, readDeferred } from './deferred.ts';
import { encodeObjectKey, SHARD_TAIL } from './object-key.ts';
import { omapEntries, omapPlace } from './omap.ts';
import { decodeOnodeRecord, type OnodeRecord } from './onode.ts';
import { type OpenStore, openStore } from './open-store.ts';

export const OBJECT_PREFIX = 'O';

/** Above the keys of all extent map shards of an object. */
const BEHIND_SHARDS = Buffer.alloc(SHARD_TAIL + 1, 0xff);

/** An object's own entry, if that comes first; what follows it, and what else may have entries of the object. */
function entriesOf(
  key: Uint8Array,
  following: Iterator<KvEntry>,
  elsewhere: () => Iterable<KvEntry>,
) {
  const first = following.next();
  if (first.done === true || Buffer.compare(first.value.key, key) !== 0) return undefined;
  return { value: first.value.value, following, elsewhere };
}

/** @throws CORRUPT, with the object's path */
function decodeRecord(bytes: Uint8Array, path: string): OnodeRecord {
  try {
    return decodeOnodeRecord(bytes);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    throw corruptError(`${path}: ${errorText(error)}`, { ...error.data, path });
  }
}

function snapText(snap: bigint): string {
  return snap === NOSNAP ? 'head' : snap.toString(16);
}

/** A BlueStore OSD, read in place. Its database is opened when first needed. */
export class BlueStoreReader implements ObjectStoreReader {
  readonly location: OsdLocation;
  omapDamaged = false;
  readonly #report: DamageReporter;
  #store: OpenStore | undefined;
  /** why it cannot be opened: trying again for every object would not help */
  #failure: unknown;
  #overlay: DeferredOverlay | undefined;
  #collectionBits: Map<string, number> | undefined;

  constructor(location: OsdLocation, report: DamageReporter) {
    this.location = location;
    this.#report = (damage) => {
      if (!damage.harmless) this.omapDamaged = true;
      report(damage);
    };
  }

  #open(): OpenStore {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      this.#store ??= openStore(this.location, this.#report);
    } catch (error) {
      this.#failure = error;
      throw error;
    }
    return this.#store;
  }

  open(ref: ObjectRef, { verify = true }: OpenOptions = {}): OpenObject {
    const path = this.#pathOf(ref);
    const found = this.#find(ref.id);
    if (found === undefined) {
      throw sourceIoError(`no object ${path}`, { path, errno: 'ENOENT' });
    }
    const record = decodeRecord(found.value, path);
    const source = () => this.#dataSource(verify);
    return new BlueStoreObject(path, record, found.following, found.elsewhere, source);
  }

  /** An object's record, and what the database has behind it; undefined where there is none. */
  #find(id: ObjectId) {
    const key = encodeObjectKey(id);
    const range = { from: key, to: Buffer.concat([key, BEHIND_SHARDS]) };
    const { kv } = this.#open();
    const home = kv.iterateHome(OBJECT_PREFIX, range);
    const everywhere = () => kv.iterate(OBJECT_PREFIX, range);
    return (home && entriesOf(key, home, everywhere)) ?? entriesOf(key, everywhere(), () => []);
  }

  #pathOf({ id, directory }: ObjectRef): string {
    const snap = id.pool === META_POOL ? '' : `:${snapText(id.snap)}`;
    return `${this.location.dataPath}:${nameToText(directory)}/${nameToText(id.name)}${snap}`;
  }

  #dataSource(verify: boolean): DataSource {
    const { devices, kv } = this.#open();
    if (devices.main === undefined) {
      const { path } = this.location;
      throw sourceIoError(`${path}: the main device is missing, and all data with it`, { path });
    }
    this.#overlay ??= readDeferred(kv, this.#report);
    return { device: devices.main, overlay: this.#overlay, verify };
  }

  *omap(id: ObjectId): Iterable<OmapEntry> {
    const found = this.#find(id);
    if (found === undefined) return;
    const place = omapPlace(id, decodeOnodeRecord(found.value).onode);
    if (place !== undefined) yield* omapEntries(this.#open().kv, place);
  }

  pgBits(directory: Uint8Array): number | undefined {
    this.#collectionBits ??= readCollectionBits(this.#open().kv, this.#report);
    return this.#collectionBits.get(binaryKey(directory));
  }

  close(): void {
    this.#store?.close();
    this.#store = undefined;
  }
}
