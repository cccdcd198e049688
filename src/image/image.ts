import { nameToText } from '../bytes/names.ts';
import type { ImageHeaderV1 } from '../rbd/header-v1.ts';
import { type ImageHeader, plainFields } from '../rbd/header-v2.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { TrashedImage } from '../rbd/trash.ts';
import type { Cluster } from './cluster.ts';

/** An image as its metadata describes it, whichever format. */
export interface Image {
  cluster: Cluster;
  pool: number;
  namespace: Uint8Array;
  /** empty for format 1, which has no ids */
  id: string;
  name: Uint8Array;
  /** false: nothing tells its name, `name` is the id */
  named: boolean;
  format: 1 | 2;
  header: ImageHeader;
  trash: TrashedImage | undefined;
  /** found by its data objects alone: everything in `header` is a guess */
  headless: boolean;
  /** why its header may say something else than the truth, if there is a reason */
  unsure?: string | undefined;
  /** what was guessed, and from what evidence */
  guesses: string[];
  problems: string[];
}

/** A snapshot of which nothing else is known. */
export const plainSnapshot = (s: Pick<Snapshot, 'id' | 'name' | 'size'>): Snapshot => ({
  ...s,
  features: 0n,
  parent: undefined,
  protection: 'unprotected',
  flags: 0n,
  namespace: { type: 'user' },
  timestamp: undefined,
  childCount: 0,
  parentOverlap: undefined,
});

/** A header as one of format 2 with nothing but what it itself has. */
export function plainHeader(
  base: Pick<ImageHeader, 'size' | 'order' | 'objectPrefix' | 'snapSeq' | 'snapshots'>,
): ImageHeader {
  return { ...plainFields(), ...base, stripeUnit: 2 ** base.order };
}

/** A format 1 header in the terms of format 2: no features, no striping, no parent. */
export const headerFromV1 = (h: ImageHeaderV1): ImageHeader =>
  plainHeader({ ...h, snapshots: h.snapshots.map(plainSnapshot) });

/** The pool that holds an image's data objects. */
export const dataPoolOf = (image: Image): number => image.header.dataPool ?? image.pool;

/** `pool/namespace/image` as `rbd` writes it. */
export function imageSpecText(image: Image, snapshot?: string): string {
  const namespace = nameToText(image.namespace);
  const path = [image.cluster.poolName(image.pool), ...(namespace === '' ? [] : [namespace])];
  const at = snapshot === undefined ? '' : `@${snapshot}`;
  return `${[...path, nameToText(image.name)].join('/')}${at}`;
}

export { snapshotName } from '../rbd/snapshot.ts';
