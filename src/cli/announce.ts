import { imageSpecText } from '../image/image.ts';
import type { ReplayedJournal } from '../image/image-journal.ts';
import { type Layer, layersOf } from '../image/layer.ts';
import type { CommandContext } from './context.ts';
import { said } from './render/recovery-report.ts';
import { problemsOf } from './render/whole-doubt.ts';

/** Tells what was guessed of an image, and of those that show through it, and what is wrong with them. */
export function announce(
  layer: Layer,
  context: CommandContext,
  journal?: ReplayedJournal | undefined,
): void {
  const chain = [...new Set(layersOf(layer).map(({ image }) => image))];
  for (const guess of said(chain, ({ guesses }) => guesses)) context.say(`guess: ${guess}`);
  for (const image of chain) {
    const problems = problemsOf(image, image === layer.image ? journal : undefined);
    for (const problem of problems) context.warn(`${imageSpecText(image)}: ${problem}`);
  }
}
