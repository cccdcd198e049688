import type { ParentRecord, ParentSpec } from './parent.ts';
import type { Snapshot } from './snapshot.ts';

/** A parent in force: image bytes below `overlap` that have no object are read from it. */
export interface ParentLink extends ParentSpec {
  overlap: number;
}

/** What the overlap rules need to know of a header. */
export interface ParentSource {
  /** the `parent` key */
  parent: ParentRecord | undefined;
  /** ascending by id */
  snapshots: readonly Snapshot[];
}

function link(spec: ParentSpec, overlap: number | undefined): ParentLink | undefined {
  if (overlap === undefined) return undefined;
  const { pool, namespace, imageId, snapId } = spec;
  return { pool, namespace, imageId, snapId, overlap };
}

/** The parent under the head, or undefined when it has none (any more). */
export const parentOfHead = (header: ParentSource): ParentLink | undefined =>
  header.parent && link(header.parent, header.parent.overlap);

/**
 * The parent under a snapshot. Records of clusters that did not require Nautilus yet carry their own;
 * newer ones carry an overlap only and share the header's parent, or, where that key is lost, the one
 * the oldest snapshot remembers.
 */
export function parentOfSnapshot(header: ParentSource, snapshot: Snapshot): ParentLink | undefined {
  if (snapshot.parent !== undefined) return link(snapshot.parent, snapshot.parent.overlap);
  const spec = header.parent ?? header.snapshots.find((s) => s.parent !== undefined)?.parent;
  return spec && link(spec, snapshot.parentOverlap);
}
