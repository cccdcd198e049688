import { Semaphore } from '../catalog/semaphore.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { ReadLanes } from '../export/read-lanes.ts';
import { examineHeadless, headlessObjects } from '../image/examine-headless.ts';
import type { Image } from '../image/image.ts';
import type { ObjectTable } from '../image/object-table.ts';
import { withAncestors } from '../image/parents.ts';
import type { ChosenImage } from './select-image.ts';
import type { Source } from './source.ts';

/** Images without a header, whose objects lie on different disks: of each the rows are in memory meanwhile. */
const EXAMINED_AT_ONCE = 4;

/**
 * Looks for evidence on headless images' size where their objects can be read: on those that show through chosen ones, too. Snapshots that were chosen before have it
 * too afterwards. An image whose rows in the catalog are damaged stays as it was, and its `problems` say so.
 * @param order log2 of the object size, where the operator knows it
 */
export async function examine(
  source: Source,
  chosen: readonly ChosenImage[],
  order?: number,
): Promise<void> {
  if (!source.images.some(({ headless }) => headless)) return;
  const images = withAncestors(chosen.map(({ image }) => image));
  const headless = [...images].filter((image) => image.headless);
  if (headless.length > 0 && source.locations.size > 0) {
    const lanes = new ReadLanes(source.runner, source.lanes, source.locations);
    const gate = new Semaphore(EXAMINED_AT_ONCE);
    const examineOne = async (image: Image) => {
      const objects = rowsOf(image);
      if (objects !== undefined) await examineHeadless(image, objects, lanes, order);
    };
    await Promise.all(headless.map((image) => gate.use(() => examineOne(image))));
  }
  for (const one of chosen) {
    if (!one.image.headless || one.snapshot === undefined) continue;
    const { id } = one.snapshot;
    one.snapshot = one.image.header.snapshots.find((found) => found.id === id) ?? one.snapshot;
  }
}

/** undefined where they are damaged. */
function rowsOf(image: Image): ObjectTable | undefined {
  try {
    return headlessObjects(image);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    image.problems.push(errorText(error));
    return undefined;
  }
}
