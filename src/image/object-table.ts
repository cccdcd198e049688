import { binaryKey } from '../bytes/names.ts';
import type { GroupEntry, GroupRows, Segment } from '../catalog/segment.ts';
import { NOSNAP, SNAPDIR } from '../ceph/encoding.ts';
import { unescapeField } from '../store/escaped-field.ts';
import { type ObjectRef, UNKNOWN_POOL } from '../store/object-store.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../store/row-snap.ts';
import type { Cluster, ClusterOsd } from './cluster.ts';
import { objectKey } from './object-key.ts';
import { sortedOrder } from './radix-sort.ts';

/** One OSD's rows of one image, still in the catalog. */
export interface Posting {
  osd: ClusterOsd;
  segment: Segment;
  group: GroupEntry;
  /** -1 outside erasure-coded pools */
  shard: number;
}

interface GroupName {
  pool: number;
  namespace: Uint8Array;
  prefix: Uint8Array;
  shard: number;
}

/** What prefix and tail of a group stand for; both are canonical, the scan saw to that. */
function groupName([prefix, tail]: GroupEntry): GroupName {
  const [, namespace, pool, , shard] = Buffer.from(tail).toString('latin1').split('_');
  return {
    pool: Number.parseInt(pool!, 16),
    namespace: unescapeField(Buffer.from(namespace!, 'latin1')),
    prefix: unescapeField(prefix),
    shard: shard === undefined ? -1 : Number.parseInt(shard, 16),
  };
}

/** A data object kept by its full name: an object number beyond 32 bits, a shortened file name. */
export interface OddDataObject {
  osd: ClusterOsd;
  ref: ObjectRef;
  objectNo: number;
}

export interface DataPrefix {
  pool: number;
  namespace: Uint8Array;
  prefix: Uint8Array;
  postings: Posting[];
  odd: OddDataObject[];
}

/** Which images have data objects, and in which segments: heads of segments only, no rows. */
export function dataPrefixes(cluster: Cluster): Map<string, DataPrefix> {
  const found = new Map<string, DataPrefix>();
  const entry = ({ pool, namespace, prefix }: Omit<GroupName, 'shard'>): DataPrefix => {
    const key = objectKey(pool, namespace, prefix);
    let known = found.get(key);
    if (known === undefined) {
      known = { pool, namespace, prefix, postings: [], odd: [] };
      found.set(key, known);
    }
    return known;
  };
  // Each segment has a group for nearly every image: names are taken apart once.
  const named = new Map<string, { known: DataPrefix; shard: number }>();
  const nameOf = (group: GroupEntry) => {
    const [prefix, tail] = group;
    const key = `${prefix.length}/${binaryKey(prefix)}${binaryKey(tail)}`;
    let name = named.get(key);
    if (name === undefined) {
      const { shard, ...parts } = groupName(group);
      name = { known: entry(parts), shard };
      named.set(key, name);
    }
    return name;
  };
  for (const osd of cluster.osds) {
    for (const segment of osd.catalog.segments) {
      for (const group of segment.head.groups) {
        const { known, shard } = nameOf(group);
        known.postings.push({ osd, segment, group, shard });
      }
    }
  }
  for (const { osd, ref, prefix, objectNo } of cluster.oddDataObjects()) {
    const { pool, namespace } = ref.id;
    entry({ pool, namespace, prefix }).odd.push({ osd, ref, objectNo });
  }
  settleUnknown(found);
  return found;
}

/** Objects that do not tell their pool belong to the one pool that has others of their image. */
function settleUnknown(found: Map<string, DataPrefix>): void {
  const strays = [...found].filter(([, { pool }]) => pool === UNKNOWN_POOL);
  if (strays.length === 0) return;
  const homes = new Map<string, DataPrefix[]>();
  for (const known of found.values()) {
    if (known.pool === UNKNOWN_POOL) continue;
    const name = binaryKey(known.prefix);
    homes.set(name, [...(homes.get(name) ?? []), known]);
  }
  for (const [key, { prefix, postings, odd }] of strays) {
    const [home, ...others] = homes.get(binaryKey(prefix)) ?? [];
    if (home === undefined || others.length > 0 || home.namespace.length > 0) continue;
    home.postings.push(...postings);
    home.odd.push(...odd);
    found.delete(key);
  }
}

const HEX_DIGITS_V1 = 12;
const HEX_DIGITS_V2 = 16;

/** Takes a row: object number, a clone's id or ROW_*, hash, posting (-1: `odd`), unit or index into `odd`. */
type OnRow = (objectNo: number, snap: number, hash: number, posting: number, unit: number) => void;

/** Those of each posting, less what later scans found gone, then those that are kept by their names. */
function forEachRow({ postings, odd }: DataPrefix, groups: Iterable<GroupRows>, use: OnRow): void {
  let p = 0;
  for (const { length, objectNo, snap, hash, unit } of groups) {
    const { dead } = postings[p]!.segment;
    for (let i = 0; i < length; i++) {
      if (dead.size > 0 && dead.has(unit[i]!)) continue;
      use(objectNo[i]!, snap[i]! - 2, hash[i]!, p, unit[i]!);
    }
    p++;
  }
  for (const [u, { ref, objectNo }] of odd.entries()) {
    use(objectNo, rowSnap(ref.id.snap), ref.id.hash, -1, u);
  }
}

/** Those that are no ROW_*, ascending. */
const cloneIdsOf = (snaps: ReadonlySet<number>): number[] =>
  [...snaps].filter((snap) => snap >= 0).sort((a, b) => a - b);

/** What an image's rows come to. */
export interface Extent {
  /** the highest object number there is, -1 without any */
  lastObjectNo: number;
  /** ids of all clones, ascending */
  cloneIds: number[];
}

/** Reads the rows of a prefix, one posting at a time. @throws CORRUPT when the catalog is damaged there */
export function extentOf(prefix: DataPrefix): Extent {
  function* groups() {
    for (const { segment, group } of prefix.postings) yield segment.rows(group);
  }
  let lastObjectNo = -1;
  const snaps = new Set<number>();
  forEachRow(prefix, groups(), (objectNo, snap) => {
    if (objectNo > lastObjectNo) lastObjectNo = objectNo;
    snaps.add(snap);
  });
  return { lastObjectNo, cloneIds: cloneIdsOf(snaps) };
}

/** Copies of one image's data objects, sorted by object number. 24 bytes a copy. */
export class ObjectTable {
  readonly length: number;
  readonly #objectNo: Float64Array;
  readonly #snap: Float64Array;
  readonly #hash: Uint32Array;
  readonly #posting: Int32Array;
  /** index into the posting's segment's units; for posting -1, index into `odd` */
  readonly #unit: Uint32Array;
  readonly #prefix: DataPrefix;

  /** Reads the rows of a prefix. @throws CORRUPT when the catalog is damaged there */
  constructor(prefix: DataPrefix) {
    this.#prefix = prefix;
    const groups = prefix.postings.map(({ segment, group }) => segment.rows(group));
    const total = groups.reduce((sum, rows) => sum + rows.length, prefix.odd.length);
    const objectNo = new Float64Array(total);
    const snap = new Float64Array(total);
    const hash = new Uint32Array(total);
    const posting = new Int32Array(total);
    const unit = new Uint32Array(total);
    let n = 0;
    const push = (no: number, s: number, h: number, p: number, u: number) => {
      objectNo[n] = no;
      snap[n] = s;
      hash[n] = h;
      posting[n] = p;
      unit[n++] = u;
    };
    forEachRow(prefix, groups, push);
    const order = sortedOrder(objectNo, n);
    const permute = <A extends Float64Array | Uint32Array | Int32Array>(from: A, to: A): A => {
      for (let i = 0; i < n; i++) to[i] = from[order[i]!]!;
      return to;
    };
    this.length = n;
    this.#objectNo = permute(objectNo, new Float64Array(n));
    this.#snap = permute(snap, new Float64Array(n));
    this.#hash = permute(hash, new Uint32Array(n));
    this.#posting = permute(posting, new Int32Array(n));
    this.#unit = permute(unit, new Uint32Array(n));
  }

  /** The highest object number there is, -1 without any. */
  get lastObjectNo(): number {
    return this.length === 0 ? -1 : this.#objectNo[this.length - 1]!;
  }

  objectNo(row: number): number {
    return this.#objectNo[row]!;
  }
  /** a clone's id, ROW_HEAD or ROW_SNAPDIR */
  snap(row: number): number {
    return this.#snap[row]!;
  }
  hash(row: number): number {
    return this.#hash[row]!;
  }
  osd(row: number): ClusterOsd {
    const posting = this.#posting[row]!;
    return posting < 0
      ? this.#prefix.odd[this.#unit[row]!]!.osd
      : this.#prefix.postings[posting]!.osd;
  }
  shard(row: number): number {
    const posting = this.#posting[row]!;
    return posting < 0
      ? this.#prefix.odd[this.#unit[row]!]!.ref.id.shard
      : this.#prefix.postings[posting]!.shard;
  }

  /** First row of an object number; its rows are contiguous. */
  firstRow(objectNo: number): number {
    let low = 0;
    let high = this.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#objectNo[middle]! < objectNo) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The rows of an object number. */
  rowsOf(objectNo: number): number[] {
    const rows: number[] = [];
    for (let row = this.firstRow(objectNo); this.#objectNo[row] === objectNo; row++) rows.push(row);
    return rows;
  }

  /** Ids of all clones, ascending. */
  cloneIds(): number[] {
    return cloneIdsOf(new Set(this.#snap));
  }

  /** Where a row's object lies. */
  ref(row: number): ObjectRef {
    const p = this.#posting[row]!;
    if (p < 0) return this.#prefix.odd[this.#unit[row]!]!.ref;
    const { segment, group, shard } = this.#prefix.postings[p]!;
    const [prefix, tail] = group;
    const digits = this.#digits();
    const objectNo = this.#objectNo[row]!.toString(16).padStart(digits, '0');
    const snap = this.#snap[row]!;
    const hash = this.#hash[row]!;
    const hashText = hash.toString(16).toUpperCase().padStart(8, '0');
    const { pool, namespace, prefix: plain } = this.#prefix;
    return {
      id: {
        ...{ pool, namespace, hash, shard, key: new Uint8Array(0), snap: snapId(snap) },
        name: Buffer.concat([plain, Buffer.from(`.${objectNo}`)]),
      },
      directory: segment.units[this.#unit[row]!]![0],
      fileName: Buffer.concat([
        prefix,
        Buffer.from(`.${objectNo}__${snapText(snap)}_${hashText}`),
        tail,
      ]),
    };
  }

  #digits(): number {
    return Buffer.from(this.#prefix.prefix).toString('latin1').startsWith('rb.')
      ? HEX_DIGITS_V1
      : HEX_DIGITS_V2;
  }
}

const snapText = (snap: number): string =>
  snap === ROW_HEAD ? 'head' : snap === ROW_SNAPDIR ? 'snapdir' : snap.toString(16);

const snapId = (snap: number): bigint =>
  snap === ROW_HEAD ? NOSNAP : snap === ROW_SNAPDIR ? SNAPDIR : BigInt(snap);

const rowSnap = (snap: bigint): number =>
  snap === NOSNAP ? ROW_HEAD : snap === SNAPDIR ? ROW_SNAPDIR : Number(snap);
