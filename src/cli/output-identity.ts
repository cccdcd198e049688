import { isDeepStrictEqual } from 'node:util';
import { nameToText } from '../bytes/names.ts';
import { imageSpecText } from '../image/image.ts';
import { type Layer, layersOf } from '../image/layer.ts';

/** Where one layer of an image has its bytes. */
interface LayerIdentity {
  pool: number;
  /** cache tiers of the pool of its data objects, and that pool */
  data_pools: number[];
  /** profile of an erasure-coded one */
  erasure: [string, string][] | null;
  namespace: string;
  prefix: string;
  snapshot: string | null;
  size: number;
  object_size: number;
  stripe_unit: number;
  stripe_count: number;
  /** bytes of it that the next one shows through */
  overlap: number;
}

/** What an output is made of: an earlier run is gone on with only where all of this is the same. */
export interface OutputIdentity {
  image: string;
  id: string;
  pool: number;
  cluster: string | null;
  snapshot: string | null;
  size: number;
  object_size: number;
  parent: boolean;
  verify: string;
  excluded: string[];
  /** what is wrong with the image as a whole, whatever was guessed instead */
  problems: string[];
  /** the image and what shows through it, as far as they are known: see `isSameOutput` */
  layers: LayerIdentity[];
}

/** Real chains have 16 layers at the most. */
const MAX_LAYERS = 64;

/** Is it in this form, as far as it is read and written again? A file may have anything. */
export function isIdentity(value: unknown): value is OutputIdentity {
  if (typeof value !== 'object' || value === null) return false;
  const { layers, problems } = value as Partial<OutputIdentity>;
  return (
    Array.isArray(problems) &&
    problems.every((problem) => typeof problem === 'string') &&
    Array.isArray(layers) &&
    layers.length <= MAX_LAYERS &&
    layers.every((layer) => typeof layer === 'object' && layer !== null && isFlat(layer, 3))
  );
}

/** No deeper than so many arrays and objects in each other. */
function isFlat(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return depth > 0 && Object.values(value).every((part) => isFlat(part, depth - 1));
}

export interface IdentityRequest {
  layer: Layer;
  verify: string;
  excluded: readonly string[];
  noParent: boolean;
  problems: readonly string[];
}

function layerIdentity({
  image,
  snapshot,
  size,
  geometry,
  dataPool,
  pools,
  parent,
}: Layer): LayerIdentity {
  const { objectSize, unit, stripeCount } = geometry;
  return {
    ...{ pool: image.pool, data_pools: pools.map(({ pool }) => pool) },
    erasure: image.cluster.erasureOf(dataPool)?.profile ?? null,
    namespace: nameToText(image.namespace),
    prefix: nameToText(image.header.objectPrefix),
    snapshot: snapshot === undefined ? null : String(snapshot.id),
    ...{ size, object_size: objectSize, stripe_unit: unit, stripe_count: stripeCount },
    overlap: parent?.overlap ?? 0,
  };
}

/**
 * The image, and what shows through it as far as its metadata is beyond doubt: what is guessed of the others may be guessed
 * otherwise another time, and nothing that came from there is called done.
 */
function knownLayers(layer: Layer): LayerIdentity[] {
  const [own, ...below] = layersOf(layer);
  const guessed = below.findIndex(({ image }) => image.unsure !== undefined);
  return [own!, ...below.slice(0, guessed < 0 ? below.length : guessed)].map(layerIdentity);
}

export function outputIdentity({
  layer,
  verify,
  excluded,
  noParent,
  problems,
}: IdentityRequest): OutputIdentity {
  const { image, snapshot } = layer;
  return {
    image: imageSpecText(image),
    id: image.id,
    pool: image.pool,
    cluster: image.cluster.fsid ?? null,
    snapshot: snapshot === undefined ? null : String(snapshot.id),
    size: layer.size,
    object_size: layer.geometry.objectSize,
    parent: !noParent,
    verify,
    excluded: [...excluded].sort(),
    problems: [...problems],
    layers: knownLayers(layer),
  };
}

/**
 * Are bytes that were proven under one identity right under the other? A parent that was lost may have been found since, or
 * be lost now: what came through it was doubtful then, and is not called done. Layers that both know must agree.
 * @param known as an earlier run, perhaps of an earlier version, has written it down
 */
export function isSameOutput(known: OutputIdentity, now: OutputIdentity): boolean {
  const { layers: then, problems: before, ...old } = known;
  const { layers, problems, ...rest } = now;
  if (!isDeepStrictEqual(old, rest)) return false;
  // One that is set right makes other bytes; what has become worse speaks against nothing that was proven.
  if (!before.every((problem) => problems.includes(problem))) return false;
  const both = Math.min(then.length, layers.length);
  return isDeepStrictEqual(then.slice(0, both), layers.slice(0, both));
}

/** What all of an output is made of, where bytes of an earlier run are kept: of what shows through, all that is known. */
export const keptIdentity = (known: OutputIdentity, now: OutputIdentity): OutputIdentity =>
  known.layers.length > now.layers.length ? known : { ...known, layers: now.layers };
