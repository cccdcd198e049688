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
import { decodeOnodeRecord, type Onode, type OnodeRecord } from './onode.ts';
import { type OpenStore, openStore } from './open-store.ts';

export const OBJECT_PREFIX = 'O';

/** Above the keys of all extent map shards of an object. */
const BEHIND_SHARDS = Buffer.alloc(SHARD_TAIL + 1, 0xff);

const isEntryOf = (
  found: IteratorResult<KvEntry>,
  key: Uint8Array,
): found is IteratorYieldResult<KvEntry> =>
  found.done !== true && Buffer.compare(found.value.key, key) === 0;

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
    const { record, following, everywhere } = this.#find(ref.id, path);
    const source = () => this.#dataSource(verify);
    return new BlueStoreObject(path, record, following, everywhere, source);
  }

  /** An object's record and what the database has behind it. @throws SOURCE_IO, CORRUPT */
  #find(id: ObjectId, path: string) {
    const key = encodeObjectKey(id);
    const range = { from: key, to: Buffer.concat([key, BEHIND_SHARDS]) };
    const { kv } = this.#open();
    const everywhere = () => kv.iterate(OBJECT_PREFIX, range);
    const home = kv.iterateHome(OBJECT_PREFIX, range);
    const first = home?.next();
    const isHome = first !== undefined && isEntryOf(first, key);
    const following = isHome ? home! : everywhere();
    const record = this.#recordOf(isHome ? first : following.next(), key, path);
    return { record, following, everywhere };
  }

  #recordOf(first: IteratorResult<KvEntry>, key: Uint8Array, path: string): OnodeRecord {
    if (!isEntryOf(first, key)) {
      throw sourceIoError(`no object ${path}`, { path, errno: 'ENOENT' });
    }
    try {
      return decodeOnodeRecord(first.value.value);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      throw corruptError(`${path}: ${errorText(error)}`, { ...error.data, path });
    }
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
    const { kv } = this.#open();
    const onode = this.#onodeOf(id);
    const place = onode && omapPlace(id, onode);
    if (place !== undefined) yield* omapEntries(kv, place);
  }

  /** undefined where there is none */
  #onodeOf(id: ObjectId): Onode | undefined {
    try {
      return this.#find(id, this.location.path).record.onode;
    } catch (error) {
      if (isSourceFault(error) && error.data.errno === 'ENOENT') return undefined;
      throw error;
    }
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
