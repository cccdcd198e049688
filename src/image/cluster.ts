import { nameToText } from '../bytes/names.ts';
import type { CatalogOsd } from '../catalog/catalog.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { osdName } from '../catalog/osd-records.ts';
import { NOSNAP } from '../ceph/encoding.ts';
import type { OsdMap } from '../ceph/osdmap.ts';
import { erasureCode } from '../ec/erasure-code.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { parseDataObjectName } from '../rbd/names.ts';
import { type ObjectRef, UNKNOWN_POOL } from '../store/object-store.ts';
import type { PoolErasure } from './ec-shards.ts';
import type { Image } from './image.ts';
import { type MetadataCopy, pickCopy } from './metadata-copies.ts';
import { objectKey } from './object-key.ts';
import { type DataPrefix, dataPrefixes } from './object-table.ts';
import { PgAuthority } from './pg-authority.ts';

/** An OSD of a cluster; `index` is its place in `Cluster.osds`. */
export interface ClusterOsd {
  index: number;
  /** `osd.3`, or a path where the number is not known */
  name: string;
  catalog: CatalogOsd;
}

/** Finds the images in a cluster's metadata objects. */
export type ImageFinder = (cluster: Cluster) => { images: Image[]; problems: string[] };

/** Everything that catalogs know of one cluster. */
export class Cluster {
  /** undefined where no OSD tells it */
  readonly fsid: string | undefined;
  readonly osds: ClusterOsd[];
  readonly osdMap: OsdMap | undefined;
  readonly problems: string[] = [];
  /** metadata of some OSD could not be read from the catalog: images may be missing or old */
  incomplete = false;
  readonly pgs: PgAuthority;
  #metadata: Map<string, MetadataCopy[]> | undefined;
  #prefixes: Map<string, DataPrefix> | undefined;
  #images: Image[] | undefined;
  #byId: Map<string, Image> | undefined;
  readonly #findImages: ImageFinder;
  readonly #erasure = new Map<number, PoolErasure>();

  constructor(
    fsid: string | undefined,
    osds: CatalogOsd[],
    osdMap: OsdMap | undefined,
    findImages: ImageFinder,
  ) {
    this.fsid = fsid;
    this.#findImages = findImages;
    this.osdMap = osdMap;
    this.pgs = new PgAuthority(this);
    this.osds = osds
      .map((catalog) => ({ name: osdName(catalog.identity, catalog.location.path), catalog }))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }))
      .map((osd, index) => ({ index, ...osd }));
  }

  /** Its images, found when first asked for; what is wrong with some ends up in `problems`. */
  get images(): Image[] {
    if (this.#images === undefined) {
      const index = this.#findImages(this);
      this.problems.push(...index.problems);
      this.#images = index.images;
    }
    return this.#images;
  }

  /** The image of that id; of several that claim it, the first one of `images`. */
  imageOf(pool: number, namespace: Uint8Array, id: string): Image | undefined {
    if (this.#byId === undefined) {
      this.#byId = new Map();
      for (const image of this.images) {
        const key = objectKey(image.pool, image.namespace, image.id);
        if (!this.#byId.has(key)) this.#byId.set(key, image);
      }
    }
    return this.#byId.get(objectKey(pool, namespace, id));
  }

  /** A pool's name, or its number where no map tells the name. */
  poolName(pool: number): string {
    if (pool === UNKNOWN_POOL) return 'unknown';
    const name = this.osdMap?.pools.get(pool)?.name;
    return name === undefined ? String(pool) : nameToText(name);
  }

  /** The pool of that name or, failing that, number. */
  poolId(name: string): number | undefined {
    for (const pool of this.osdMap?.pools.values() ?? []) {
      if (nameToText(pool.name) === name) return pool.id;
    }
    if (name === 'unknown') return this.pools().includes(UNKNOWN_POOL) ? UNKNOWN_POOL : undefined;
    return /^\d+$/.test(name) && this.pools().includes(Number(name)) ? Number(name) : undefined;
  }

  /** The pools that cache `pool`, nearest to the client first. */
  cacheTiersOf(pool: number): number[] {
    const tiers = this.osdMap?.pools.get(pool)?.tiers ?? [];
    return tiers.filter((tier) => this.osdMap?.pools.get(tier)?.tierOf === pool);
  }

  /** The pool that clients mean: the base of a cache tier, else the pool itself. */
  basePool(pool: number): number {
    return this.osdMap?.pools.get(pool)?.tierOf ?? pool;
  }

  /** How shards make the objects of an erasure-coded pool; undefined for other pools. */
  erasureOf(pool: number): PoolErasure | undefined {
    const found = this.osdMap?.pools.get(pool);
    if (found?.type !== 'erasure') return undefined;
    let erasure = this.#erasure.get(pool);
    if (erasure === undefined) {
      erasure = this.#erasureCode(found.ecProfileName, found.stripeWidth);
      this.#erasure.set(pool, erasure);
    }
    return erasure;
  }

  #erasureCode(name: string, stripeWidth: number): PoolErasure {
    const profile = this.osdMap!.ecProfiles.get(name) ?? new Map<string, string>();
    const source = { profile: [...profile], stripeWidth };
    try {
      return { ...source, code: erasureCode(profile), reason: '' };
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return {
        ...source,
        code: undefined,
        reason: `erasure code profile ${name}: ${errorText(error)}`,
      };
    }
  }

  /** Pools of the map and pools that only objects tell of, ascending. */
  pools(): number[] {
    const ids = new Set(this.osdMap?.pools.keys() ?? []);
    for (const copies of this.#objects().values())
      ids.add(this.basePool(copies[0]!.object.ref.id.pool));
    for (const { pool } of this.dataPrefixes()) ids.add(this.basePool(pool));
    return [...ids].sort((a, b) => a - b);
  }

  /** Copies of RBD metadata objects (heads and snapdirs), by `objectKey`. */
  #objects(): Map<string, MetadataCopy[]> {
    if (this.#metadata !== undefined) return this.#metadata;
    const index = new Map<string, MetadataCopy[]>();
    for (const osd of this.osds) {
      for (const object of this.#metadataOf(osd)) {
        const { pool, namespace, name, snap, shard } = object.ref.id;
        if (snap !== NOSNAP || shard > 0) continue;
        const key = objectKey(this.basePool(pool), namespace, name);
        const copies = index.get(key);
        if (copies === undefined) index.set(key, [{ osd: osd.index, object }]);
        else copies.push({ osd: osd.index, object });
      }
    }
    this.#metadata = index;
    return index;
  }

  /** Data objects that the catalog keeps by their full names. */
  *oddDataObjects(): Generator<{
    osd: ClusterOsd;
    ref: ObjectRef;
    prefix: Uint8Array;
    objectNo: number;
  }> {
    for (const osd of this.osds) {
      for (const { ref } of this.#metadataOf(osd)) {
        const data = parseDataObjectName(ref.id.name);
        if (data !== undefined) yield { osd, ref, ...data };
      }
    }
  }

  /** The data objects of an image, by pool, namespace and prefix. */
  dataPrefix(pool: number, namespace: Uint8Array, prefix: Uint8Array): DataPrefix {
    this.#prefixes ??= dataPrefixes(this);
    const known = this.#prefixes.get(objectKey(pool, namespace, prefix));
    return known ?? { pool, namespace, prefix, postings: [], odd: [] };
  }

  /** Every prefix that has data objects. */
  dataPrefixes(): Iterable<DataPrefix> {
    this.#prefixes ??= dataPrefixes(this);
    return this.#prefixes.values();
  }

  #metadataOf(osd: ClusterOsd): MetadataObject[] {
    try {
      return osd.catalog.rbdMetadata();
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.problems.push(`${osd.name}: ${errorText(error)}`);
      this.incomplete = true;
      return [];
    }
  }

  /** The copy of a metadata object that counts, or undefined where it does not exist. */
  metadataObject(
    pool: number,
    namespace: Uint8Array,
    name: Uint8Array | string,
  ): MetadataObject | undefined {
    const copies = this.#objects().get(objectKey(pool, namespace, name));
    return copies === undefined ? undefined : this.#pick(copies);
  }

  /** Cache before base: the first pool that has the object says what it is. */
  #pick(copies: readonly MetadataCopy[]): MetadataObject | undefined {
    const base = this.basePool(copies[0]!.object.ref.id.pool);
    for (const pool of [...this.cacheTiersOf(base), base]) {
      const own = copies.filter(({ object }) => object.ref.id.pool === pool);
      if (own.length === 0) continue;
      const picked = pickCopy(own, this.pgs.decide(pool, own[0]!.object.ref.id.hash));
      if (picked === 'whiteout') return undefined;
      if (picked === 'absent') continue;
      if (picked.problem !== undefined) this.#notePicked(picked);
      return picked;
    }
    return undefined;
  }

  /** The best copy of a metadata object is damaged: whatever follows from it may be wrong. */
  #notePicked({ ref, problem }: MetadataObject): void {
    const text = `${this.poolName(ref.id.pool)}/${nameToText(ref.id.name)}: ${problem}`;
    if (!this.problems.includes(text)) this.problems.push(text);
  }

  /** Where copies of a metadata object lie, whatever they are worth. */
  copiesOf(
    pool: number,
    namespace: Uint8Array,
    name: Uint8Array,
  ): { osd: ClusterOsd; ref: ObjectRef }[] {
    const copies = this.#objects().get(objectKey(pool, namespace, name)) ?? [];
    return copies.map(({ osd, object }) => ({ osd: this.osds[osd]!, ref: object.ref }));
  }

  /** Metadata objects whose names begin so, whether or not they exist in the end. */
  *objectsNamed(
    prefix: string,
  ): Generator<{ pool: number; namespace: Uint8Array; name: Uint8Array }> {
    const start = Buffer.from(prefix);
    for (const copies of this.#objects().values()) {
      const { pool, namespace, name } = copies[0]!.object.ref.id;
      if (Buffer.compare(name.subarray(0, start.length), start) !== 0) continue;
      yield { pool: this.basePool(pool), namespace, name };
    }
  }

  /** Each metadata object that exists, its copy that counts. */
  *metadataObjects(): Generator<MetadataObject> {
    for (const copies of this.#objects().values()) {
      const object = this.#pick(copies);
      if (object !== undefined) yield object;
    }
  }
}
