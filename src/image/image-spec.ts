import { nameToText } from '../bytes/names.ts';
import { notFoundError, usageError } from '../errors/salvage-error.ts';
import { type Image, imageSpecText } from './image.ts';

/** `[POOL/[NAMESPACE/]]IMAGE[@SNAP]`, as `rbd` writes it. */
export interface ImageSpec {
  pool: string | undefined;
  /** undefined where the spec has none: then the default namespace is meant */
  namespace: string | undefined;
  image: string;
  snapshot: string | undefined;
}

/** @throws USAGE */
export function parseImageSpec(spec: string): ImageSpec {
  const slash = spec.lastIndexOf('/');
  const at = spec.indexOf('@', slash + 1);
  const snapshot = at < 0 ? undefined : spec.slice(at + 1);
  const parts = (at < 0 ? spec : spec.slice(0, at)).split('/');
  if (parts.length > 3 || parts.some((part) => part === '') || snapshot === '') {
    throw usageError(`"${spec}" is not an image spec: [POOL/[NAMESPACE/]]IMAGE[@SNAP]`);
  }
  const image = parts.pop()!;
  return { pool: parts[0], namespace: parts[1], image, snapshot };
}

const quoted = (names: Iterable<string>): string => [...new Set(names)].join(', ');

/** How many names an error lists before it says how many more there are. */
const LISTED = 12;
function listed(names: Iterable<string>): string {
  const all = [...new Set(names)];
  const more = all.length - LISTED;
  return more <= 0 ? all.join(', ') : `${all.slice(0, LISTED).join(', ')} and ${more} more`;
}

/** `rbd`'s own default */
const DEFAULT_POOL = 'rbd';

function inPool(images: readonly Image[], spec: ImageSpec, pool: string | undefined): Image[] {
  return images.filter(
    (image) =>
      (pool === undefined || image.pool === image.cluster.poolId(pool)) &&
      nameToText(image.namespace) === (spec.namespace ?? ''),
  );
}

function checkPool(images: readonly Image[], pool: string | undefined): void {
  if (pool === undefined) return;
  const clusters = new Set(images.map((image) => image.cluster));
  if (images.length > 0 && [...clusters].some((c) => c.poolId(pool) !== undefined)) return;
  const pools = images.map((image) => image.cluster.poolName(image.pool));
  const have = pools.length === 0 ? 'no pool has images' : `pools with images: ${quoted(pools)}`;
  throw notFoundError(`no pool "${pool}" (${have})`);
}

const isCalled = (image: Image, name: string): boolean => nameToText(image.name) === name;

function describe(image: Image): string {
  const trash = image.trash === undefined ? '' : ' in the trash';
  return `${imageSpecText(image)}${image.id === '' ? '' : ` (id ${image.id}${trash})`}`;
}

/** One image of those that match; live ones are meant before trashed ones. */
function onlyOne(matches: Image[], spec: ImageSpec): Image | undefined {
  const live = matches.filter((image) => image.trash === undefined);
  const candidates = live.length > 0 ? live : matches;
  if (candidates.length <= 1) return candidates[0];
  const clusters = new Set(candidates.map((image) => image.cluster.fsid ?? 'unknown'));
  if (clusters.size > 1) {
    throw usageError(
      `"${spec.image}" is in several clusters: ${quoted(clusters)}; choose one with --cluster FSID`,
    );
  }
  throw usageError(
    `"${spec.image}" is ambiguous: ${listed(candidates.map(describe))}; name the pool, or the image by --id`,
  );
}

/**
 * The image that a spec means.
 * @throws NOT_FOUND, saying what there is; USAGE when the spec is ambiguous
 */
export function resolveImage(images: readonly Image[], spec: ImageSpec): Image {
  checkPool(images, spec.pool);
  const pools = spec.pool === undefined ? [DEFAULT_POOL, undefined] : [spec.pool];
  for (const pool of pools) {
    const matches = inPool(images, spec, pool).filter((image) => isCalled(image, spec.image));
    const image = onlyOne(matches, spec);
    if (image !== undefined) return image;
  }
  const there = inPool(images, spec, spec.pool).map((image) => imageSpecText(image));
  const have = there.length === 0 ? 'there are no images' : `there are: ${listed(there)}`;
  const where = [spec.pool, spec.namespace].filter((part) => part !== undefined).join('/');
  throw notFoundError(`no image "${spec.image}"${where === '' ? '' : ` in ${where}`} (${have})`);
}
