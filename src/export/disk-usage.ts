import { attachObjectMaps } from '../image/attach-object-maps.ts';
import type { Image } from '../image/image.ts';
import { buildLayer, type Layer, layerAt } from '../image/layer.ts';
import { changedByMaps } from '../rbd/fast-diff.ts';
import { FEATURE_FAST_DIFF, FLAG_FAST_DIFF_INVALID } from '../rbd/features.ts';
import type { ObjectMap } from '../rbd/object-map.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import { usedObjectBytes } from '../rbd/striping.ts';
import { changedObjects } from './changed-objects.ts';
import { LossMap } from './loss-map.ts';
import type { ReadLanes } from './read-lanes.ts';

/**
 * Disk usage as `rbd du` counts it: objects that exist and changed since the user's snapshot before,
 * each with all the image bytes it covers, without the parent's. `docs/formats/rbd.md`, "Disk usage".
 */
export interface Usage {
  snapshot: Snapshot | undefined;
  provisioned: number;
  used: number;
  /** object maps told it, or the attributes of the objects */
  by: 'object maps' | 'objects';
  /** objects of which it is not known whether they exist, as image bytes */
  unknown: number;
}

const bytesOf = (ranges: readonly { length: number }[]): number =>
  ranges.reduce((sum, { length }) => sum + length, 0);

/** Fast-diff states of a layer's map mean something. */
function hasFastDiff({ image, snapshot, objectMap }: Layer): boolean {
  const { header } = image;
  const flags = snapshot === undefined ? header.flags : snapshot.flags;
  const isOn = (header.features & FEATURE_FAST_DIFF) !== 0n;
  return objectMap !== undefined && isOn && (flags & FLAG_FAST_DIFF_INVALID) === 0n;
}

/** Snapshots of every kind between two layers, and the later layer itself: each has a map. */
function layersBetween(layers: readonly Layer[], from: Layer | undefined, to: Layer): Layer[] {
  const first = from === undefined ? 0 : layers.indexOf(from) + 1;
  return layers.slice(first, layers.indexOf(to) + 1);
}

/** undefined where a map is missing or not to be trusted. */
function usedByMaps(
  layers: readonly Layer[],
  from: Layer | undefined,
  to: Layer,
): number | undefined {
  const behind = layersBetween(layers, from, to);
  if (![...(from === undefined ? [] : [from]), ...behind].every(hasFastDiff)) return undefined;
  const maps = behind.map(({ objectMap }) => objectMap as ObjectMap);
  let used = 0;
  for (const objectNo of changedByMaps(from?.objectMap, maps)) {
    used += usedObjectBytes(to.geometry, objectNo, to.size);
  }
  return used;
}

async function usedByObjects(from: Layer | undefined, to: Layer, lanes: ReadLanes) {
  const losses = { lost: new LossMap(), doubtful: new LossMap() };
  let used = 0;
  for await (const { data } of changedObjects({ from, to, reader: lanes.readAttrs, losses })) {
    used += bytesOf(data);
  }
  return { used, unknown: bytesOf(losses.lost.ranges()) + bytesOf(losses.doubtful.ranges()) };
}

async function usageOf(
  layers: readonly Layer[],
  from: Layer | undefined,
  to: Layer,
  lanes: ReadLanes,
): Promise<Usage> {
  const facts = { snapshot: to.snapshot, provisioned: to.size };
  const used = usedByMaps(layers, from, to);
  if (used !== undefined) return { ...facts, used, by: 'object maps', unknown: 0 };
  return { ...facts, ...(await usedByObjects(from, to, lanes)), by: 'objects' };
}

export interface UsageChoice {
  /** only this point in time: a snapshot, or 'head' */
  at?: Snapshot | 'head';
  /** where to begin; undefined: at the image's beginning */
  from?: Snapshot;
}

const isUsers = (snapshot: Snapshot): boolean => snapshot.namespace.type === 'user';

/** Usage of each of the user's snapshots, oldest first, and of the head. Reads no data. */
export async function diskUsage(
  image: Image,
  lanes: ReadLanes,
  { at, from }: UsageChoice = {},
): Promise<Usage[]> {
  const head = buildLayer(image, undefined, { noParent: true });
  const layers = [...image.header.snapshots.map((s) => layerAt(head, s, true)), head];
  for (const layer of layers) await attachObjectMaps(layer, lanes);
  const usages: Usage[] = [];
  let before = from && layers.find(({ snapshot }) => snapshot === from);
  for (const layer of layers.slice(before === undefined ? 0 : layers.indexOf(before) + 1)) {
    const { snapshot } = layer;
    if (snapshot !== undefined && !isUsers(snapshot)) continue;
    const isWanted = at === undefined || (at === 'head' ? snapshot === undefined : snapshot === at);
    if (isWanted) usages.push(await usageOf(layers, before, layer, lanes));
    before = layer;
  }
  return usages;
}
