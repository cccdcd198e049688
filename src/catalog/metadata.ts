import { nameToText } from '../bytes/names.ts';
import { META_POOL } from '../ceph/hobject.ts';
import { decodeObjectInfo, flawOf, isWhiteout } from '../ceph/object-info.ts';
import { decodeOsdMap, type OsdMap } from '../ceph/osdmap.ts';
import { classifyPgMetaKey } from '../ceph/pg-meta-keys.ts';
import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { ObjectRef, ObjectStoreReader, OmapEntry, OpenObject } from '../store/object-store.ts';

/**
 * What the catalog keeps of an OSD's metadata objects, raw: `ls` and `info` then need no source, and
 * a later version of this program can read more out of an old catalog.
 */
export interface MetadataObject {
  ref: ObjectRef;
  /** attributes `_` (object_info_t) and `snapset`, where they could be read */
  objectInfo?: Uint8Array;
  snapSet?: Uint8Array;
  /** of the object's bytes, and when they were last changed; 0 of PG metadata, which has none */
  size: number;
  mtimeMs: number;
  /** the object's bytes, of the kinds whose bytes are metadata */
  data?: Uint8Array;
  /** omap, of the kinds that have one; PG metadata without log and dup entries */
  omap?: [key: Uint8Array, value: Uint8Array][];
  /** of PG metadata objects: see `ObjectStoreReader.pgBits` */
  pgBits?: number;
  /** why something of it is missing here */
  problem?: string;
}

interface Wants {
  attrs: boolean;
  data: boolean;
  omap: boolean;
}

/** Metadata objects are small; one that claims more is damaged or not what its name says. */
const DATA_LIMIT = 4 << 20;
const OMAP_LIMIT = 1 << 20;

const RBD_OMAP = [
  'rbd_header.',
  'rbd_directory',
  'rbd_trash',
  'rbd_children',
  'rbd_namespace',
  'rbd_group_directory',
  'rbd_group_header.',
  'journal.',
];

/** What to keep of an object, by its name. */
export function wantsOf(ref: ObjectRef): Wants {
  const name = nameToText(ref.id.name);
  // There may be one object map for each snapshot, and many journal objects: only their place counts.
  if (name.startsWith('rbd_object_map.') || name.startsWith('journal_data.')) {
    return { attrs: false, data: false, omap: false };
  }
  const data = name.startsWith('rbd_id.') || name.endsWith('.rbd') || name === 'rbd_directory';
  const omap = name === '' || RBD_OMAP.some((prefix) => name.startsWith(prefix));
  return { attrs: name !== '', data, omap };
}

const isPgMetadata = (ref: ObjectRef): boolean => ref.id.name.length === 0;

/** Log and dup entries are most of a PG's omap and are read from the source where they matter. */
function keepsPgKey(key: Uint8Array): boolean {
  const { kind } = classifyPgMetaKey(key);
  return kind !== 'log' && kind !== 'dup';
}

function readOmap(entry: MetadataObject, store: ObjectStoreReader): [Uint8Array, Uint8Array][] {
  const { ref } = entry;
  const kept: [Uint8Array, Uint8Array][] = [];
  for (const { key, value } of store.omap(ref.id) as Iterable<OmapEntry>) {
    if (isPgMetadata(ref) && !keepsPgKey(key)) continue;
    if (kept.length >= OMAP_LIMIT) {
      entry.problem = `more than ${OMAP_LIMIT} omap keys: the rest is left out`;
      break;
    }
    kept.push([Buffer.from(key), Buffer.from(value)]);
  }
  return kept;
}

/** How a format 1 header begins (rbd_types.h). */
const FORMAT1_MAGIC = Buffer.from('<<< Rados Block Device Image >>>');

/** Other applications have objects called *.rbd too, and large ones: backups of images, say. */
function isForeign(entry: MetadataObject, object: OpenObject): boolean {
  if (object.size <= 0x10000 || !nameToText(entry.ref.id.name).endsWith('.rbd')) return false;
  const begin = Buffer.alloc(FORMAT1_MAGIC.length);
  object.read(begin, 0);
  return !begin.equals(FORMAT1_MAGIC);
}

function readData(entry: MetadataObject, object: OpenObject): Uint8Array | undefined {
  if (isForeign(entry, object)) return undefined;
  if (object.size > DATA_LIMIT) {
    entry.problem = `${object.size} bytes: only the first ${DATA_LIMIT} were kept`;
  }
  const bytes = Buffer.alloc(Math.min(object.size, DATA_LIMIT));
  return bytes.subarray(0, object.read(bytes, 0));
}

/** Why an object's bytes are not those that were written, by its object_info; a cache's whiteout has none. */
function rotOf({ ref, objectInfo, data, size }: MetadataObject): string | undefined {
  // What object_info says is of the whole object, not of one shard.
  const isWhole = ref.id.shard < 0;
  if (objectInfo === undefined || data === undefined || !isWhole) return undefined;
  try {
    const info = decodeObjectInfo(objectInfo);
    // Of what is too large for metadata only the beginning was read.
    return isWhiteout(info) || data.length < size ? undefined : flawOf(data, info);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Attributes and bytes, as far as they are wanted. */
function fillFromObject(entry: MetadataObject, store: ObjectStoreReader, wants: Wants): void {
  const object = store.open(entry.ref);
  try {
    entry.size = object.size;
    entry.mtimeMs = object.mtimeMs;
    if (wants.attrs) {
      const objectInfo = object.attr('_');
      const snapSet = object.attr('snapset');
      if (objectInfo !== undefined) entry.objectInfo = objectInfo;
      if (snapSet !== undefined) entry.snapSet = snapSet;
    }
    const data = wants.data ? readData(entry, object) : undefined;
    if (data === undefined) return;
    entry.data = data;
    const rot = rotOf(entry);
    if (rot !== undefined) entry.problem ??= rot;
  } finally {
    object.close();
  }
}

function fill(entry: MetadataObject, store: ObjectStoreReader, wants: Wants): void {
  if (isPgMetadata(entry.ref)) {
    const bits = store.pgBits(entry.ref.directory);
    if (bits !== undefined) entry.pgBits = bits;
  }
  // All of a PG's metadata is in omap: there are hundreds of them on an OSD, and their files are empty.
  if (wants.attrs || wants.data) fillFromObject(entry, store, wants);
  if (!wants.omap) return;
  entry.omap = readOmap(entry, store);
  if (store.omapDamaged)
    entry.problem ??= 'the omap database is damaged: keys may be missing or old';
}

/** Reads what the catalog keeps of one metadata object. Faults end up in `problem` and the report. */
export function readMetadataObject(
  store: ObjectStoreReader,
  ref: ObjectRef,
  report: DamageReporter,
): MetadataObject {
  const entry: MetadataObject = { ref, size: 0, mtimeMs: 0 };
  const wants = wantsOf(ref);
  if (!wants.attrs && !wants.data && !wants.omap) return entry;
  try {
    fill(entry, store, wants);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    entry.problem = errorText(error);
    report({ path: error.data.path ?? store.location.path, reason: entry.problem });
  }
  return entry;
}

const OSDMAP = /^osdmap\.(\d+)$/;
/** Newest maps tried: more of them torn than this, and the disk has other worries. */
const OSDMAP_TRIES = 8;

/** The newest osdmap among an OSD's `meta` objects that decodes, with its bytes. */
export function readNewestOsdMap(
  store: ObjectStoreReader,
  refs: readonly ObjectRef[],
  report: DamageReporter,
): { map: OsdMap; bytes: Uint8Array } | undefined {
  const candidates = refs
    .map((ref) => ({ ref, epoch: Number(OSDMAP.exec(nameToText(ref.id.name))?.[1] ?? -1) }))
    .filter(({ ref, epoch }) => ref.id.pool === META_POOL && epoch >= 0)
    .sort((a, b) => b.epoch - a.epoch);
  for (const { ref } of candidates.slice(0, OSDMAP_TRIES)) {
    try {
      const object = store.open(ref);
      try {
        const bytes = Buffer.alloc(Math.min(object.size, 256 << 20));
        object.read(bytes, 0);
        const map = decodeOsdMap(bytes);
        if (map.damage === undefined && map.crcMatches !== false) return { map, bytes };
        report({
          path: object.path,
          reason: `osdmap: ${map.damage?.text ?? 'fails its checksum'}`,
        });
      } finally {
        object.close();
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      report({ path: store.location.path, reason: `osdmap: ${error.text}` });
    }
  }
  return undefined;
}
