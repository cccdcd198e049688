import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { usageError } from '../../errors/salvage-error.ts';
import { diskUsage, type UsageChoice } from '../../export/disk-usage.ts';
import { ReadLanes } from '../../export/read-lanes.ts';
import type { Image } from '../../image/image.ts';
import { findSnapshot } from '../../image/layer.ts';
import { imagesIn } from '../../image/pool-contents.ts';
import { type CommandContext, printJson } from '../context.ts';
import { examine } from '../examine.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
  type ImageOptions,
  type SourceOptions,
} from '../options.ts';
import { PerImage } from '../per-image.ts';
import {
  mergedUsage,
  type UsageJson,
  usageJson,
  usageTable,
  usageTotals,
} from '../render/usage-rows.ts';
import { wholeDoubts } from '../render/whole-doubt.ts';
import { type ChosenImage, selectImage } from '../select-image.ts';
import { selectPools } from '../select-pool.ts';
import type { Source } from '../source.ts';
import { withSource } from '../with-source.ts';

interface DuOptions extends CommonOptions, SourceOptions, ImageOptions {
  spec: string | undefined;
  fromSnap?: string;
  mergeSnapshots?: boolean;
  all?: boolean;
}

const isOne = ({ spec, id }: DuOptions): boolean => spec !== undefined || id !== undefined;

/** Images of the pools meant; `rbd du` leaves out what is in the trash, and knows no headless ones. */
function imagesMeant(source: Source, options: DuOptions): Image[] {
  const { pool, namespace, all = false } = options;
  const scopes = selectPools(source, {
    ...(pool === undefined ? {} : { pool }),
    ...(namespace === undefined ? {} : { namespace }),
  });
  return scopes
    .flatMap(imagesIn)
    .filter(({ trash, headless }) => all || (trash === undefined && !headless));
}

function chosen(source: Source, options: DuOptions): ChosenImage[] {
  if (isOne(options)) return [selectImage(source, options)];
  if (options.fromSnap !== undefined) throw usageError('--from-snap needs an image');
  return imagesMeant(source, options).map((image) => ({ image, snapshot: undefined }));
}

const choiceOf = ({ image, snapshot }: ChosenImage, { fromSnap }: DuOptions): UsageChoice => ({
  ...(snapshot === undefined ? {} : { at: snapshot }),
  ...(fromSnap === undefined ? {} : { from: findSnapshot(image, fromSnap) }),
});

export async function du(options: DuOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, async (source) => {
    const wanted = chosen(source, options);
    await examine(source, wanted);
    const lanes = new ReadLanes(source.runner, source.lanes, source.locations);
    const rows: UsageJson[] = [];
    const each = new PerImage(context, wanted.length);
    for (const one of wanted) {
      const { image } = one;
      const usages = await each.try(one, () => diskUsage(image, lanes, choiceOf(one, options)));
      if (usages === undefined) continue;
      const isKnown = wholeDoubts(source, image, undefined).length === 0;
      const own = usages.map((usage) => usageJson(image, usage, isKnown));
      rows.push(...(options.mergeSnapshots ? mergedUsage(own) : own));
    }
    const { failed } = each;
    const totals = isOne(options) ? {} : { ...usageTotals(rows), failed };
    if (context.json) printJson(context, { images: rows, ...totals });
    else context.streams.stdout.write(usageTable(rows));
    const unknown = rows.filter(({ complete }) => !complete);
    for (const { name, snapshot } of unknown) {
      const spec = snapshot === undefined ? name : `${name}@${snapshot}`;
      context.warn(`${spec}: of some objects it is not known whether they exist; check says which`);
    }
    if (failed.length > 0) return EXIT.failed;
    return unknown.length === 0 ? EXIT.ok : EXIT.incomplete;
  });
}

export function registerDu({ program, run }: Registry): void {
  const command = program
    .command('du')
    .alias('disk-usage')
    .description('how much of images and snapshots is used, in whole objects')
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]; without it, all images (of --pool)')
    .option('--from-snap <name>', 'only what changed since this snapshot')
    .option('--merge-snapshots', 'count snapshots with their image')
    .option('-a, --all', 'images in the trash and headless ones too');
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (spec: string | undefined, options: Omit<DuOptions, 'spec'>) => run(du, { ...options, spec }),
  );
}
