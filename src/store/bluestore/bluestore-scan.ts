import { cephCrc32c } from '../../bytes/crc32c.ts';
import { type Ghobject, NO_GENERATION } from '../../ceph/hobject.ts';
import { formatPg } from '../../ceph/pg.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { errorText, isSourceFault } from '../../errors/salvage-error.ts';
import { compareKeys, lowerBound } from '../../kv/key-order.ts';
import {
  type ObjectId,
  type ObjectSink,
  type OsdLocation,
  UNREADABLE,
  type UnitStamp,
} from '../object-store.ts';
import { isRelevant } from '../relevant-objects.ts';
import type { KnownUnit } from '../scan-store.ts';
import { blueFsDirectory } from './bluefs-directory.ts';
import { OBJECT_PREFIX } from './bluestore-reader.ts';
import { type CollectionRange, readCollections } from './collections.ts';
import { DataObjectKeyParser } from './data-object-key.ts';
import { decodeObjectKey, ONODE_SUFFIX } from './object-key.ts';
import { type OpenStore, openStore } from './open-store.ts';

/** Part `index` of `of` equal parts of an OSD's collections. */
export interface ScanPart {
  index: number;
  of: number;
}

export interface BlueStoreScanOptions {
  location: OsdLocation;
  part: ScanPart;
  sink: ObjectSink;
  report: DamageReporter;
  /** what an earlier scan knows of collections, by name */
  known?: ReadonlyMap<string, KnownUnit> | undefined;
}

/** Keys from the first collection of a part up to the first one of the next part. */
interface KeySpan {
  from: Uint8Array | undefined;
  to: Uint8Array | undefined;
  collections: CollectionRange[];
}

function spanOf(collections: CollectionRange[], { index, of }: ScanPart): KeySpan | undefined {
  const at = (i: number): number => Math.floor((collections.length * i) / of);
  const first = at(index);
  const end = at(index + 1);
  if (first === end && !(index === 0 && collections.length === 0)) return undefined;
  return {
    from: first === 0 ? undefined : collections[first]!.from,
    to: end === collections.length ? undefined : collections[end]!.from,
    collections: collections.slice(first, end),
  };
}

const LOG_PIECE = 1 << 20;

/** crc32c of RocksDB's logs: BlueFS does not note writes to space that a log had before. */
function crcOfLogs(store: OpenStore): number {
  const directory = blueFsDirectory(store.bluefs);
  const logs = directory.list().filter((name) => name.endsWith('.log'));
  const piece = new Uint8Array(LOG_PIECE);
  let crc = 0;
  for (const name of logs.sort()) {
    const file = directory.open(name);
    for (let at = 0; at < file.size; at += LOG_PIECE) {
      crc = cephCrc32c(crc, piece.subarray(0, file.read(piece, at)));
    }
  }
  return crc;
}

/** The state of the store: nothing in it changes without changing this. */
function stampOf(store: OpenStore): UnitStamp {
  const { compactions, sequence } = store.bluefs;
  try {
    return {
      ino: BigInt(compactions),
      mtimeNs: BigInt(sequence),
      ctimeNs: BigInt(crcOfLogs(store)),
    };
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return UNREADABLE;
  }
}

const sameStamp = (a: UnitStamp, b: UnitStamp): boolean =>
  a !== UNREADABLE && a.ino === b.ino && a.mtimeNs === b.mtimeNs && a.ctimeNs === b.ctimeNs;

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const NO_FILE_NAME = new Uint8Array(0);

/** Hands the objects of a span of keys to the sink, collection by collection. */
class SpanScan {
  readonly #options: BlueStoreScanOptions;
  readonly #stamp: UnitStamp;
  readonly #parser = new DataObjectKeyParser();
  readonly #damageSeen: () => number;
  #open: string | undefined;
  /** damage when the unit was begun */
  #damageBefore = 0;
  /** keys below this one belong to the open unit */
  #unitEnd: Uint8Array | undefined;

  constructor(options: BlueStoreScanOptions, stamp: UnitStamp, damageSeen: () => number) {
    this.#options = options;
    this.#stamp = stamp;
    this.#damageSeen = damageSeen;
  }

  run(store: OpenStore, { from, to, collections }: KeySpan): void {
    const seen = new Set<string>();
    for (const { key } of store.kv.iterate(OBJECT_PREFIX, { from, to })) {
      if (key[key.length - 1] !== ONODE_SUFFIX) continue;
      if (this.#unitEnd === undefined || compareKeys(key, this.#unitEnd) >= 0) {
        const range = collectionOf(key, collections);
        if (range !== undefined) this.#begin(range.name, range.to);
        else if (this.#unitEnd !== undefined) this.#leave();
        if (range !== undefined) seen.add(range.name);
      }
      this.#onObject(key);
    }
    for (const { name } of collections) if (!seen.has(name)) this.#begin(name, undefined);
    this.#leave();
  }

  #begin(name: string, end: Uint8Array | undefined): void {
    this.#leave();
    this.#open = name;
    this.#unitEnd = end;
    this.#damageBefore = this.#damageSeen();
    this.#options.sink.beginUnit(latin1(name));
  }

  #leave(): void {
    if (this.#open === undefined) return;
    const damaged = this.#damageSeen() !== this.#damageBefore;
    this.#options.sink.endUnit(damaged ? UNREADABLE : this.#stamp, []);
    this.#open = undefined;
    this.#unitEnd = undefined;
  }

  #onObject(key: Uint8Array): void {
    const { sink } = this.#options;
    const parser = this.#parser;
    if (parser.parse(key)) {
      if (this.#open === undefined || this.#open === STRAYS) this.#begin(UNCLAIMED, undefined);
      const { buffer, prefixEnd, objectNo, snap, hash, tailStart, tailEnd } = parser;
      if (sink.dataObject(buffer, 0, prefixEnd, objectNo, snap, hash, tailStart, tailEnd)) return;
    }
    try {
      this.#onOther(decodeObjectKey(key));
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const reason = `object key ${Buffer.from(key).toString('hex')}: ${errorText(error)}`;
      this.#options.report({ path: this.#options.location.dataPath, reason });
    }
  }

  #onOther(object: Ghobject): void {
    const { sink } = this.#options;
    const { pool, namespace, name, key, snap, hash, shard } = object;
    const id: ObjectId = { pool, namespace, name, key, snap, hash, shard };
    if (object.generation !== NO_GENERATION || !isRelevant(id)) {
      if (this.#open === undefined) this.#begin(STRAYS, undefined);
      sink.otherObject();
      return;
    }
    if (this.#unitEnd === undefined) this.#claim(id);
    sink.namedObject(id, NO_FILE_NAME);
  }

  /** No entry for the collection. Its PG metadata comes first: what follows belongs to that. */
  #claim({ pool, name, hash: seed, shard }: ObjectId): void {
    if (name.length === 0) this.#begin(`${formatPg({ pool, seed, shard })}_head`, undefined);
    else if (this.#open === undefined || this.#open === STRAYS) this.#begin(UNCLAIMED, undefined);
  }
}

/** Units of objects that no collection claims: of no interest (temporary ones, mostly), and others. */
const STRAYS = 'strays';
const UNCLAIMED = 'unclaimed';

function collectionOf(
  key: Uint8Array,
  collections: readonly CollectionRange[],
): CollectionRange | undefined {
  const i = lowerBound(collections.length, (at) => compareKeys(collections[at]!.to, key) > 0);
  const range = collections[i];
  return range !== undefined && compareKeys(range.from, key) <= 0 ? range : undefined;
}

/** Has an earlier scan seen these collections in the state that the store is in now? */
function isUnchanged(
  known: BlueStoreScanOptions['known'],
  collections: readonly CollectionRange[],
  part: KeySpan,
  stamp: UnitStamp,
): boolean {
  if (known === undefined || part.collections.length === 0) return false;
  // Units without a collection are found by a scan only.
  const names = new Set([STRAYS, ...collections.map(({ name }) => name)]);
  for (const name of known.keys()) if (!names.has(name)) return false;
  return part.collections.every(({ name }) => {
    const unit = known.get(name);
    return unit !== undefined && sameStamp(unit.stamp, stamp);
  });
}

/**
 * Scans a part of an OSD. The database is read once, in the order of its keys; values are not looked
 * at. What cannot be read is reported and passed over.
 * @throws SOURCE_IO, CORRUPT, UNSUPPORTED when the database cannot be opened
 */
export function scanBlueStore(options: BlueStoreScanOptions): void {
  const { location, part, sink } = options;
  let damage = 0;
  const report: DamageReporter = (found) => {
    if (!found.harmless) damage++;
    options.report(found);
  };
  const store = openStore(location, report);
  try {
    const collections = readCollections(store.kv, report);
    const span = spanOf(collections, part);
    if (span === undefined) return;
    const stamp = damage === 0 ? stampOf(store) : UNREADABLE;
    if (isUnchanged(options.known, collections, span, stamp)) {
      for (const { name } of span.collections) sink.keptUnit(latin1(name));
      return;
    }
    new SpanScan({ ...options, report }, stamp, () => damage).run(store, span);
  } finally {
    store.close();
  }
}
