import type { DevicePart } from '../io/device-source.ts';
import type { FoundLog } from './bluestore/bluefs-superblock.ts';

/**
 * One reader interface over an OSD's objects, FileStore, BlueStore and loose files alike. Synchronous: it is used
 * inside worker threads. Implementations are constructed by `openObjectStore` only.
 */

/** Which kind of store an OSD keeps; `loose`: object files that someone copied out of OSDs. */
export type StoreKind = 'filestore' | 'bluestore' | 'loose';

/** Stands in for the pool of a loose object whose name does not tell it; no cluster gets that far. */
export const UNKNOWN_POOL = 0x7fffffff;

/** Who an OSD is. Fields are undefined where neither files nor superblock tell. */
export interface OsdIdentity {
  clusterFsid?: string;
  whoami?: number;
  osdFsid?: string;
}

/** An OSD as it was found: enough for a worker to open it. */
export interface OsdLocation {
  kind: StoreKind;
  /**
   * FileStore: the directory that holds `current/`, or a bare `current/`. BlueStore: the OSD's
   * directory, or its main device where that was given
   */
  path: string;
  /**
   * FileStore: the directory of the collections, `<path>/current` or `path` itself. BlueStore: the
   * main device (block.db where that is all there is). Loose objects: `path`
   */
  dataPath: string;
  /** BlueStore only: the devices, those that were found */
  devices?: OsdDevices;
  /** BlueStore only: BlueFS's log, where the superblock is destroyed and a search found it */
  bluefs?: FoundLog;
  /** FileStore only: its journal, where that is not `<path>/journal` */
  journal?: string;
  /** FileStore only: its database, where that is not `<dataPath>/omap` */
  omap?: string;
  /** FileStore only: what a scan found in the journal; undefined: nobody has looked, nothing is replayed */
  replay?: JournalReplay;
}

/** What a scan found in a FileStore's journal: `to - committed` entries are replayed. */
export interface JournalReplay {
  /** `clean`: it has nothing that the file system lacks */
  state: 'clean' | 'replayed' | 'missing' | 'unusable';
  /** number of the last op that is in the file system (commit_op_seq) */
  committed: number;
  /** number of the last op that is replayed */
  to: number;
  /** where op `committed + 1` lies in the journal */
  at: number;
  /** there were more entries, which are damaged: files may be ahead of the replay */
  broken: boolean;
  /** what is wrong or worth knowing, as a sentence, and what it may mean */
  reason?: string;
}

/** A BlueStore OSD's devices. Without a block.db of its own, the database is on the main one. */
export interface OsdDevices {
  main?: DevicePart;
  db?: DevicePart;
  wal?: DevicePart;
}

export interface OpenOptions {
  /** false: hand out bytes that fail the store's checksums too; stores without any do not care */
  verify?: boolean;
}

/** The full identity of an object on one OSD. */
export interface ObjectId {
  /** -1: the OSD-wide objects in `meta` */
  pool: number;
  namespace: Uint8Array;
  name: Uint8Array;
  key: Uint8Array;
  snap: bigint;
  hash: number;
  /** -1 outside erasure-coded pools */
  shard: number;
}

/** Where an object lies: the store's own words, kept in the catalog so that it is found again. */
export interface ObjectRef {
  id: ObjectId;
  /** collection (`2.c_head`) and below: for FileStore the path of its directory under `current/` */
  directory: Uint8Array;
  /** FileStore: the file's name; empty where `id` says it all */
  fileName: Uint8Array;
}

/** An object held open. Offsets and lengths are bytes of the object. */
export interface OpenObject {
  /** for messages */
  readonly path: string;
  /** bytes that the store holds; may differ from object_info's size after damage */
  readonly size: number;
  /** when the data was last changed as far as the store knows, milliseconds since 1970 */
  readonly mtimeMs: number;
  /** attribute by Ceph's name (`_`, `snapset`); undefined when there is none */
  attr(name: string): Uint8Array | undefined;
  /** fills `target` from `position`; short only at `size` @throws SOURCE_IO, CORRUPT (BlueStore) */
  read(target: Uint8Array, position: number): number;
  /** true: all that was read so far has passed the store's own checksums (BlueStore) */
  readonly checked?: boolean;
  /** next range in [from, to) that may hold other than zeros; undefined: only holes are left */
  nextData(from: number, to: number): [start: number, end: number] | undefined;
  /** once it is closed, what was read of it is to stay in no cache of the system's, where the store can see to that */
  leaveCache?(): void;
  /** begins to read all of it in the background, where the store can */
  readAhead?(): void;
  close(): void;
}

export interface OmapEntry {
  key: Uint8Array;
  value: Uint8Array;
}

export interface ObjectStoreReader {
  readonly location: OsdLocation;
  /** @throws SOURCE_IO; errno ENOENT when there is no such object */
  open(ref: ObjectRef, options?: OpenOptions): OpenObject;
  /**
   * How many low bits of the placement hash all objects of a PG's collection share; undefined where
   * the store does not tell. An OSD that was away during a split still has fewer bits than the pool.
   * @param directory as in `ObjectRef`
   */
  pgBits(directory: Uint8Array): number | undefined;
  /**
   * omap entries in ascending key order, values as views; nothing for an object without omap
   * @throws SOURCE_IO when there is no database to look into
   */
  omap(id: ObjectId): Iterable<OmapEntry>;
  /** True once the database has shown damage: omap may lack keys, or hold old values. */
  readonly omapDamaged: boolean;
  close(): void;
}

/**
 * Takes what a scan finds. The byte ranges belong to the scanner and are overwritten after the call.
 * One implementation packs rows for the catalog; tests collect them.
 */
export interface ObjectSink {
  /** what takes listings whole, where it can: `dataObject` for all names at once */
  readonly listings?: ListingSink;
  /**
   * Starts a unit of scanning (FileStore: a directory); what follows lies in it.
   * @param path below the store's data path, collection first
   */
  beginUnit(path: Uint8Array): void;
  /**
   * A canonically named data object: its file name can be rebuilt from these fields, which are
   * ranges of `buffer` as FileStore escapes them: [prefixStart, prefixEnd) the prefix without the
   * dot, [tailStart, tailEnd) `_<ns>_<pool>[_<gen>_<shard>]`.
   * @param snap a clone's id, or ROW_HEAD or ROW_SNAPDIR
   * @returns false when prefix or tail is not canonical after all: hand it in as a named object
   */
  dataObject(
    buffer: Uint8Array,
    prefixStart: number,
    prefixEnd: number,
    objectNo: number,
    snap: number,
    hash: number,
    tailStart: number,
    tailEnd: number,
  ): boolean;
  /** Any other object that a recovery needs. */
  namedObject(id: ObjectId, fileName: Uint8Array): void;
  /** An object of no interest to RBD. */
  otherObject(): void;
  /**
   * @param stamp what tells later whether the unit has changed; `UNREADABLE` when it could not be
   * read to its end
   * @param subdirectories names of the units right below it, one char per byte
   */
  endUnit(stamp: UnitStamp, subdirectories: readonly string[]): void;
  /** A unit that an earlier scan knows and that has not changed since. */
  keptUnit(path: Uint8Array): void;
}

/** Takes what it can of a FileStore directory's listing, and leaves the rest to be handed in. */
export interface ListingSink {
  /** where a lister puts the next piece */
  listing(): Buffer;
  /**
   * Takes data objects out of the first `n` bytes of it: files, by their type, and in canonical form.
   * @param plain names with a NUL behind each; else records as getdents64 gives them
   * @returns where in the listing the records begin that are left
   */
  take(n: number, plain: boolean): Uint32Array;
}

/**
 * Equal means that nothing was added, removed or renamed. FileStore: a directory's inode and times.
 * BlueStore: the state of the whole store, the same for all its units.
 */
export interface UnitStamp {
  ino: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

/** The stamp of a unit that could not be read: it equals none, so the unit is tried again. */
export const UNREADABLE: UnitStamp = { ino: 0n, mtimeNs: -1n, ctimeNs: -1n };

export const isUnreadable = (stamp: Pick<UnitStamp, 'mtimeNs'>): boolean =>
  stamp.mtimeNs === UNREADABLE.mtimeNs;
