import { nameToText, textToName } from '../bytes/names.ts';
import { NOSNAP } from '../ceph/encoding.ts';
import { errorText, isSourceFault, notFoundError } from '../errors/salvage-error.ts';
import { type MigrationSource, migrationSource } from '../rbd/migration.ts';
import type { ObjectMap } from '../rbd/object-map.ts';
import type { ParentLink } from '../rbd/parent-link.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import { type Geometry, makeGeometry } from '../rbd/striping.ts';
import { dataPoolOf, type Image, imageSpecText, plainSnapshot, snapshotName } from './image.ts';
import type { ObjectCopy } from './object-candidates.ts';
import { ObjectTable } from './object-table.ts';
import { findParent, findSource, parentLinkOf } from './parents.ts';

/** What shows through where a layer has no object. */
export interface LayerParent {
  /** undefined: it cannot be found, `reason` says why */
  layer: Layer | undefined;
  /** image bytes from here on are zeros */
  overlap: number;
  reason: string;
  /** set: whatever shows through may be something else */
  doubt?: string;
}

/** The data objects that one pool holds of a layer. */
export interface PoolObjects {
  pool: number;
  /** a cache tier: what it has no object of lies in the base pool */
  isCache: boolean;
  objects: ObjectTable;
}

/** Copies of an object of a pool, of its head or of those clones that are `wanted`. */
export const copiesOf = (
  { objects }: PoolObjects,
  objectNo: number,
  wanted: (snap: number) => boolean,
): ObjectCopy[] =>
  objects
    .rowsOf(objectNo)
    .filter((row) => wanted(objects.snap(row)))
    .map((row) => ({ osd: objects.osd(row), ref: objects.ref(row) }));

/** An image at a snapshot or at its head: one layer of what is read. */
export interface Layer {
  image: Image;
  snapshot: Snapshot | undefined;
  /** NOSNAP for the head */
  snapId: bigint;
  size: number;
  geometry: Geometry;
  dataPool: number;
  objects: ObjectTable;
  /** cache tiers of the data pool, then the data pool itself */
  pools: PoolObjects[];
  /** which objects the image thinks it has; undefined until `attachObjectMaps` finds one to trust */
  objectMap: ObjectMap | undefined;
  parent: LayerParent | undefined;
}

/** Real chains are at most 16 long: librbd refuses more. */
const MAX_LAYERS = 64;

/** The snapshot of that name. @throws NOT_FOUND, saying which there are */
export function findSnapshot(image: Image, name: string): Snapshot {
  const named = image.header.snapshots.filter((s) => s.namespace.type !== 'trash');
  const snapshot = named.find((s) => nameToText(snapshotName(s)) === name);
  if (snapshot !== undefined) return snapshot;
  const there = named.map((s) => nameToText(snapshotName(s))).join(', ');
  throw notFoundError(
    `${imageSpecText(image)} has no snapshot "${name}" (${there === '' ? 'it has none' : `there are: ${there}`})`,
  );
}

export interface LayerOptions {
  /** leave the parent out: the image's own data alone */
  noParent?: boolean;
  /** overrides the size that the metadata tells */
  size?: number;
}

/** An image at `snapshot` (undefined: its head), with everything that shows through it. */
export function buildLayer(
  image: Image,
  snapshot: Snapshot | undefined,
  options: LayerOptions = {},
  depth = 0,
): Layer {
  const { header } = image;
  const size = options.size ?? snapshot?.size ?? header.size;
  const dataPool = dataPoolOf(image);
  const pools = [...image.cluster.cacheTiersOf(dataPool), dataPool].map((pool) => ({
    pool,
    isCache: pool !== dataPool,
    objects: new ObjectTable(image.cluster.dataPrefix(pool, image.namespace, header.objectPrefix)),
  }));
  return {
    image,
    snapshot,
    snapId: snapshot?.id ?? NOSNAP,
    size,
    geometry: makeGeometry(header.order, header.stripeUnit, header.stripeCount),
    dataPool,
    objects: pools[pools.length - 1]!.objects,
    pools,
    objectMap: undefined,
    parent: options.noParent ? undefined : parentLayer(image, snapshot, size, depth),
  };
}

/** The same image at another snapshot, or at its head; its objects are not looked up again. */
export function layerAt(layer: Layer, snapshot: Snapshot | undefined, noParent = false): Layer {
  const { image } = layer;
  const size = snapshot?.size ?? image.header.size;
  return {
    ...{ ...layer, snapshot, snapId: snapshot?.id ?? NOSNAP, size, objectMap: undefined },
    parent: noParent ? undefined : parentLayer(image, snapshot, size, 0),
  };
}

function parentLayer(
  image: Image,
  snapshot: Snapshot | undefined,
  size: number,
  depth: number,
): LayerParent | undefined {
  const { migration } = image.header;
  // While an image is being migrated its source stands where a parent would.
  const source = migration && migrationSource(migration, snapshot?.id ?? NOSNAP, size);
  if (source !== undefined) return throughSource(image, source, depth);
  const link = parentLinkOf(image, snapshot);
  return link === undefined ? undefined : throughParent(image, link, depth);
}

const missing = (overlap: number, reason: string): LayerParent => ({
  layer: undefined,
  overlap,
  reason,
});

function throughParent(image: Image, link: ParentLink, depth: number): LayerParent {
  const what = `parent ${image.cluster.poolName(link.pool)}/${link.imageId}@${link.snapId}`;
  if (depth >= MAX_LAYERS)
    return missing(link.overlap, `${what}: the chain of parents does not end`);
  const parent = findParent(image, link);
  if (parent === undefined) return missing(link.overlap, `${what} was not found`);
  return tolerantly(link.overlap, what, () => {
    const snapshot = snapshotAt(parent, link);
    if (snapshot === undefined) return missing(link.overlap, `${what}: the snapshot was not found`);
    const layer = buildLayer(parent, snapshot, {}, depth + 1);
    return shows(layer, what, link.overlap);
  });
}

/** What is wrong with its header may make other bytes of it; where that is lost the object size is a guess. */
function shows(layer: Layer, what: string, overlap: number): LayerParent {
  const { unsure } = layer.image;
  return {
    ...{ layer, overlap: Math.min(overlap, layer.size), reason: '' },
    ...(unsure === undefined ? {} : { doubt: `${what}: ${unsure}` }),
  };
}

/**
 * The snapshot that a child sees. What it has is told by its objects: without a header it is known by the child alone, and had
 * at least what that still sees of it.
 */
function snapshotAt(
  { headless, header }: Image,
  { snapId, overlap }: Pick<ParentLink, 'snapId' | 'overlap'>,
): Snapshot | undefined {
  if (!headless) return header.snapshots.find(({ id }) => id === snapId);
  const size = Math.max(header.size, overlap);
  return plainSnapshot({ id: snapId, name: textToName(`snap-${snapId}`), size });
}

/** Where the catalog is damaged for a parent, what the child has of its own is still there. */
function tolerantly(overlap: number, what: string, through: () => LayerParent): LayerParent {
  try {
    return through();
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return missing(overlap, `${what}: ${errorText(error)}`);
  }
}

/** A layer and all that shows through it, nearest first. */
export function layersOf(layer: Layer): Layer[] {
  const below = layer.parent?.layer;
  return [layer, ...(below === undefined ? [] : layersOf(below))];
}

function throughSource(image: Image, source: MigrationSource, depth: number): LayerParent {
  const what = `migration source ${nameToText(source.imageName)}`;
  const found = findSource(image, source);
  if (found === undefined || depth >= MAX_LAYERS)
    return missing(source.overlap, `${what} was not found`);
  return tolerantly(source.overlap, what, () => {
    const isHead = source.snapId === NOSNAP;
    const { headless, header } = found;
    const snapshot = isHead ? undefined : snapshotAt(found, source);
    if (snapshot === undefined && !isHead) {
      return missing(source.overlap, `${what}: snapshot ${source.snapId} was not found`);
    }
    // Without a header its size is a guess, and it had at least what is still seen of it.
    const size = headless ? { size: Math.max(header.size, source.overlap) } : {};
    const layer = buildLayer(found, snapshot, size, depth + 1);
    return shows(layer, what, source.overlap);
  });
}
