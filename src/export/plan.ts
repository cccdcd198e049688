import { nameToText } from '../bytes/names.ts';
import type { Extent } from '../ceph/encoding.ts';
import { objectHash, pgSeedOf } from '../ceph/placement.ts';
import { imageSpecText } from '../image/image.ts';
import type { Layer } from '../image/layer.ts';
import type { AttrsReader } from '../image/object-candidates.ts';
import type { PresentObject, RebuiltClone } from '../image/resolution.ts';
import { rebuildClones } from '../image/resolve-clones.ts';
import { resolveObjects } from '../image/resolve-objects.ts';
import { dataObjectName } from '../rbd/names.ts';
import { forEachObjectExtent } from '../rbd/striping.ts';
import { subtract } from './intervals.ts';
import { type LossDetail, LossMap } from './loss-map.ts';

/**
 * The plan between what an image is and how it is written: which pieces of which object go where.
 * Image offsets are the same on all layers: a clone reads its parent at its own offsets.
 */
export interface ObjectPlan extends Omit<PresentObject, 'state'> {
  layer: Layer;
  /** name of the data object, for messages */
  object: string;
  /** its placement group, where a map tells how many there are */
  pg: string | undefined;
  /** triples: offset in the object, length, offset in the image; ascending in the object */
  pieces: number[];
}

/** Image bytes [offset, offset + length). */
export interface ImageRange {
  offset: number;
  length: number;
}

export interface Losses {
  lost: LossMap;
  doubtful: LossMap;
  /** told of pieces, as triples, as soon as they are written and as good as proven: they are not touched again */
  copied?: (pieces: readonly number[]) => void;
  /** has `look` called now and then, which may tell of more; until what is returned is called */
  watch?: (look: () => void) => () => void;
}

/** Pieces of one layer's objects that make up some ranges, by object number. */
function piecesByObject(layer: Layer, ranges: readonly ImageRange[]): Map<number, number[]> {
  const pieces = new Map<number, number[]>();
  for (const { offset, length } of ranges) {
    forEachObjectExtent(
      layer.geometry,
      offset,
      length,
      (objectNo, objectOffset, n, imageOffset) => {
        const known = pieces.get(objectNo);
        if (known === undefined) pieces.set(objectNo, [objectOffset, n, imageOffset]);
        else known.push(objectOffset, n, imageOffset);
      },
    );
  }
  return pieces;
}

const objectName = (layer: Layer, objectNo: number): string => {
  const digits = layer.image.format === 1 ? 12 : 16;
  return `${nameToText(layer.image.header.objectPrefix)}.${objectNo.toString(16).padStart(digits, '0')}`;
};

/** Placement group of an object, where the pool's pg_num is known. */
function pgOf(layer: Layer, objectNo: number): string | undefined {
  const { image, dataPool } = layer;
  const pgNum = image.cluster.osdMap?.pools.get(dataPool)?.pgNum;
  if (pgNum === undefined) return undefined;
  const name = dataObjectName(image.header.objectPrefix, objectNo, image.format);
  const hash = objectHash(name, new Uint8Array(0), image.namespace);
  return `${dataPool}.${pgSeedOf(hash, pgNum).toString(16)}`;
}

/** Bytes of the image that pieces come to. */
export function bytesOf(pieces: readonly number[]): number {
  let bytes = 0;
  for (let i = 1; i < pieces.length; i += 3) bytes += pieces[i]!;
  return bytes;
}

/** Calls `use` with each piece's place in the image. */
export function forEachPiece(
  pieces: readonly number[],
  use: (offset: number, length: number) => void,
): void {
  for (let i = 0; i < pieces.length; i += 3) use(pieces[i + 2]!, pieces[i + 1]!);
}

/** Where in the image pieces lie. */
export function placesOf(pieces: readonly number[]): ImageRange[] {
  const places: ImageRange[] = [];
  forEachPiece(pieces, (offset, length) => places.push({ offset, length }));
  return places;
}

/**
 * Plans ranges of a layer: reads attributes, decides copies, follows parents. What is lost goes to
 * `losses` right away; what is neither planned nor lost is a hole.
 */
export async function planRanges(
  layer: Layer,
  ranges: readonly ImageRange[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const pieces = piecesByObject(layer, ranges);
  const resolved = await resolveObjects(layer, [...pieces.keys()], reader);
  const plans: ObjectPlan[] = [];
  const below: ImageRange[] = [];
  for (const [objectNo, own] of pieces) {
    const resolution = resolved.get(objectNo)!;
    const object = objectName(layer, objectNo);
    const pg = pgOf(layer, objectNo);
    if (resolution.state === 'present') {
      const { state: _, ...present } = resolution;
      plans.push({ layer, object, pg, ...present, pieces: own });
    } else if (resolution.state === 'rebuilt') {
      plans.push(planRebuilt({ layer, object, pg, pieces: own }, resolution, {}, losses));
    } else {
      const { lost, doubtful } = losses;
      const reason = resolution.state === 'lost' ? resolution.reason : resolution.doubt;
      const map = resolution.state === 'lost' ? lost : doubtful;
      const detail = pg === undefined ? {} : { pg };
      if (reason !== undefined)
        forEachPiece(own, (at, n) => map.add(at, n, object, reason, detail));
      if (resolution.state === 'absent') collectBelow(layer, own, below);
    }
  }
  if (below.length > 0) plans.push(...(await planParent(layer, below, reader, losses)));
  return plans;
}

/** What the next newer object has of a clone is planned, the rest is lost. */
function planRebuilt(
  { layer, object, pg, pieces }: Pick<ObjectPlan, 'layer' | 'object' | 'pg' | 'pieces'>,
  { from, overlap, size, reason }: RebuiltClone,
  detail: LossDetail,
  { lost, doubtful }: Losses,
): ObjectPlan {
  const { state: _, ...present } = from;
  const parts = splitPieces(pieces, overlap, size);
  const { doubt } = present;
  if (doubt !== undefined) {
    // Zeros behind its end are no more certain than the rest.
    const told = [...placesOf(parts.covered), ...placesOf(parts.lost)];
    for (const { offset, length } of subtract(placesOf(pieces), told)) {
      doubtful.add(offset, length, object, doubt);
    }
  }
  const why = pg === undefined ? detail : { ...detail, pg };
  forEachPiece(parts.lost, (at, n) => lost.add(at, n, object, reason, why));
  return { layer, object, pg, ...present, pieces: parts.covered };
}

/** A clone that could not be read, and why. */
export interface BereftPlan {
  plan: ObjectPlan;
  reason: string;
}

/** Clones that turn out unreadable, as far as newer objects have their bytes; the rest is lost. */
export async function planNewer(
  bereft: readonly BereftPlan[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const plans: ObjectPlan[] = [];
  for (const layer of new Set(bereft.map(({ plan }) => plan.layer))) {
    const own = bereft.filter(({ plan }) => plan.layer === layer);
    const clones = own.map(({ plan, reason }) => ({
      ...plan.clone!,
      reason,
      doubt: plan.doubt,
    }));
    const rebuilt = await rebuildClones(layer, clones, reader);
    for (const { plan, reason } of own) {
      const { object, pieces, clone } = plan;
      const newer = rebuilt.get(clone!.objectNo);
      const detail = detailOf(plan);
      if (newer !== undefined) plans.push(planRebuilt(plan, { ...newer, reason }, detail, losses));
      else forEachPiece(pieces, (at, n) => losses.lost.add(at, n, object, reason, detail));
    }
  }
  return plans;
}

/** What a report tells of an object beside the reason. */
export const detailOf = ({ pg, copies, version }: ObjectPlan): LossDetail => ({
  ...(pg === undefined ? {} : { pg }),
  ...(version === undefined ? {} : { version }),
  osds: copies.map(({ osd }) => osd.name),
});

/**
 * Pieces cut along the ranges that another object has: what it covers, and what is lost. Bytes from
 * `size` on are neither: they read as zeros.
 */
export function splitPieces(
  pieces: readonly number[],
  overlap: readonly Extent[],
  size: number,
): { covered: number[]; lost: number[] } {
  const covered: number[] = [];
  const lost: number[] = [];
  for (let i = 0; i < pieces.length; i += 3) {
    const start = pieces[i]!;
    const end = Math.min(start + pieces[i + 1]!, size);
    const shift = pieces[i + 2]! - start;
    let at = start;
    for (const { offset, length } of overlap) {
      const from = Math.max(at, offset);
      const to = Math.min(end, offset + length);
      if (from >= to) continue;
      if (from > at) lost.push(at, from - at, at + shift);
      covered.push(from, to - from, from + shift);
      at = to;
    }
    if (end > at) lost.push(at, end - at, at + shift);
  }
  return { covered, lost };
}

/** Image ranges of an absent object that the parent shows through. */
function collectBelow(layer: Layer, pieces: readonly number[], below: ImageRange[]): void {
  const overlap = layer.parent?.overlap ?? 0;
  for (let i = 0; i < pieces.length; i += 3) {
    const offset = pieces[i + 2]!;
    const length = Math.min(pieces[i + 1]!, overlap - offset);
    if (length > 0) below.push({ offset, length });
  }
}

/** What shows through where objects turn out not to exist after all. */
export async function planBelow(
  gone: readonly ObjectPlan[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const plans: ObjectPlan[] = [];
  for (const { layer, pieces, object, doubt } of gone) {
    const below: ImageRange[] = [];
    collectBelow(layer, pieces, below);
    // That it does not exist is as certain as it would have been what it is.
    if (doubt !== undefined) {
      forEachPiece(pieces, (at, n) => losses.doubtful.add(at, n, object, doubt));
    }
    if (below.length > 0) plans.push(...(await planParent(layer, below, reader, losses)));
  }
  return plans;
}

async function planParent(
  layer: Layer,
  below: ImageRange[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const parent = layer.parent!;
  const joined = joinRanges(below);
  const object = imageSpecText(layer.image);
  if (parent.layer !== undefined) {
    const plan = (into: Losses) => planRanges(parent.layer!, joined, reader, into);
    if (parent.doubt === undefined) return plan(losses);
    return doubted(parent.doubt, { ranges: joined, object }, plan, losses);
  }
  for (const { offset, length } of joined)
    losses.doubtful.add(offset, length, object, parent.reason);
  return [];
}

/** Plans ranges all of which are doubtful: those that no object gives, too. */
async function doubted(
  doubt: string,
  { ranges, object }: { ranges: readonly ImageRange[]; object: string },
  plan: (losses: Losses) => Promise<ObjectPlan[]>,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const own = { ...losses, lost: new LossMap(), doubtful: new LossMap() };
  const plans = await plan(own);
  const told = [
    ...[...own.lost.ranges(), ...own.doubtful.ranges()],
    ...plans.flatMap(({ pieces }) => placesOf(pieces)),
  ];
  losses.lost.addAll(own.lost);
  losses.doubtful.addAll(own.doubtful);
  for (const { offset, length } of subtract(ranges, told)) {
    losses.doubtful.add(offset, length, object, doubt);
  }
  return plans.map((one) => ({ ...one, doubt: one.doubt ?? doubt }));
}

/** Sorted, with neighbours joined: the parent's objects may be larger than the child's. */
export function joinRanges(ranges: readonly ImageRange[]): ImageRange[] {
  const joined: ImageRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = joined[joined.length - 1];
    if (last !== undefined && last.offset + last.length === range.offset)
      last.length += range.length;
    else joined.push({ ...range });
  }
  return joined;
}
