import { nameToText } from '../bytes/names.ts';
import { NOSNAP } from '../ceph/encoding.ts';
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
  child.cluster.images.find(
    (image) =>
      image.pool === link.pool &&
      image.id === link.imageId &&
      Buffer.compare(image.namespace, link.namespace) === 0,
  );

/** Pool, image and snapshot names of the parent in force. */
export function parentOf(image: Image, snapshot: Snapshot | undefined): NamedParent | undefined {
  const link = parentLinkOf(image, snapshot);
  if (link === undefined) return undefined;
  const parent = findParent(image, link);
  const snap = parent?.header.snapshots.find((s) => s.id === link.snapId);
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
