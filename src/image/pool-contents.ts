import { nameToText } from '../bytes/names.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { RBD_NAMESPACE, RBD_TRASH } from '../rbd/names.ts';
import { parseNamespaces } from '../rbd/namespaces.ts';
import { parseTrash, type TrashedImage } from '../rbd/trash.ts';
import type { Cluster } from './cluster.ts';
import type { Image } from './image.ts';

/** A pool, or one namespace of it. */
export interface PoolScope {
  cluster: Cluster;
  pool: number;
  /** undefined: all of them */
  namespace: string | undefined;
}

function objectsCalled({ cluster, pool, namespace }: PoolScope, name: string): MetadataObject[] {
  return [...cluster.metadataObjects()].filter(({ ref: { id } }) => {
    const isThere = cluster.basePool(id.pool) === pool && nameToText(id.name) === name;
    return isThere && (namespace === undefined || nameToText(id.namespace) === namespace);
  });
}

const omapOf = ({ omap = [] }: MetadataObject) => omap.map(([key, value]) => ({ key, value }));

export const imagesIn = ({ cluster, pool, namespace }: PoolScope): Image[] =>
  cluster.images.filter(
    (image) =>
      image.pool === pool && (namespace === undefined || nameToText(image.namespace) === namespace),
  );

/** Names of a pool's namespaces: those it lists and those that images lie in, sorted. */
export function namespacesOf(cluster: Cluster, pool: number): string[] {
  const all = { cluster, pool, namespace: undefined };
  const listed = objectsCalled({ ...all, namespace: '' }, RBD_NAMESPACE).flatMap((object) =>
    parseNamespaces(omapOf(object)).map(nameToText),
  );
  const used = imagesIn(all).map((image) => nameToText(image.namespace));
  const names = new Set([...listed, ...used].filter((name) => name !== ''));
  return [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

export interface TrashEntry extends TrashedImage {
  pool: number;
  namespace: string;
  /** undefined: its header was not found, nor any object of it */
  image: Image | undefined;
}

/** What the trash of a scope lists, by namespace and id. */
export function trashOf(scope: PoolScope): { entries: TrashEntry[]; problems: string[] } {
  const entries: TrashEntry[] = [];
  const problems: string[] = [];
  const images = imagesIn(scope);
  for (const object of objectsCalled(scope, RBD_TRASH)) {
    const namespace = nameToText(object.ref.id.namespace);
    const trash = parseTrash(omapOf(object));
    problems.push(...trash.problems.map((text) => `${RBD_TRASH}: ${text}`));
    for (const entry of trash.images) {
      const image = images.find((i) => i.id === entry.id && nameToText(i.namespace) === namespace);
      entries.push({ ...entry, pool: scope.pool, namespace, image });
    }
  }
  entries.sort((a, b) =>
    a.namespace < b.namespace ? -1 : a.namespace > b.namespace ? 1 : a.id < b.id ? -1 : 1,
  );
  return { entries, problems };
}
