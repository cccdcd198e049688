import { nameToText } from '../bytes/names.ts';
import type { Layer } from '../image/layer.ts';
import { imageSpecText } from '../image/image.ts';
import { type AttrsReader, type PresentObject, resolveObjects } from '../image/resolve-objects.ts';
import { forEachObjectExtent } from '../rbd/striping.ts';
import type { LossMap } from './loss-map.ts';

/**
 * The plan between what an image is and how it is written: which pieces of which object go where.
 * Image offsets are the same on all layers: a clone reads its parent at its own offsets.
 */
export interface ObjectPlan extends Omit<PresentObject, 'state'> {
  /** name of the data object, for messages */
  object: string;
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
}

/** Pieces of one layer's objects that make up some ranges, by object number. */
function piecesByObject(layer: Layer, ranges: readonly ImageRange[]): Map<number, number[]> {
  const pieces = new Map<number, number[]>();
  for (const { offset, length } of ranges) {
    forEachObjectExtent(layer.geometry, offset, length, (objectNo, objectOffset, n, imageOffset) => {
      const known = pieces.get(objectNo);
      if (known === undefined) pieces.set(objectNo, [objectOffset, n, imageOffset]);
      else known.push(objectOffset, n, imageOffset);
    });
  }
  return pieces;
}

const objectName = (layer: Layer, objectNo: number): string => {
  const digits = layer.image.format === 1 ? 12 : 16;
  return `${nameToText(layer.image.header.objectPrefix)}.${objectNo.toString(16).padStart(digits, '0')}`;
};

function addRanges(map: LossMap, pieces: readonly number[], object: string, reason: string): void {
  for (let i = 0; i < pieces.length; i += 3) map.add(pieces[i + 2]!, pieces[i + 1]!, object, reason);
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
    if (resolution.state === 'present') {
      const { state: _, ...present } = resolution;
      plans.push({ object, ...present, pieces: own });
    } else if (resolution.state === 'lost') {
      addRanges(losses.lost, own, object, resolution.reason);
    } else {
      const { doubt } = resolution;
      if (doubt !== undefined) addRanges(losses.doubtful, own, object, doubt);
      collectBelow(layer, own, below);
    }
  }
  if (below.length > 0) plans.push(...(await planParent(layer, below, reader, losses)));
  return plans;
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

async function planParent(
  layer: Layer,
  below: ImageRange[],
  reader: AttrsReader,
  losses: Losses,
): Promise<ObjectPlan[]> {
  const parent = layer.parent!;
  const joined = joinRanges(below);
  if (parent.layer !== undefined) return planRanges(parent.layer, joined, reader, losses);
  const object = imageSpecText(layer.image);
  for (const { offset, length } of joined) losses.doubtful.add(offset, length, object, parent.reason);
  return [];
}

/** Sorted, with neighbours joined: the parent's objects may be larger than the child's. */
export function joinRanges(ranges: readonly ImageRange[]): ImageRange[] {
  const joined: ImageRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = joined[joined.length - 1];
    if (last !== undefined && last.offset + last.length === range.offset) last.length += range.length;
    else joined.push({ ...range });
  }
  return joined;
}
