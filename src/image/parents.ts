import { binaryKey, nameToText } from '../bytes/names.ts';
import { NOSNAP } from '../ceph/encoding.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { type MigrationSource, migrationSource } from '../rbd/migration.ts';
import { type ParentLink, parentOfHead, parentOfSnapshot } from '../rbd/parent-link.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import { type Image, snapshotName } from './image.ts';

/** A parent as people name it; ids stand in where names are lost. */
export interface NamedParent {
  pool: string;
  namespace: string;
  image: string;
  snapshot: string;
  /** a removed snapshot that clones still need has a uuid for a name, as `rbd info` prints it */
  rawSnapshot: string;
  id: string;
  trash: boolean;
  /** bytes of the child that its parent shows through */
  overlap: number;
}

/** The parent in force for an image's head, or for one of its snapshots. */
export const parentLinkOf = (
  image: Image,
  snapshot: Snapshot | undefined,
): ParentLink | undefined =>
  snapshot === undefined ? parentOfHead(image.header) : parentOfSnapshot(image.header, snapshot);

/** The image that a link means, if the cluster still has it. */
export const findParent = (child: Image, link: ParentLink): Image | undefined =>
  child.cluster.imageOf(link.pool, link.namespace, link.imageId);

/** The image that one under migration comes from, if the cluster still has it. */
export function findSource(image: Image, source: MigrationSource): Image | undefined {
  const { pool, namespace, imageId, imageName } = source;
  const { cluster } = image;
  if (imageId === '') {
    return cluster.images.find(
      (other) =>
        other.pool === pool &&
        other.format === 1 &&
        Buffer.compare(other.namespace, namespace) === 0 &&
        Buffer.compare(other.name, imageName) === 0,
    );
  }
  const found = cluster.imageOf(pool, namespace, imageId);
  return found === image ? undefined : found;
}

/** Images that show through heads or snapshots of some images, through all generations, and those images. */
export function withAncestors(images: Iterable<Image>): Set<Image> {
  const found = new Set(images);
  const waiting = [...found];
  const add = (next: Image) => {
    if (found.has(next)) return;
    found.add(next);
    waiting.push(next);
  };
  for (let one = waiting.pop(); one !== undefined; one = waiting.pop()) {
    // Nothing tells of its parent, and its snapshots take reading all its rows.
    if (one.headless) continue;
    const seen = new Set<string>();
    for (const point of [undefined, ...one.header.snapshots]) {
      const link = parentLinkOf(one, point);
      const key = link && `${link.pool}/${binaryKey(link.namespace)}/${link.imageId}`;
      if (link === undefined || seen.has(key!)) continue;
      seen.add(key!);
      const parent = findParent(one, link);
      if (parent !== undefined) add(parent);
    }
    const { migration, size } = one.header;
    const source = migration && migrationSource(migration, NOSNAP, size);
    const origin = source && findSource(one, source);
    if (origin !== undefined) add(origin);
  }
  return found;
}

/** A parent's snapshot of that id; undefined also where what the catalog has of the parent is damaged. */
function snapshotOf(parent: Image, snapId: bigint): Snapshot | undefined {
  try {
    return parent.header.snapshots.find(({ id }) => id === snapId);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Pool, image and snapshot names of the parent in force. */
export function parentOf(image: Image, snapshot: Snapshot | undefined): NamedParent | undefined {
  const link = parentLinkOf(image, snapshot);
  if (link === undefined) return undefined;
  const parent = findParent(image, link);
  const snap = parent && snapshotOf(parent, link.snapId);
  const snapText = link.snapId === NOSNAP ? 'head' : String(link.snapId);
  return {
    pool: image.cluster.poolName(link.pool),
    namespace: nameToText(link.namespace),
    image: parent === undefined ? link.imageId : nameToText(parent.name),
    snapshot: snap === undefined ? snapText : nameToText(snapshotName(snap)),
    rawSnapshot: snap === undefined ? snapText : nameToText(snap.name),
    id: link.imageId,
    trash: parent?.trash !== undefined,
    overlap: link.overlap,
  };
}
