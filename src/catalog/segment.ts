import { cephCrc32c } from '../bytes/crc32c.ts';
import { corruptError } from '../errors/salvage-error.ts';
import type { ObjectId } from '../store/object-store.ts';
import { unpackColumn } from './columns.ts';
import { unpack } from './packing.ts';

/**
 * A segment: what one worker found in some directories of one OSD. docs/formats/catalog.md.
 *
 *     u32 length of head, u32 crc32c of head, head (MessagePack), blobs
 *
 * Offsets in the head count from the first byte behind it. Every blob has its own checksum, so that
 * reading one image's rows reads and verifies nothing else.
 */

export interface BlobExtent {
  at: number;
  length: number;
  crc: number;
}

/** prefix (escaped), tail, rows, then the blob's extent, then base and width of four columns */
export type GroupEntry = [
  prefix: Uint8Array,
  tail: Uint8Array,
  rows: number,
  at: number,
  length: number,
  crc: number,
  ...columns: number[],
];

/** path below the store's data path, its stamp, what was found in it, names of the units right below */
export type UnitEntry = [
  path: Uint8Array,
  ino: bigint,
  mtimeNs: bigint,
  ctimeNs: bigint,
  objects: number,
  others: number,
  subdirectories: readonly string[],
];

export type NamedEntry = [
  pool: number,
  namespace: Uint8Array,
  name: Uint8Array,
  key: Uint8Array,
  snap: bigint,
  hash: number,
  shard: number,
  fileName: Uint8Array,
  unit: number,
];

export interface SegmentHead {
  /** objects that a recovery can use, and others that were only counted */
  objects: number;
  others: number;
  groups: GroupEntry[];
  units: BlobExtent;
  /** units that could not be listed to their end: what they do not have may be there all the same */
  unreadable: number[];
  /** paths of units of earlier segments that a later scan found unchanged */
  kept: BlobExtent;
  named: BlobExtent;
}

/** Columns of the rows of one group. */
export interface GroupRows {
  length: number;
  objectNo: Uint32Array;
  /** snap + 2: 0 is the head, 1 the snapdir */
  snap: Uint32Array;
  hash: Uint32Array;
  /** index into the segment's units */
  unit: Uint32Array;
}

/** Reads `length` bytes at `at` of the segment's payload. */
export type ReadAt = (at: number, length: number) => Uint8Array;

const LEAD = 8;
/** Bytes of a number in a column. */
const WIDTHS = [0, 1, 2, 4];
/** Copies of one object in one directory, which take no bytes: more are a mere claim, for which no room is made. */
const MAX_EQUAL_ROWS = 65_536;

/** Does a path begin with these bytes? */
function isBelow(path: Uint8Array, start: Uint8Array): boolean {
  for (let i = 0; i < start.length; i++) if (path[i] !== start[i]) return false;
  return true;
}

/** A segment of an open catalog: its head is in memory, everything else is read when asked for. */
export class Segment {
  readonly head: SegmentHead;
  /** where its record stands in the catalog: what tells segments apart */
  readonly position: number;
  readonly #name: string;
  readonly #read: ReadAt;
  readonly #blobs: number;
  #units: UnitEntry[] | undefined;
  /** units that a later scan found changed or gone: their rows do not count */
  readonly dead = new Set<number>();

  /**
   * @param name for messages: the catalog's file, and whose segment it is
   * @throws CORRUPT when the head fails its checksum
   */
  constructor(read: ReadAt, payloadLength: number, position: number, name = 'catalog') {
    this.position = position;
    this.#name = name;
    if (payloadLength < LEAD) throw this.#damaged('segment head is cut short');
    const lead = Buffer.from(read(0, LEAD));
    const length = lead.readUInt32LE();
    if (length > payloadLength - LEAD) throw this.#damaged('segment head is cut short');
    const packed = read(LEAD, length);
    if (cephCrc32c(0, packed) !== lead.readUInt32LE(4)) {
      throw this.#damaged('segment head fails its checksum');
    }
    this.head = unpack<SegmentHead>(packed, 'segment head');
    this.#read = read;
    this.#blobs = LEAD + length;
  }

  #damaged(what: string) {
    return corruptError(`${this.#name}: ${what}; scan again`, { offset: this.position });
  }

  #blob({ at, length, crc }: BlobExtent, what: string): Uint8Array {
    const bytes = this.#read(this.#blobs + at, length);
    if (cephCrc32c(0, bytes) !== crc) throw this.#damaged(`${what} fail their checksum`);
    return bytes;
  }

  get units(): UnitEntry[] {
    this.#units ??= this.#unpackUnits();
    return this.#units;
  }

  #unpackUnits(): UnitEntry[] {
    return unpack<UnitEntry[]>(this.#blob(this.head.units, 'units'), 'units');
  }

  /**
   * Objects that live units have, by name of their collection, one char per byte. Opening a catalog asks: no units are kept
   * for that.
   */
  collections(): Map<string, number> {
    const found = new Map<string, number>();
    let name = '';
    let start = Buffer.alloc(0);
    for (const [i, unit] of (this.#units ?? this.#unpackUnits()).entries()) {
      if (this.dead.has(i)) continue;
      const [path, , , , objects, others] = unit;
      // Those of a collection come one after the other.
      if (start.length === 0 || !isBelow(path, start)) {
        name = Buffer.from(path).toString('latin1').split('/', 1)[0]!;
        start = Buffer.from(`${name}/`, 'latin1');
      }
      found.set(name, (found.get(name) ?? 0) + objects + others);
    }
    return found;
  }

  /** @throws CORRUPT when its units fail their checksum: no row tells its place without them */
  verifyUnits(): void {
    this.#blob(this.head.units, 'units');
  }

  /** Reads all of it. @throws CORRUPT when a part fails its checksum */
  verify(): void {
    const { units, kept, named, groups } = this.head;
    for (const extent of [units, kept, named]) this.#blob(extent, 'entries');
    for (const [, , , at, length, crc] of groups) this.#blob({ at, length, crc }, 'rows');
  }

  /** Paths of live units that could not be listed to their end. */
  unreadable(): Uint8Array[] {
    const live = (this.head.unreadable ?? []).filter((unit) => !this.dead.has(unit));
    return live.length === 0 ? [] : live.map((unit) => this.units[unit]![0]);
  }

  kept(): Uint8Array[] {
    return unpack(this.#blob(this.head.kept, 'kept units'), 'kept units');
  }

  /** Named objects of live units. */
  named(): { id: ObjectId; fileName: Uint8Array; unit: number }[] {
    const entries = unpack<NamedEntry[]>(
      this.#blob(this.head.named, 'named objects'),
      'named objects',
    );
    return entries
      .filter((entry) => !this.dead.has(entry[8]))
      .map(([pool, namespace, name, key, snap, hash, shard, fileName, unit]) => ({
        id: { pool, namespace, name, key, snap: BigInt(snap), hash, shard },
        fileName,
        unit,
      }));
  }

  /** @throws CORRUPT */
  rows(group: GroupEntry): GroupRows {
    const [, , n, at, length, crc, ...columns] = group;
    const widths = [0, 1, 2, 3].map((i) => columns[2 * i + 1] ?? 0);
    const width = widths.reduce((sum, each) => sum + each, 0);
    if (
      !widths.every((each) => WIDTHS.includes(each)) ||
      width * n !== length ||
      (width === 0 && n > MAX_EQUAL_ROWS)
    ) {
      throw this.#damaged(`${n} rows in ${length} bytes`);
    }
    const bytes = this.#blob({ at, length, crc }, 'rows');
    const out = [0, 1, 2, 3].map(() => new Uint32Array(n));
    let from = 0;
    for (const [i, column] of out.entries()) {
      const head = { base: columns[2 * i]!, width: columns[2 * i + 1]! };
      const end = from + n * head.width;
      unpackColumn(head, bytes.subarray(from, end), n, column, 0);
      from = end;
    }
    const [objectNo, snap, hash, unit] = out as [
      Uint32Array,
      Uint32Array,
      Uint32Array,
      Uint32Array,
    ];
    return { length: n, objectNo, snap, hash, unit };
  }
}
