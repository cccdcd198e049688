import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { CommandContext } from './context.ts';

/**
 * Does what was asked for with one image of several: where the catalog is damaged for that one, the others go on.
 * @param spec the image's
 * @param images how many were asked for
 * @returns undefined where it could not be done, which the operator is told
 * @throws what `work` throws, where no other image was asked for, or where it is no fault of a source
 */
export async function perImage<T>(
  context: CommandContext,
  spec: string,
  images: number,
  work: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    if (images === 1 || !isSourceFault(error)) throw error;
    context.warn(`${spec}: ${errorText(error)}`);
    return undefined;
  }
}
