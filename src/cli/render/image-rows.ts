import { nameToText } from '../../bytes/names.ts';
import { type Image, imageSpecText, snapshotName } from '../../image/image.ts';
import { type NamedParent, parentOf } from '../../image/parents.ts';
import type { Snapshot } from '../../rbd/snapshot.ts';

/** One entry of `ls --format json`: `rbd ls -l`'s fields, and ours behind them. */
export interface ImageRowJson {
  image: string;
  id: string;
  snapshot?: string;
  snapshot_id?: number;
  /** null: the catalog is damaged there */
  size: number | null;
  parent?: ReturnType<typeof parentJson>;
  format: number;
  protected?: 'true' | 'false';
  pool: string;
  namespace: string;
  trash: boolean;
  headless: boolean;
}

export interface ImageRow {
  spec: string;
  parentText: string;
  json: ImageRowJson;
}

/** A parent in `rbd`'s JSON fields. */
export const parentJson = (parent: NamedParent) => ({
  pool: parent.pool,
  pool_namespace: parent.namespace,
  image: parent.image,
  snapshot: parent.rawSnapshot,
});

const parentText = (parent: NamedParent): string => {
  const namespace = parent.namespace === '' ? '' : `${parent.namespace}/`;
  return `${parent.pool}/${namespace}${parent.image}@${parent.snapshot}`;
};

/** @param size null: not known */
export function imageRow(
  image: Image,
  snapshot: Snapshot | undefined,
  size: number | null,
): ImageRow {
  const snapName = snapshot === undefined ? undefined : nameToText(snapshotName(snapshot));
  const parent = parentOf(image, snapshot);
  return {
    spec: imageSpecText(image, snapName),
    parentText: parent === undefined ? '' : parentText(parent),
    json: {
      image: nameToText(image.name),
      id: image.id,
      ...(snapshot === undefined ? {} : { snapshot: snapName!, snapshot_id: Number(snapshot.id) }),
      size,
      ...(parent === undefined ? {} : { parent: parentJson(parent) }),
      format: image.format,
      ...(snapshot === undefined
        ? {}
        : {
            protected: snapshot.protection === 'protected' ? ('true' as const) : ('false' as const),
          }),
      pool: image.cluster.poolName(image.pool),
      namespace: nameToText(image.namespace),
      trash: image.trash !== undefined,
      headless: image.headless,
    },
  };
}

/**
 * The row of an image and, with `snapshots`, those of its snapshots behind it, oldest first.
 * @throws CORRUPT where the rows of an image without a header are damaged in the catalog
 */
export function imageRows(image: Image, snapshots: boolean): ImageRow[] {
  const { header } = image;
  // A removed snapshot that clones still need is not one a person can name.
  const named = snapshots ? header.snapshots.filter((s) => s.namespace.type !== 'trash') : [];
  return [
    imageRow(image, undefined, header.size),
    ...named.map((snapshot) => imageRow(image, snapshot, snapshot.size)),
  ];
}
