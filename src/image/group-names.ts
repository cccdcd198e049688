import { nameToText } from '../bytes/names.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { parseGroup, parseGroupDirectory } from '../rbd/groups.ts';
import { groupHeaderObject, RBD_GROUP_DIRECTORY } from '../rbd/names.ts';
import type { OmapEntry } from '../rbd/omap-values.ts';
import type { SnapshotNamespace } from '../rbd/snapshot.ts';
import type { Image } from './image.ts';

type GroupNamespace = SnapshotNamespace & { type: 'group' };

const omapOf = (object: MetadataObject | undefined): OmapEntry[] =>
  (object?.omap ?? []).map(([key, value]) => ({ key, value }));

/** What people call the group, and the group's snapshot, that an image's snapshot belongs to; ids where names are lost. */
export function groupSnapshotNames(image: Image, namespace: GroupNamespace) {
  const { cluster, namespace: space } = image;
  const { pool, groupId, groupSnapshotId } = namespace;
  const directory = omapOf(cluster.metadataObject(pool, space, RBD_GROUP_DIRECTORY));
  const { byName, byId } = parseGroupDirectory(directory);
  const named = [...byName, ...byId].find(({ id }) => id === groupId);
  const { snapshots } = parseGroup(
    omapOf(cluster.metadataObject(pool, space, groupHeaderObject(groupId))),
  );
  const snapshot = snapshots.find(({ id }) => id === groupSnapshotId);
  return {
    pool: cluster.poolName(pool),
    group: named === undefined ? groupId : nameToText(named.name),
    snapshot: snapshot === undefined ? groupSnapshotId : nameToText(snapshot.name),
  };
}
