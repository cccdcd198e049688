import picomatch from 'picomatch';
import { nameToText } from '../bytes/names.ts';
import { notFoundError } from '../errors/salvage-error.ts';
import { type Image, imageSpecText, snapshotName } from '../image/image.ts';
import { findParent, parentLinkOf } from '../image/parents.ts';
import { type ChosenImage, type ImageChoice, selectImage } from './select-image.ts';
import type { Source } from './source.ts';

/** `rbd`'s own default */
const DEFAULT_POOL = 'rbd';

/** Has a text what makes it a pattern? An image's own name may. */
export const isGlob = (text: string): boolean => picomatch.scan(text).isGlob;

const visibleSnapshots = (image: Image) =>
  image.header.snapshots.filter((snapshot) => snapshot.namespace.type !== 'trash');

/** Heads that a pattern of `pool/[namespace/]image` matches, or with `@` snapshots of such. */
function matching(source: Source, pattern: string, pool: string): ChosenImage[] {
  const at = pattern.indexOf('@', pattern.lastIndexOf('/') + 1);
  const images = at < 0 ? pattern : pattern.slice(0, at);
  const isImage = picomatch(images.includes('/') ? images : `${pool}/${images}`, { dot: true });
  const found = source.images.filter((image) => isImage(imageSpecText(image)));
  if (at < 0) return found.map((image) => ({ image, snapshot: undefined }));
  const isSnapshot = picomatch(pattern.slice(at + 1), { dot: true });
  return found.flatMap((image) =>
    visibleSnapshots(image)
      .filter((snapshot) => isSnapshot(nameToText(snapshotName(snapshot))))
      .map((snapshot) => ({ image, snapshot })),
  );
}

/** A spec as it is, where there is such an image; otherwise it may be a pattern. @throws NOT_FOUND */
function selectBy(source: Source, spec: string, choice: ImageChoice): ChosenImage[] {
  try {
    return [selectImage(source, { ...choice, spec })];
  } catch (error) {
    if (!isGlob(spec)) throw error;
    const found = matching(source, spec, choice.pool ?? DEFAULT_POOL);
    if (found.length > 0) return found;
    throw notFoundError(`no image matches ${spec}`);
  }
}

/** Parents of parents: librbd makes no longer chains than 16. */
const MAX_DEPTH = 64;

/** The first of an image's ancestors: who shares it finds its objects still in memory. */
function ancestorOf(image: Image): Image {
  let ancestor = image;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const link = parentLinkOf(ancestor, undefined);
    const parent = link && findParent(ancestor, link);
    if (parent === undefined) break;
    ancestor = parent;
  }
  return ancestor;
}

function groupedBy<T, K>(items: readonly T[], keyOf: (item: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item));
    if (group === undefined) groups.set(keyOf(item), [item]);
    else group.push(item);
  }
  return groups;
}

const withoutTwins = (chosen: readonly ChosenImage[]): ChosenImage[] =>
  [...groupedBy(chosen, ({ image }) => image).values()].flatMap((ofImage) =>
    [...groupedBy(ofImage, ({ snapshot }) => snapshot?.id).values()].map(([first]) => first!),
  );

/**
 * Every image, or those that specs and patterns name; none twice, relatives in a row.
 * @param specs undefined: every image there is, in the trash or headless too
 * @throws NOT_FOUND when one names nothing
 */
export function selectMany(
  source: Source,
  specs: readonly string[] | undefined,
  choice: ImageChoice,
): ChosenImage[] {
  const chosen =
    specs === undefined
      ? source.images.map((image) => ({ image, snapshot: undefined }))
      : specs.flatMap((spec) => selectBy(source, spec, choice));
  const families = groupedBy(withoutTwins(chosen), ({ image }) => ancestorOf(image));
  return [...families.values()].flat();
}
