import { META_POOL } from '../ceph/hobject.ts';
import { DamageLog } from '../errors/damage-log.ts';
import { openObjectStore } from '../store/open-object-store.ts';
import { type KnownUnit, scanShare } from '../store/scan-store.ts';
import { readMetadataObject, readNewestOsdMap } from './metadata.ts';
import { packMetadata } from './metadata-record.ts';
import type {
  KnownUnits,
  MetadataResult,
  MetadataTask,
  ScanResult,
  ScanTask,
  SegmentMessage,
} from './scan-messages.ts';
import { SegmentBuilder } from './segment-builder.ts';

/** Segments that may wait to be stored before a scanner pauses. */
const MAX_PENDING = 4;

/** Known units by path. */
function indexKnown(units: KnownUnits): Map<string, KnownUnit> {
  const index = new Map<string, KnownUnit>();
  for (const [i, path] of units.paths.entries()) {
    index.set(path, { stamp: units.stamps[i]!, subdirectories: units.subdirectories[i]! });
  }
  return index;
}

/** Scans a share of one OSD, posting segments as they fill up. */
export function scanCollections(task: ScanTask): ScanResult {
  const { location, share, port, pending } = task;
  const damage = new DamageLog();
  const counter = new Int32Array(pending);
  const builder = new SegmentBuilder((segment, objects) => {
    while (Atomics.load(counter, 0) >= MAX_PENDING) Atomics.wait(counter, 0, MAX_PENDING, 1000);
    Atomics.add(counter, 0, 1);
    const message: SegmentMessage = { segment, objects };
    port.postMessage(message, [segment.buffer as ArrayBuffer]);
  });
  scanShare({
    ...{ location, share },
    sink: builder,
    report: damage.report,
    known: task.known && indexKnown(task.known),
  });
  builder.finish();
  port.postMessage(undefined);
  port.close();
  return { damage: damage.kept, damageCount: damage.count };
}

/** Reads what the catalog keeps of an OSD's metadata objects. */
export function readMetadata(task: MetadataTask): MetadataResult {
  const damage = new DamageLog();
  const store = openObjectStore(task.location, damage.report);
  try {
    const newest = readNewestOsdMap(store, task.refs, damage.report);
    const objects = task.refs
      .filter((ref) => ref.id.pool !== META_POOL)
      .map((ref) => readMetadataObject(store, ref, damage.report));
    const isPg = (o: (typeof objects)[number]) => o.ref.id.name.length === 0;
    const fresh =
      newest !== undefined && newest.map.epoch > (task.knownEpochs.get(newest.map.fsid) ?? 0);
    return {
      rbd: packMetadata(objects.filter((o) => !isPg(o))),
      pg: packMetadata(objects.filter(isPg)),
      osdMap: fresh
        ? { clusterFsid: newest.map.fsid, epoch: newest.map.epoch, bytes: newest.bytes }
        : undefined,
      damage: damage.kept,
      damageCount: damage.count,
    };
  } finally {
    store.close();
  }
}
