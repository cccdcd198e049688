import { nameToText } from '../bytes/names.ts';
import { notFoundError, usageError } from '../errors/salvage-error.ts';
import { type Image, imageSpecText } from '../image/image.ts';
import { parseImageSpec, resolveImage } from '../image/image-spec.ts';
import { findSnapshot } from '../image/layer.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { Source } from './source.ts';

/** How an operator names one image: by spec, or by `--pool` and `--id` where its name is lost. */
export interface ImageChoice {
  spec: string | undefined;
  pool?: string;
  namespace?: string;
  id?: string;
  /** with `--id`, a snapshot's name */
  snap?: string;
}

export interface ChosenImage {
  image: Image;
  snapshot: Snapshot | undefined;
}

/** Is `id` the image's id, or the prefix of its data objects? */
const hasId = (image: Image, id: string): boolean =>
  image.id === id || nameToText(image.header.objectPrefix) === id;

function byId(source: Source, choice: ImageChoice & { id: string }): Image {
  const { pool, namespace = '', id } = choice;
  if (pool === undefined) throw usageError('--id needs --pool: ids are only unique within a pool');
  const matches = source.images.filter(
    (image) =>
      hasId(image, id) &&
      nameToText(image.namespace) === namespace &&
      (image.pool === image.cluster.poolId(pool) ||
        image.header.dataPool === image.cluster.poolId(pool)),
  );
  if (matches.length === 1) return matches[0]!;
  if (matches.length === 0) throw notFoundError(`no image with id "${id}" in pool "${pool}"`);
  const clusters = matches.map(
    (image) => `${imageSpecText(image)} of ${image.cluster.fsid ?? 'an unknown cluster'}`,
  );
  throw usageError(
    `id "${id}" is ambiguous: ${clusters.join(', ')}; choose one with --cluster FSID`,
  );
}

/** The image, and the snapshot of it, that was asked for. @throws NOT_FOUND, USAGE */
export function selectImage(source: Source, choice: ImageChoice): ChosenImage {
  const { id, spec: text } = choice;
  if (id !== undefined) {
    const image = byId(source, { ...choice, id });
    return {
      image,
      snapshot: choice.snap === undefined ? undefined : findSnapshot(image, choice.snap),
    };
  }
  if (text === undefined)
    throw usageError('name an image: [POOL/[NAMESPACE/]]IMAGE[@SNAP], or --pool and --id');
  const spec = parseImageSpec(text);
  const pool = spec.pool ?? choice.pool;
  const image = resolveImage(source.images, {
    ...spec,
    pool,
    namespace: spec.namespace ?? choice.namespace,
  });
  const name = spec.snapshot ?? choice.snap;
  return { image, snapshot: name === undefined ? undefined : findSnapshot(image, name) };
}
