import { nameToText } from '../../bytes/names.ts';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { errorText, isSourceFault, usageError } from '../../errors/salvage-error.ts';
import { checkImage } from '../../export/export-image.ts';
import { ReadLanes } from '../../export/read-lanes.ts';
import { attachObjectMaps } from '../../image/attach-object-maps.ts';
import { type Image, imageSpecText, snapshotName } from '../../image/image.ts';
import { readImageJournal } from '../../image/image-journal.ts';
import { buildLayer } from '../../image/layer.ts';
import type { Snapshot } from '../../rbd/snapshot.ts';
import { type CommandContext, printJson } from '../context.ts';
import { examine } from '../examine.ts';
import { untilInterrupted } from '../interruptible.ts';
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
import { journalLines, osdJournals } from '../render/osd-journals.ts';
import {
  type RecoveryReport,
  recoveryReport,
  showLosses,
  verdictOf,
} from '../render/recovery-report.ts';
import { type ChosenImage, selectImage } from '../select-image.ts';
import type { Source } from '../source.ts';
import { withSource } from '../with-source.ts';

interface CheckOptions extends CommonOptions, SourceOptions, ImageOptions {
  specs: string[];
  all?: boolean;
  /** read every byte too */
  read?: boolean;
}

/** None where the catalog is damaged, which becomes one of the image's problems. */
function snapshotsOf({ header, problems }: Image): Snapshot[] {
  try {
    return header.snapshots.filter(({ namespace }) => namespace.type !== 'trash');
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    problems.push(`its snapshots were not checked: ${errorText(error)}`);
    return [];
  }
}

/** The images that were named, or every head and snapshot there is. */
function chosen(source: Source, options: CheckOptions): ChosenImage[] {
  if (options.all) {
    return source.images.flatMap((image) => [
      { image, snapshot: undefined },
      ...snapshotsOf(image).map((snapshot) => ({ image, snapshot })),
    ]);
  }
  if (options.id !== undefined) return [selectImage(source, { ...options, spec: undefined })];
  if (options.specs.length === 0) throw usageError('name images to check, or give --all');
  return options.specs.map((spec) => selectImage(source, { ...options, spec }));
}

async function checkOne(
  source: Source,
  { image, snapshot }: ChosenImage,
  options: CheckOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<RecoveryReport> {
  const lanes = new ReadLanes(source.runner, source.lanes, source.locations);
  lanes.decided = source.decided;
  const layer = buildLayer(image, snapshot);
  await attachObjectMaps(layer, lanes);
  const journal = await readImageJournal(layer, lanes);
  const started = Date.now();
  const { progress } = context;
  const work = {
    layer,
    lanes,
    journal,
    verify: 'digest',
    digest: false,
    progress,
    signal,
  } as const;
  const outcome = await checkImage(work, options.read === true);
  const seconds = (Date.now() - started) / 1000;
  return recoveryReport({
    ...{ source, layer, outcome, journal, seconds },
    ...{ dest: undefined, overrides: {} },
  });
}

export async function check(options: CheckOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, (source) => checkAll(source, options, context));
}

async function checkAll(
  source: Source,
  options: CheckOptions,
  context: CommandContext,
): Promise<ExitCode> {
  return untilInterrupted(context, async (signal) => {
    const images = chosen(source, options);
    await examine(source, images);
    const reports: RecoveryReport[] = [];
    const each = new PerImage(context, images.length);
    for (const cluster of source.clusters) {
      for (const line of journalLines(osdJournals(cluster))) context.say(line);
    }
    for (const choice of images) {
      const { image, snapshot } = choice;
      const name = imageSpecText(image, snapshot && nameToText(snapshotName(snapshot)));
      const report = await each.try(choice, () =>
        checkOne(source, choice, options, context, signal),
      );
      if (report === undefined) continue;
      reports.push(report);
      if (!context.json) context.streams.stdout.write(`${name}: ${verdictOf(report)}\n`);
      showLosses(report, context);
    }
    if (context.json) printJson(context, [...reports, ...each.failed]);
    if (each.failed.length > 0) return EXIT.failed;
    return reports.every((report) => report.complete) ? EXIT.ok : EXIT.incomplete;
  });
}

export function registerCheck({ program, run }: Registry): void {
  const command = program
    .command('check')
    .description('say what is complete, lost or doubtful, without writing anything')
    .argument('[image-spec...]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]')
    .option('--all', 'every image and every snapshot')
    .option('--read', 'read all the bytes too, and check them');
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (specs: string[], options: Omit<CheckOptions, 'specs'>) => run(check, { ...options, specs }),
  );
}
