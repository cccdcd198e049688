import { ByteReader } from '../bytes/byte-reader.ts';
import { readNameText, readPoolId, versioned } from '../ceph/encoding.ts';
import { type OmapEntry, tryValue } from './omap-values.ts';

/** A parent snapshot and its clones of the first format, which are in the pool of `rbd_children`. */
export interface ParentWithChildren {
  pool: number;
  imageId: string;
  snapId: bigint;
  childIds: string[];
}

export interface Children {
  parents: ParentWithChildren[];
  problems: string[];
}

function parseChildren1(key: Uint8Array, value: Uint8Array): ParentWithChildren {
  const parent = new ByteReader(key, 'rbd_children key');
  return {
    pool: readPoolId(parent),
    imageId: readNameText(parent),
    snapId: parent.u64(),
    childIds: new ByteReader(value, 'rbd_children').list(4, readNameText),
  };
}

/** The omap of `rbd_children`; its keys are binary (`docs/formats/rbd.md`, "Children"). */
export function parseChildren(entries: Iterable<OmapEntry>): Children {
  const children: Children = { parents: [], problems: [] };
  for (const { key, value } of entries) {
    tryValue(children.problems, key, () => {
      children.parents.push(parseChildren1(key, value));
    });
  }
  return children;
}

/** A clone of the second format, as its parent's header lists it. */
export interface ChildImage {
  pool: number;
  imageId: string;
  /** empty = default namespace, and in v1 records */
  namespace: Uint8Array;
}

const noNamespace = new Uint8Array(0);
/** versioned head, s64 pool and an empty id */
const CHILD_BYTES = 18;

const readChild = (reader: ByteReader): ChildImage =>
  versioned(reader, 'rbd child image', 1, (r, v) => ({
    pool: readPoolId(r),
    imageId: readNameText(r),
    namespace: v >= 2 ? r.blob() : noNamespace,
  }));

/**
 * The value of a header's `snap_children_<id>` key.
 * @throws CORRUPT
 */
export const parseSnapChildren = (value: Uint8Array): ChildImage[] =>
  new ByteReader(value, 'rbd snap_children').list(CHILD_BYTES, readChild);
