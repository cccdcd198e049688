import { META_POOL } from '../ceph/hobject.ts';
import { DamageLog } from '../errors/damage-log.ts';
import { openObjectStore } from '../store/open-object-store.ts';
import { readMetadataObject, readNewestOsdMap } from './metadata.ts';
import { packMetadata } from './metadata-record.ts';
import type { MetadataResult, MetadataTask } from './scan-messages.ts';

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
