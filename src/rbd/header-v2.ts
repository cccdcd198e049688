import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { readPoolId, type Utime, utime } from '../ceph/encoding.ts';
import { corruptError } from '../errors/salvage-error.ts';
import { type ChildImage, parseSnapChildren } from './children.ts';
import { FEATURE_MIGRATING, FEATURE_STRIPING } from './features.ts';
import { type GroupRef, parseGroupRef } from './groups.ts';
import { type Migration, parseMigration } from './migration.ts';
import { afterPrefix, hex64, type OmapEntry, tryValue } from './omap-values.ts';
import { type ParentRecord, readParent } from './parent.ts';
import { parseSnapshot, type Snapshot } from './snapshot.ts';
import { checkOrder, makeGeometry } from './striping.ts';

/** One `metadata_<key>` pair; both are raw bytes. */
export interface ImageMetadata {
  key: Uint8Array;
  value: Uint8Array;
}

/** Everything the omap of `rbd_header.<id>` says (`docs/formats/rbd.md`, "Format 2 header"). */
export interface ImageHeader {
  /** bytes of the head */
  size: number;
  /** log2 of the object size in bytes */
  order: number;
  /** data object names without the dot and the object number */
  objectPrefix: Uint8Array;
  features: bigint;
  /** the newest snapshot id this image ever had */
  snapSeq: bigint;
  /** ascending by id; gaps are normal */
  snapshots: Snapshot[];
  /** the `parent` key; for what is in force see `parent-link.ts` */
  parent: ParentRecord | undefined;
  /** bytes; the object size unless the image is striped */
  stripeUnit: number;
  stripeCount: number;
  /** pool of the data objects; undefined = the header's own */
  dataPool: number | undefined;
  flags: bigint;
  opFeatures: bigint;
  createTimestamp: Utime | undefined;
  accessTimestamp: Utime | undefined;
  modifyTimestamp: Utime | undefined;
  /** clones of the second format, by the snapshot they were made from */
  snapChildren: Map<bigint, ChildImage[]>;
  metadata: ImageMetadata[];
  group: GroupRef | undefined;
  migration: Migration | undefined;
  snapLimit: bigint | undefined;
  /** keys of other releases or programs */
  unknownKeys: Uint8Array[];
  /** names of the keys whose values could not be decoded and are therefore missing above */
  damagedKeys: string[];
  /** one line for everything that is missing, broken or contradictory */
  problems: string[];
}

interface Draft extends Omit<ImageHeader, 'size' | 'order' | 'objectPrefix' | 'stripeUnit'> {
  size: number | undefined;
  order: number | undefined;
  objectPrefix: Uint8Array | undefined;
  stripeUnit: number | undefined;
  seen: Set<string>;
}

/** What a header has without any of the keys that not every header has. */
export const plainFields = () => ({
  features: 0n,
  parent: undefined,
  stripeCount: 1,
  dataPool: undefined,
  flags: 0n,
  opFeatures: 0n,
  createTimestamp: undefined,
  accessTimestamp: undefined,
  modifyTimestamp: undefined,
  snapChildren: new Map(),
  metadata: [],
  group: undefined,
  migration: undefined,
  snapLimit: undefined,
  unknownKeys: [],
  damagedKeys: [],
  problems: [],
});

const newDraft = (): Draft => ({
  ...plainFields(),
  ...{ size: undefined, order: undefined, objectPrefix: undefined, stripeUnit: undefined },
  ...{ snapSeq: 0n, snapshots: [], seen: new Set() },
});

type KeyDecoder = (draft: Draft, value: Uint8Array) => void;
type ReaderField = (draft: Draft, reader: ByteReader) => void;

const field =
  (decode: ReaderField): KeyDecoder =>
  (draft, value) =>
    decode(draft, new ByteReader(value, 'rbd_header'));

/** -1 = the header's own pool, as an absent key. */
function readDataPool(reader: ByteReader): number | undefined {
  const pool = readPoolId(reader);
  return pool < 0 ? undefined : pool;
}

const KEYS = new Map<string, KeyDecoder>([
  ['size', field((d, r) => (d.size = r.size()))],
  ['order', field((d, r) => (d.order = checkOrder(r, r.u8())))],
  ['object_prefix', field((d, r) => (d.objectPrefix = r.blob()))],
  ['features', field((d, r) => (d.features = r.u64()))],
  ['snap_seq', field((d, r) => (d.snapSeq = r.u64()))],
  ['parent', field((d, r) => (d.parent = readParent(r)))],
  ['stripe_unit', field((d, r) => (d.stripeUnit = r.size()))],
  ['stripe_count', field((d, r) => (d.stripeCount = r.size()))],
  ['data_pool_id', field((d, r) => (d.dataPool = readDataPool(r)))],
  ['flags', field((d, r) => (d.flags = r.u64()))],
  ['op_features', field((d, r) => (d.opFeatures = r.u64()))],
  ['create_timestamp', field((d, r) => (d.createTimestamp = utime(r)))],
  ['access_timestamp', field((d, r) => (d.accessTimestamp = utime(r)))],
  ['modify_timestamp', field((d, r) => (d.modifyTimestamp = utime(r)))],
  ['snap_limit', field((d, r) => (d.snapLimit = r.u64()))],
  ['rbd_group_ref', (d, value) => (d.group = parseGroupRef(value))],
  ['migration', (d, value) => (d.migration = parseMigration(value))],
]);

function addSnapshot(draft: Draft, keyId: bigint, value: Uint8Array): void {
  const snapshot = parseSnapshot(value);
  if (snapshot.id !== keyId) {
    throw corruptError(`rbd snapshot: the record is of snapshot ${snapshot.id}`, {
      structure: 'rbd snapshot',
      expected: String(keyId),
      found: String(snapshot.id),
    });
  }
  draft.snapshots.push(snapshot);
}

function numberedDecoder(key: Uint8Array): KeyDecoder | undefined {
  const snapshot = afterPrefix(key, 'snapshot_');
  const snapId = snapshot && hex64(snapshot);
  if (snapId !== undefined) return (draft, value) => addSnapshot(draft, snapId, value);
  const children = afterPrefix(key, 'snap_children_');
  const parentSnapId = children && hex64(children);
  if (parentSnapId !== undefined) {
    return (draft, value) => draft.snapChildren.set(parentSnapId, parseSnapChildren(value));
  }
  const metadata = afterPrefix(key, 'metadata_');
  return metadata && ((draft, value) => draft.metadata.push({ key: metadata, value }));
}

function decodeEntry(draft: Draft, key: Uint8Array, value: Uint8Array): void {
  const name = nameToText(key);
  const decode = KEYS.get(name) ?? numberedDecoder(key);
  if (decode === undefined) {
    draft.unknownKeys.push(key);
    return;
  }
  draft.seen.add(name);
  if (!tryValue(draft.problems, key, () => decode(draft, value))) draft.damagedKeys.push(name);
}

/** A key that every image has had since format 2 exists, and without which nothing can be read. */
function required<T>(draft: Draft, key: string, value: T | undefined): T {
  if (value !== undefined) return value;
  const why = draft.problems.find((problem) => problem.startsWith(`${key}: `));
  throw corruptError(`rbd_header: ${why ?? `no key ${key}`}`, { structure: 'rbd_header' });
}

function checkStriping(draft: Draft, order: number): number {
  const objectSize = 2 ** order;
  const stripeUnit = draft.stripeUnit ?? objectSize;
  const striped = (draft.features & FEATURE_STRIPING) !== 0n;
  if (striped && !(draft.seen.has('stripe_unit') && draft.seen.has('stripe_count'))) {
    draft.problems.push('striped, but stripe_unit or stripe_count is missing');
  }
  const good = tryValue(draft.problems, Buffer.from('stripe_unit'), () => {
    makeGeometry(order, stripeUnit, draft.stripeCount);
  });
  if (good) return stripeUnit;
  draft.damagedKeys.push('stripe_unit');
  draft.stripeCount = 1;
  return objectSize;
}

const sharesLostParent = (snapshot: Snapshot): boolean =>
  snapshot.parent === undefined && snapshot.parentOverlap !== undefined;

function checkConsistency(draft: Draft): void {
  const missing = ['features', 'snap_seq'].filter((key) => !draft.seen.has(key));
  for (const key of missing) draft.problems.push(`no key ${key}`);
  const anyParent = draft.parent ?? draft.snapshots.find((s) => s.parent !== undefined);
  if (anyParent === undefined && draft.snapshots.some(sharesLostParent)) {
    draft.problems.push('parent: a snapshot has a parent, but nothing says which');
  }
  if ((draft.features & FEATURE_MIGRATING) !== 0n && !draft.seen.has('migration')) {
    draft.problems.push('migrating, but there is no key migration');
  }
}

/**
 * Decodes the omap of an `rbd_header.<id>` object. A value that is damaged or written by a release
 * we do not know is left out and told of in `problems` and `damagedKeys`.
 *
 * @throws CORRUPT when size, order or object_prefix is missing or broken
 */
export function parseImageHeader(entries: Iterable<OmapEntry>): ImageHeader {
  const draft = newDraft();
  for (const { key, value } of entries) decodeEntry(draft, key, value);
  const size = required(draft, 'size', draft.size);
  const order = required(draft, 'order', draft.order);
  const objectPrefix = required(draft, 'object_prefix', draft.objectPrefix);
  draft.snapshots.sort((a, b) => (a.id < b.id ? -1 : 1));
  const stripeUnit = checkStriping(draft, order);
  checkConsistency(draft);
  const { seen: _, ...header } = draft;
  return { ...header, size, order, objectPrefix, stripeUnit };
}
