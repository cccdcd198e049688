import { binaryKey, nameToText, textToName } from '../bytes/names.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { parseDirectory, parseRbdId } from '../rbd/directory.ts';
import { parseHeaderV1 } from '../rbd/header-v1.ts';
import { parseImageHeader } from '../rbd/header-v2.ts';
import {
  RBD_DIRECTORY,
  RBD_HEADER_PREFIX,
  RBD_ID_PREFIX,
  RBD_TRASH,
  RBD_V1_HEADER_SUFFIX,
} from '../rbd/names.ts';
import type { OmapEntry } from '../rbd/omap-values.ts';
import { parseTrash, type TrashedImage } from '../rbd/trash.ts';
import { UNKNOWN_POOL } from '../store/object-store.ts';
import type { Cluster } from './cluster.ts';
import { headlessImage } from './headless.ts';
import { dataPoolOf, headerFromV1, type Image } from './image.ts';
import { objectKey } from './object-key.ts';

/** What the index objects of one pool and namespace say. */
interface Names {
  /** id -> name */
  byId: Map<string, Uint8Array>;
  trash: Map<string, TrashedImage>;
}

const omapOf = (object: MetadataObject): OmapEntry[] =>
  (object.omap ?? []).map(([key, value]) => ({ key, value }));

/** The images of a cluster, by what its metadata objects say. */
export class ImageIndex {
  readonly images: Image[] = [];
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  readonly #names = new Map<string, Names>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
    const objects = [...cluster.metadataObjects()];
    for (const object of objects) this.#tolerantly(object, () => this.#readIndex(object));
    for (const object of objects) this.#tolerantly(object, () => this.#readHeader(object));
    this.#addHeadless();
    this.images.sort(compareImages);
  }

  #tolerantly(object: MetadataObject, read: () => void): void {
    try {
      read();
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const { pool, name } = object.ref.id;
      const at = `${this.#cluster.poolName(pool)}/${nameToText(name)}`;
      this.problems.push(`${at}: ${errorText(error)}`);
    }
  }

  #namesOf(pool: number, namespace: Uint8Array): Names {
    const key = `${pool}/${binaryKey(namespace)}`;
    let names = this.#names.get(key);
    if (names === undefined) {
      names = { byId: new Map(), trash: new Map() };
      this.#names.set(key, names);
    }
    return names;
  }

  /** rbd_directory, rbd_id.* and rbd_trash: who is called what. */
  #readIndex(object: MetadataObject): void {
    const { namespace, name } = object.ref.id;
    const pool = this.#cluster.basePool(object.ref.id.pool);
    const text = nameToText(name);
    const names = this.#namesOf(pool, namespace);
    if (text === RBD_DIRECTORY) {
      const { byName, byId } = parseDirectory(omapOf(object));
      // rbd_id objects are what clients open images by: they win over the directory.
      for (const entry of [...byName, ...byId]) {
        if (!names.byId.has(entry.id)) names.byId.set(entry.id, entry.name);
      }
    } else if (text === RBD_TRASH) {
      for (const image of parseTrash(omapOf(object)).images) names.trash.set(image.id, image);
    } else if (text.startsWith(RBD_ID_PREFIX) && object.data !== undefined) {
      names.byId.set(parseRbdId(object.data), name.subarray(RBD_ID_PREFIX.length));
    }
  }

  #readHeader(object: MetadataObject): void {
    const { name } = object.ref.id;
    const text = nameToText(name);
    if (text.startsWith(RBD_HEADER_PREFIX)) this.#addFormat2(object);
    else if (text.endsWith(RBD_V1_HEADER_SUFFIX)) this.#addFormat1(object);
  }

  /** Data objects that no header claims. */
  #addHeadless(): void {
    const claimed = new Set(
      this.images.map((image) =>
        objectKey(dataPoolOf(image), image.namespace, image.header.objectPrefix),
      ),
    );
    for (const prefix of this.#cluster.dataPrefixes()) {
      if (
        claimed.has(objectKey(this.#cluster.basePool(prefix.pool), prefix.namespace, prefix.prefix))
      )
        continue;
      const image = headlessImage(this.#cluster, prefix, ({ pool, id }) =>
        this.#nameOf(pool, prefix.namespace, id),
      );
      if (image !== undefined) this.images.push(image);
    }
  }

  /** What the index objects call an id: live, in the trash, or nothing at all. */
  #nameOf(
    pool: number,
    namespace: Uint8Array,
    id: string,
  ): Pick<Image, 'name' | 'named' | 'trash'> {
    const names = this.#namesOf(pool, namespace);
    // Objects that do not tell their pool may name those that do, or by their prefix seem to.
    const live = names.byId.get(id) ?? this.#namesOf(UNKNOWN_POOL, namespace).byId.get(id);
    const trash = live === undefined ? names.trash.get(id) : undefined;
    const known = live ?? trash?.name;
    return { name: known ?? textToName(id), named: known !== undefined, trash };
  }

  #addFormat2(object: MetadataObject): void {
    const { namespace, name } = object.ref.id;
    // Nothing could be read of it, which its `problem` says: what its data objects tell has to do.
    if (object.omap === undefined) return;
    const pool = this.#cluster.basePool(object.ref.id.pool);
    const id = nameToText(name.subarray(RBD_HEADER_PREFIX.length));
    const header = parseImageHeader(omapOf(object));
    this.images.push({
      ...{ cluster: this.#cluster, pool, namespace, id, format: 2, header },
      ...this.#nameOf(pool, namespace, id),
      headless: false,
      guesses: [],
      unsure: header.problems[0] ?? object.problem,
      problems: [...header.problems, ...(object.problem === undefined ? [] : [object.problem])],
    });
  }

  #addFormat1(object: MetadataObject): void {
    const { namespace, name } = object.ref.id;
    const pool = this.#cluster.basePool(object.ref.id.pool);
    if (object.data === undefined) return;
    const header = headerFromV1(parseHeaderV1(object.data));
    this.images.push({
      ...{ cluster: this.#cluster, pool, namespace, id: '', format: 1, header },
      name: name.subarray(0, name.length - RBD_V1_HEADER_SUFFIX.length),
      named: true,
      trash: undefined,
      headless: false,
      guesses: [],
      unsure: object.problem,
      problems: object.problem === undefined ? [] : [object.problem],
    });
  }
}

/** By pool, namespace and name; format 1 first, as `rbd ls` has it, live before trashed. */
function compareImages(a: Image, b: Image): number {
  return (
    a.pool - b.pool ||
    Buffer.compare(a.namespace, b.namespace) ||
    Number(a.trash !== undefined) - Number(b.trash !== undefined) ||
    a.format - b.format ||
    Buffer.compare(a.name, b.name)
  );
}
