import { binaryKey, binaryKeyBytes } from '../../../bytes/names.ts';
import { NO_GENERATION } from '../../../ceph/hobject.ts';
import type { DamageReporter } from '../../../errors/damage.ts';
import { errorText, isSourceFault } from '../../../errors/salvage-error.ts';
import {
  isUnreadable,
  type ObjectId,
  type ObjectSink,
  type OsdLocation,
  type UnitStamp,
} from '../../object-store.ts';
import { isRelevant } from '../../relevant-objects.ts';
import { DataObjectNameParser } from '../fast-filename.ts';
import { formatFileName } from '../object-filename.ts';
import type { CollectionLog, ObjectLog } from './op-log.ts';
import { type Overlay, readOverlay } from './overlay.ts';

/** Equal to no directory's stamp: what depends on the journal is looked at by every scan. */
const ALWAYS_CHANGED: UnitStamp = { ino: 0n, mtimeNs: 0n, ctimeNs: -1n };
/** Stands for the directory of objects that have no file. */
const UNIT = '.journal';

/** What the journal does to the list of a collection's objects. */
export interface CollectionChanges {
  /** objects that exist and have no file */
  created: ObjectLog[];
  /** file names of objects that exist no more, and their hashes */
  removed: Set<string>;
  removedHashes: Set<number>;
  /** directories that hold files of those */
  directories: Set<string>;
}

/** The last OSD's that this thread has scanned: its shares come one after the other. */
let cached: { key: string; overlay: Overlay } | undefined;

/** The overlay for a scan; undefined where nothing is replayed. @throws SOURCE_IO */
export function overlayForScan(location: OsdLocation): Overlay | undefined {
  const { replay } = location;
  if (replay === undefined || replay.state !== 'replayed') return undefined;
  const key = JSON.stringify([location.dataPath, location.journal, replay]);
  if (cached?.key !== key) {
    cached?.overlay.ring.close();
    cached = undefined;
    cached = { key, overlay: readOverlay(location, replay) };
  }
  return cached.overlay;
}

/** Looks at every object of a collection that the journal touches. */
export function changesOf(
  overlay: Overlay,
  collection: string,
  report: DamageReporter,
): CollectionChanges {
  const changes: CollectionChanges = {
    ...{ created: [], removed: new Set<string>() },
    ...{ removedHashes: new Set<number>(), directories: new Set<string>() },
  };
  for (const log of overlay.collections.get(collection)?.objects.values() ?? []) {
    try {
      compare(overlay, log, changes);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      report({ path: overlay.ring.path, reason: `${collection}/${log.name}: ${errorText(error)}` });
    }
  }
  return changes;
}

function compare({ states }: Overlay, log: ObjectLog, changes: CollectionChanges): void {
  const file = states.base(log);
  const { exists } = states.current(log);
  if (exists && file === undefined) changes.created.push(log);
  if (exists || file === undefined) return;
  changes.removed.add(log.name);
  changes.removedHashes.add(log.object.hash);
  changes.directories.add(file.directory);
}

/** Passes on what a scan finds, without the objects that the journal removes. */
export class RemovalFilter implements ObjectSink {
  readonly #sink: ObjectSink;
  readonly #changes: CollectionChanges;
  #filtered = false;

  constructor(sink: ObjectSink, changes: CollectionChanges) {
    this.#sink = sink;
    this.#changes = changes;
  }

  beginUnit(path: Uint8Array): void {
    this.#filtered = false;
    this.#sink.beginUnit(path);
  }

  #isRemoved(hash: number, name: () => string): boolean {
    if (!this.#changes.removedHashes.has(hash) || !this.#changes.removed.has(name())) return false;
    this.#filtered = true;
    return true;
  }

  dataObject(
    buffer: Uint8Array,
    prefixStart: number,
    prefixEnd: number,
    objectNo: number,
    snap: number,
    hash: number,
    tailStart: number,
    tailEnd: number,
  ): boolean {
    const name = () => binaryKey(buffer.subarray(prefixStart, tailEnd));
    if (this.#isRemoved(hash, name)) return true;
    return this.#sink.dataObject(
      buffer,
      prefixStart,
      prefixEnd,
      objectNo,
      snap,
      hash,
      tailStart,
      tailEnd,
    );
  }

  namedObject(id: ObjectId, fileName: Uint8Array): void {
    const name = () => formatFileName({ ...id, generation: NO_GENERATION }).toString('latin1');
    if (!this.#isRemoved(id.hash, name)) this.#sink.namedObject(id, fileName);
  }

  otherObject(): void {
    this.#sink.otherObject();
  }

  endUnit(stamp: UnitStamp, subdirectories: readonly string[]): void {
    const changed = this.#filtered && !isUnreadable(stamp);
    this.#sink.endUnit(changed ? ALWAYS_CHANGED : stamp, subdirectories);
  }

  keptUnit(path: Uint8Array): void {
    this.#sink.keptUnit(path);
  }
}

/** Hands the objects that only the journal has to the sink, as a unit of their own. */
export function emitCreated(
  collection: string,
  created: readonly ObjectLog[],
  sink: ObjectSink,
): void {
  if (created.length === 0) return;
  const parser = new DataObjectNameParser();
  sink.beginUnit(binaryKeyBytes(`${collection}/${UNIT}`));
  for (const log of created) emit(log, parser, sink);
  sink.endUnit(ALWAYS_CHANGED, []);
}

function emit({ object, name }: ObjectLog, parser: DataObjectNameParser, sink: ObjectSink): void {
  const bytes = binaryKeyBytes(name);
  const end = bytes.length;
  if (parser.parse(bytes, 0, end)) {
    const { prefixEnd, objectNo, snap, hash, tailStart } = parser;
    if (sink.dataObject(bytes, 0, prefixEnd, objectNo, snap, hash, tailStart, end)) return;
  }
  if (object.generation !== NO_GENERATION || !isRelevant(object)) sink.otherObject();
  else sink.namedObject(object, bytes);
}

/** Collections of PGs that exist in the journal only. */
export function newCollections(overlay: Overlay): CollectionLog[] {
  return [...overlay.collections.values()].filter(
    ({ name, guards }) => !guards.exists && name.endsWith('_head'),
  );
}
