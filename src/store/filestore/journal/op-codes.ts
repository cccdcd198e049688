import type { JournalExtent } from './ring.ts';

/** Transaction::OP_* (ObjectStore.h, Firefly to Pacific). docs/formats/filestore-journal.md, "Ops". */
export const OP = {
  nop: 0,
  create: 7,
  touch: 9,
  write: 10,
  zero: 11,
  truncate: 12,
  remove: 13,
  setattr: 14,
  setattrs: 15,
  rmattr: 16,
  clone: 17,
  /** source and target at the same offset */
  cloneRange: 18,
  trimCache: 19,
  mkcoll: 20,
  rmcoll: 21,
  /** with `collRemove` right behind it: a move */
  collAdd: 22,
  collRemove: 23,
  collSetattr: 24,
  collRmattr: 25,
  collSetattrs: 26,
  startSync: 27,
  rmattrs: 28,
  collRename: 29,
  cloneRange2: 30,
  omapClear: 31,
  omapSetKeys: 32,
  omapRmKeys: 33,
  omapSetHeader: 34,
  splitCollection: 35,
  splitCollection2: 36,
  omapRmKeyRange: 37,
  collMoveRename: 38,
  setAllocHint: 39,
  collHint: 40,
  tryRename: 41,
  collSetBits: 42,
  mergeCollection: 43,
} as const;

/** One op, whatever its kind; what it does not use is empty, zero or undefined. */
export interface JournalOp {
  code: number;
  /** collection as a directory name, without regard to temporary objects */
  coll: string;
  /** ghobject_t as encoded, one char per byte; empty: none */
  object: string;
  destColl: string;
  destObject: string;
  /** offset; the new size of `truncate` */
  offset: number;
  length: number;
  destOffset: number;
  /** data of `write`, or what else the op carries, as encoded */
  argument: JournalExtent;
  /** hash bits of a collection */
  bits: number;
  remainder: number;
}

/** Of one transaction: the removal of a whole PG has some hundred. */
export const MAX_OPS = 1 << 20;

/** Ops on one object. */
export const ON_OBJECT: ReadonlySet<number> = new Set([
  ...[OP.create, OP.touch, OP.write, OP.zero, OP.truncate, OP.remove],
  ...[OP.setattr, OP.setattrs, OP.rmattr, OP.rmattrs],
  ...[OP.omapClear, OP.omapSetKeys, OP.omapRmKeys, OP.omapRmKeyRange],
]);

/** Ops from one object to another. */
export const BETWEEN_OBJECTS: ReadonlySet<number> = new Set([
  ...[OP.clone, OP.cloneRange, OP.cloneRange2, OP.collMoveRename, OP.tryRename],
]);
