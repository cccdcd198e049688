import { ByteReader } from '../bytes/byte-reader.ts';
import { nameToText } from '../bytes/names.ts';
import { readNameText, readPoolId, versioned } from '../ceph/encoding.ts';
import { corruptError } from '../errors/salvage-error.ts';
import { type Directory, parseDirectory } from './directory.ts';
import { afterPrefix, hex64, type OmapEntry, tryValue } from './omap-values.ts';

/** Which group an image belongs to (the header's `rbd_group_ref`). */
export interface GroupRef {
  pool: number;
  groupId: string;
}

export interface GroupImage {
  pool: number;
  imageId: string;
  /** 0 = attached, 1 = being attached or detached */
  state: number;
}

export interface GroupImageSnapshot {
  pool: number;
  imageId: string;
  snapId: bigint;
}

export interface GroupSnapshot {
  id: string;
  name: Uint8Array;
  /** false = it was being made or removed: some images may not have theirs */
  complete: boolean;
  images: GroupImageSnapshot[];
}

/** The omap of `rbd_group_header.<group id>`. */
export interface Group {
  images: GroupImage[];
  snapshots: GroupSnapshot[];
  problems: string[];
}

export function parseGroupRef(value: Uint8Array): GroupRef {
  return versioned(new ByteReader(value, 'rbd_group_ref'), 'rbd_group_ref', 1, (r) => ({
    pool: readPoolId(r),
    groupId: readNameText(r),
  }));
}

/** `rbd_group_directory` is kept as `rbd_directory` is. */
export const parseGroupDirectory = (entries: Iterable<OmapEntry>): Directory =>
  parseDirectory(entries);

/** versioned head, s64 pool, an empty id and a u64 snapshot id */
const IMAGE_SNAPSHOT_BYTES = 26;
const COMPLETE = 1;

const readImageSnapshot = (reader: ByteReader): GroupImageSnapshot =>
  versioned(reader, 'group image snapshot', 1, (r) => ({
    pool: readPoolId(r),
    imageId: readNameText(r),
    snapId: r.u64(),
  }));

function parseGroupSnapshot(value: Uint8Array): GroupSnapshot {
  return versioned(new ByteReader(value, 'group snapshot'), 'group snapshot', 1, (r) => ({
    id: readNameText(r),
    name: r.blob(),
    complete: r.u8() === COMPLETE,
    images: r.list(IMAGE_SNAPSHOT_BYTES, readImageSnapshot),
  }));
}

/** `<%016x pool>_<image id>` */
function parseGroupImage(suffix: Uint8Array, value: Uint8Array): GroupImage {
  const pool = hex64(suffix.subarray(0, 16));
  if (pool === undefined || suffix[16] !== 0x5f) {
    throw corruptError('group image: the key names no pool', { structure: 'group image' });
  }
  const imageId = nameToText(suffix.subarray(17));
  return { pool: Number(pool), imageId, state: new ByteReader(value, 'group image').u8() };
}

export function parseGroup(entries: Iterable<OmapEntry>): Group {
  const group: Group = { images: [], snapshots: [], problems: [] };
  for (const { key, value } of entries) {
    const image = afterPrefix(key, 'image_');
    const snapshot = afterPrefix(key, 'snapshot_');
    tryValue(group.problems, key, () => {
      if (image !== undefined) group.images.push(parseGroupImage(image, value));
      if (snapshot !== undefined) group.snapshots.push(parseGroupSnapshot(value));
    });
  }
  return group;
}
