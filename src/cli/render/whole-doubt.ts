import { subtract } from '../../export/intervals.ts';
import type { LossRange } from '../../export/loss-map.ts';
import { type Image, imageSpecText } from '../../image/image.ts';
import type { ReplayedJournal } from '../../image/image-journal.ts';
import type { Layer } from '../../image/layer.ts';
import type { Source } from '../source.ts';

/** What is wrong with an image as a whole, and with its journal where that is to be laid over it. */
export const problemsOf = (
  { problems }: Image,
  journal: ReplayedJournal | undefined,
): readonly string[] => (journal === undefined ? problems : [...problems, ...journal.problems]);

const UNFINISHED = 'the catalog is not complete: objects may be missing';

/** Why any byte of an image may be another than `rbd export` would have given; none: there is no reason. */
export const wholeDoubts = (
  source: Pick<Source, 'unfinished'>,
  image: Image,
  journal: ReplayedJournal | undefined,
): string[] => [...problemsOf(image, journal), ...(source.unfinished ? [UNFINISHED] : [])];

export interface DoubtRequest {
  source: Pick<Source, 'unfinished'>;
  layer: Layer;
  journal: ReplayedJournal | undefined;
  lost: readonly LossRange[];
  doubtful: readonly LossRange[];
}

/** What is doubtful, sorted: where there is a reason to doubt the whole image, all that is not told otherwise. */
export function allDoubtful({
  source,
  layer,
  journal,
  lost,
  doubtful,
}: DoubtRequest): readonly LossRange[] {
  const [reason] = wholeDoubts(source, layer.image, journal);
  if (reason === undefined) return doubtful;
  const object = imageSpecText(layer.image);
  const rest = subtract([{ offset: 0, length: layer.size }], [...lost, ...doubtful]);
  return [...doubtful, ...rest.map((range) => ({ ...range, object, reason }))].sort(
    (a, b) => a.offset - b.offset,
  );
}
