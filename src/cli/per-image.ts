import { nameToText } from '../bytes/names.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { imageSpecText, snapshotName } from '../image/image.ts';
import type { CommandContext } from './context.ts';
import type { ChosenImage } from './select-image.ts';

/** An image with which nothing could be done, as JSON documents tell of it. */
export interface FailedImage {
  image: string;
  /** null: the head */
  snapshot: string | null;
  complete: false;
  error: string;
}

/**
 * Does what was asked for with several images one after the other: where the catalog is damaged for one, the operator is
 * told, and the others go on.
 */
export class PerImage {
  readonly failed: FailedImage[] = [];
  readonly #context: CommandContext;
  readonly #isOne: boolean;

  /** @param images how many were asked for */
  constructor(context: CommandContext, images: number) {
    this.#context = context;
    this.#isOne = images === 1;
  }

  /**
   * @returns undefined where it could not be done
   * @throws what `work` throws, where no other image was asked for, or where it is no fault of a source
   */
  async try<T>({ image, snapshot }: ChosenImage, work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (this.#isOne || !isSourceFault(error)) throw error;
      const name = snapshot && nameToText(snapshotName(snapshot));
      this.#context.warn(`${imageSpecText(image, name)}: ${errorText(error)}`);
      this.failed.push({
        ...{ image: imageSpecText(image), snapshot: name ?? null, complete: false },
        error: errorText(error),
      });
      return undefined;
    }
  }
}
