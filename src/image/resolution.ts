import type { Extent } from '../ceph/encoding.ts';
import type { SnapSet } from '../ceph/snapset.ts';
import type { EcSource } from './ec-shards.ts';
import type { ObjectCopy } from './object-candidates.ts';

/** An object that exists, and where its bytes may be read. */
export interface PresentObject {
  state: 'present';
  /** all of the version that counts; in an erasure-coded pool its shards */
  copies: ObjectCopy[];
  /** other copies, newest first: worth more than nothing, never without a word */
  lastResort: ObjectCopy[];
  /** how shards make the object; undefined in replicated pools */
  erasure: EcSource | undefined;
  /** logical bytes; undefined where no object_info tells */
  size: number | undefined;
  /** crc32c of all its bytes (seed 0xffffffff), where object_info vouches for one */
  digest: number | undefined;
  version: string | undefined;
  /** why the copies cannot be proven current */
  doubt: string | undefined;
  /** taken on the word of its PG, all copies of which agree: nobody has read its object_info yet */
  unexamined: boolean;
  /** set where it is a clone that its SnapSet tells of: a newer object may have its bytes too */
  clone?: KnownClone;
}

/** A clone that a SnapSet tells of. */
export interface KnownClone {
  objectNo: number;
  clone: bigint;
  snapSet: SnapSet;
}

/** What is known of one object of a layer. */
export type Resolution =
  | { state: 'absent'; doubt: string | undefined; whiteout?: boolean }
  | PresentObject
  | RebuiltClone
  | { state: 'lost'; reason: string };

/** A clone of which no copy can be read, in so far as the next newer object has its bytes. */
export interface RebuiltClone {
  state: 'rebuilt';
  from: PresentObject;
  /** bytes of the clone that `from` has unchanged, ascending */
  overlap: readonly Extent[];
  /** bytes of the clone; what the overlap leaves out below it is lost */
  size: number;
  reason: string;
}

/** Where the cache tier has no such object, the base pool decides. */
export const passesThrough = (resolution: Resolution): boolean =>
  resolution.state === 'lost' || (resolution.state === 'absent' && resolution.whiteout !== true);

/** The same with a doubt, where it has none of its own and can have one. */
export function doubtful(resolution: Resolution, doubt: string | undefined): Resolution {
  if (doubt === undefined || !('doubt' in resolution)) return resolution;
  return { ...resolution, doubt: resolution.doubt ?? doubt };
}
