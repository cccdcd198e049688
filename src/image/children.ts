import { nameToText } from '../bytes/names.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { type ChildImage, parseChildren } from '../rbd/children.ts';
import { RBD_CHILDREN } from '../rbd/names.ts';
import type { OmapEntry } from '../rbd/omap-values.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { Image } from './image.ts';
import { parentLinkOf } from './parents.ts';

/** A clone of an image. */
export interface Child {
  pool: string;
  namespace: string;
  /** its id where the image itself was not found */
  name: string;
  id: string;
  trash: boolean;
  /** undefined: its parent lists it, but neither header nor objects of it were found */
  image: Image | undefined;
}

const childOf = (image: Image): Child => ({
  pool: image.cluster.poolName(image.pool),
  namespace: nameToText(image.namespace),
  name: nameToText(image.name),
  id: image.id,
  trash: image.trash !== undefined,
  image,
});

/** Does a head or snapshot of `image` see `parent`, at `snapshot` if one is given? */
function isChildOf(image: Image, parent: Image, snapshot: Snapshot | undefined): boolean {
  // Without a header nothing tells of a parent, and finding out its snapshots reads all its rows.
  if (image.headless) return false;
  return [undefined, ...image.header.snapshots].some((point) => {
    const link = parentLinkOf(image, point);
    return (
      link !== undefined &&
      link.pool === parent.pool &&
      link.imageId === parent.id &&
      Buffer.compare(link.namespace, parent.namespace) === 0 &&
      (snapshot === undefined || link.snapId === snapshot.id)
    );
  });
}

const omapOf = (object: MetadataObject): OmapEntry[] =>
  (object.omap ?? []).map(([key, value]) => ({ key, value }));

/** Clones of the first format by the rbd_children of their pools, which may outlive their headers. */
function listedV1(parent: Image, snapshot: Snapshot | undefined): ChildImage[] {
  const listed: ChildImage[] = [];
  for (const object of parent.cluster.metadataObjects()) {
    if (nameToText(object.ref.id.name) !== RBD_CHILDREN) continue;
    const { pool, namespace } = object.ref.id;
    for (const entry of parseChildren(omapOf(object)).parents) {
      const isOurs = entry.pool === parent.pool && entry.imageId === parent.id;
      if (!isOurs || (snapshot !== undefined && entry.snapId !== snapshot.id)) continue;
      for (const imageId of entry.childIds) {
        listed.push({ pool: parent.cluster.basePool(pool), imageId, namespace });
      }
    }
  }
  return listed;
}

function listedV2({ header }: Image, snapshot: Snapshot | undefined): ChildImage[] {
  const all = [...header.snapChildren];
  return all.flatMap(([id, children]) =>
    snapshot === undefined || id === snapshot.id ? children : [],
  );
}

/** By pool, namespace and name, as `rbd children` lists them. */
const compareChildren = (a: Child, b: Child): number =>
  Buffer.compare(Buffer.from(a.pool), Buffer.from(b.pool)) ||
  Buffer.compare(Buffer.from(a.namespace), Buffer.from(b.namespace)) ||
  Buffer.compare(Buffer.from(a.name), Buffer.from(b.name));

/**
 * The clones of an image, or of one of its snapshots: those whose headers name it as their parent,
 * and those that it or their pool lists.
 */
export function childrenOf(parent: Image, snapshot: Snapshot | undefined): Child[] {
  const { cluster } = parent;
  if (parent.id === '') return [];
  const found = cluster.images.filter((image) => isChildOf(image, parent, snapshot)).map(childOf);
  for (const { pool, namespace, imageId } of [
    ...listedV1(parent, snapshot),
    ...listedV2(parent, snapshot),
  ]) {
    const poolName = cluster.poolName(pool);
    const space = nameToText(namespace);
    const isSame = (child: Child) =>
      child.id === imageId && child.pool === poolName && child.namespace === space;
    // A header that was found and names no parent has been flattened, whatever the lists say.
    const image = cluster.images.find((i) => i.id === imageId && isSame(childOf(i)) && !i.headless);
    if (found.some(isSame) || image !== undefined) continue;
    found.push({
      pool: poolName,
      namespace: space,
      name: imageId,
      id: imageId,
      trash: false,
      image: undefined,
    });
  }
  return found.sort(compareChildren);
}

/** Children, their children, and so on; each once. */
export function descendantsOf(parent: Image, snapshot: Snapshot | undefined): Child[] {
  const found = new Map<string, Child>();
  const waiting = childrenOf(parent, snapshot);
  for (let child = waiting.pop(); child !== undefined; child = waiting.pop()) {
    const key = JSON.stringify([child.pool, child.namespace, child.id]);
    if (found.has(key)) continue;
    found.set(key, child);
    if (child.image !== undefined) waiting.push(...childrenOf(child.image, undefined));
  }
  return [...found.values()].sort(compareChildren);
}
