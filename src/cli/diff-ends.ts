import { nameToText } from '../bytes/names.ts';
import { usageError } from '../errors/salvage-error.ts';
import { ReadLanes } from '../export/read-lanes.ts';
import { attachObjectMaps } from '../image/attach-object-maps.ts';
import { snapshotName } from '../image/image.ts';
import { type ReplayedJournal, readImageJournal } from '../image/image-journal.ts';
import { buildLayer, findSnapshot, type Layer, layerAt } from '../image/layer.ts';
import { announce } from './announce.ts';
import type { CommandContext } from './context.ts';
import { examine } from './examine.ts';
import type { ImageOptions, SourceOptions } from './options.ts';
import { selectImage } from './select-image.ts';
import type { Source } from './source.ts';

export interface DiffOptions extends ImageOptions, SourceOptions {
  spec: string | undefined;
  fromSnap?: string;
  /** false with --no-parent */
  parent: boolean;
}

export interface DiffEndpoints {
  from: Layer | undefined;
  to: Layer;
  journal: ReplayedJournal | undefined;
  lanes: ReadLanes;
}

export const lanesFor = (source: Source, { preferOsd }: SourceOptions): ReadLanes => {
  const lanes = new ReadLanes(source.runner, source.lanes, source.locations, preferOsd);
  lanes.decided = source.decided;
  return lanes;
};

/** The two ends that an operator named. @throws USAGE, NOT_FOUND */
export async function diffEnds(
  source: Source,
  options: DiffOptions,
  context: CommandContext,
): Promise<DiffEndpoints> {
  const chosen = selectImage(source, options);
  await examine(source, [chosen]);
  const { image, snapshot } = chosen;
  const lanes = lanesFor(source, options);
  const noParent = !options.parent;
  const to = buildLayer(image, snapshot, { noParent });
  const start = options.fromSnap === undefined ? undefined : findSnapshot(image, options.fromSnap);
  if (start !== undefined && start.id >= to.snapId) {
    const end = nameToText(snapshotName(snapshot!));
    throw usageError(`--from-snap: ${options.fromSnap} is not older than ${end}`);
  }
  const from = start && layerAt(to, start, noParent);
  for (const layer of [from, to]) if (layer !== undefined) await attachObjectMaps(layer, lanes);
  const journal = await readImageJournal(to, lanes);
  announce(to, context, journal);
  return { from, to, journal, lanes };
}
