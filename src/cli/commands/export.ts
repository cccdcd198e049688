import { InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { SalvageError, usageError } from '../../errors/salvage-error.ts';
import type { Verify } from '../../export/copy-plans.ts';
import {
  type ExportContext,
  type ExportOutcome,
  exportToFile,
  exportToStream,
} from '../../export/export-image.ts';
import { ReadLanes } from '../../export/read-lanes.ts';
import { attachObjectMaps } from '../../image/attach-object-maps.ts';
import { type Image, imageSpecText } from '../../image/image.ts';
import { readImageJournal } from '../../image/image-journal.ts';
import { buildLayer, type Layer } from '../../image/layer.ts';
import { allocatedBytes, isStream, openDestination } from '../../io/destination.ts';
import { deviceWriter, streamWriter } from '../../io/stream-writer.ts';
import { type CommandContext, printJson } from '../context.ts';
import { exportWithHistory } from '../export-with-history.ts';
import { interruptible } from '../interruptible.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  byteSize,
  type CommonOptions,
  gather,
  type ImageOptions,
  type SourceOptions,
  wholeNumber,
} from '../options.ts';
import { recoveryReport, showExport } from '../render/recovery-report.ts';
import { checkReportFile, writeReport } from '../report-file.ts';
import { selectImage } from '../select-image.ts';
import { examine, openSource, type Source } from '../source.ts';

interface ExportOptions extends CommonOptions, SourceOptions, ImageOptions {
  spec: string | undefined;
  /** overrides what the metadata says, or what was guessed */
  size?: number;
  /** log2 of the object size */
  order?: number;
  dest: string;
  force?: boolean;
  verify: Verify;
  /** file for the report */
  report?: string;
  /** take the SHA-256 of the output */
  digest?: boolean;
  parent: boolean;
  spaceCheck: boolean;
  /** 2: with all snapshots, as `rbd import` takes it */
  exportFormat: '1' | '2';
}

const orderOfSize = (text: string): number => {
  const order = Math.log2(byteSize(text));
  if (!Number.isInteger(order)) throw new InvalidArgumentError('It must be a power of two.');
  return order;
};

/** What the operator says of an image without a header replaces the guess. */
function setOrder(image: Image, order: number): void {
  if (!image.headless)
    throw usageError('--order and --object-size are for images without a header');
  image.header = { ...image.header, order, stripeUnit: 2 ** order };
}

/** Objects that an image can take bytes from, its parents' included. */
function objectBytes(layer: Layer): number {
  const own = layer.objects.length * layer.geometry.objectSize;
  const below = layer.parent?.layer === undefined ? 0 : objectBytes(layer.parent.layer);
  return Math.min(layer.size, own + below);
}

const lanesOf = (source: Source, options: ExportOptions): ReadLanes =>
  new ReadLanes(source.runner, source.lanes, source.locations, options.preferOsd);

/** What the operator decided instead of the metadata; the report must say so. */
function overridesOf(options: ExportOptions): Record<string, unknown> {
  const { size, order, excludeOsd, preferOsd, verify, parent, unfinished } = options;
  const all = { size, order, exclude_osd: excludeOsd, prefer_osd: preferOsd, unfinished };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), verify, ...(parent ? {} : { no_parent: true }) };
}

const workOf = ({ verify, digest }: ExportOptions) => ({ verify, digest: digest === true });

async function writeImage(
  work: ExportContext,
  source: Source,
  options: ExportOptions,
  context: CommandContext,
): Promise<ExportOutcome> {
  const { dest } = options;
  const { layer, signal } = work;
  if (isStream(dest)) {
    const writer =
      dest === '-' ? streamWriter(context.streams.stdout, signal) : deviceWriter(dest, signal);
    const outcome = await exportToStream(work, (bytes) => writer.write(bytes));
    await writer.close();
    return outcome;
  }
  const destination = openDestination({
    ...{ dest, size: layer.size, force: options.force === true },
    sources: source.protectedPaths,
    need: options.spaceCheck ? objectBytes(layer) : undefined,
  });
  try {
    const outcome = await exportToFile(work, destination.target);
    signal.throwIfAborted();
    destination.commit();
    return outcome;
  } catch (error) {
    destination.abandon();
    throw error;
  }
}

export async function exportImage(
  options: ExportOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (options.dest === '-' && context.json) {
    throw usageError('--format json needs standard output for itself: name a file as DEST');
  }
  const source = await openSource(options, context);
  const { signal, done } = interruptible();
  try {
    checkReportFile(options, source);
    const { image, snapshot } = selectImage(source, options);
    await examine(source, [image]);
    if (options.order !== undefined) setOrder(image, options.order);
    if (options.exportFormat === '2') {
      const overrides = overridesOf(options);
      return await exportWithHistory({
        image,
        snapshot,
        source,
        options,
        overrides,
        context,
        signal,
      });
    }
    for (const guess of image.guesses) context.say(`guess: ${guess}`);
    for (const problem of image.problems) context.warn(`${imageSpecText(image)}: ${problem}`);
    const size = options.size === undefined ? {} : { size: options.size };
    const layer = buildLayer(image, snapshot, { noParent: !options.parent, ...size });
    const lanes = lanesOf(source, options);
    await attachObjectMaps(layer, lanes);
    const journal = await readImageJournal(layer, lanes);
    if (journal !== undefined) image.problems.push(...journal.problems);
    const started = Date.now();
    const outcome = await writeImage(
      { layer, lanes, journal, ...workOf(options), progress: context.progress, signal },
      source,
      options,
      context,
    );
    const seconds = (Date.now() - started) / 1000;
    const { dest } = options;
    const result = recoveryReport({
      source,
      layer,
      outcome,
      seconds,
      dest,
      overrides: overridesOf(options),
    });
    if (context.json) printJson(context, result);
    writeReport(result, options);
    showExport(result, isStream(dest) ? undefined : allocatedBytes(dest), context);
    return result.complete ? EXIT.ok : EXIT.incomplete;
  } catch (error) {
    if (!signal.aborted || error instanceof SalvageError) throw error;
    context.warn('interrupted: nothing was left behind');
    return EXIT.interrupted;
  } finally {
    done();
    await source.close();
  }
}

export function registerExport({ program, run }: Registry): void {
  const command = program
    .command('export')
    .description('write an image, or one of its snapshots, to a sparse raw file')
    .usage(
      '[options] <image-spec> <dest>\n       rbd-salvage export --pool P --id ID [options] <dest>',
    )
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]; not with --id')
    .argument('[dest]', 'a file, a block device, or - for standard output')
    .option(
      '--size <bytes>',
      'the size to write, where the one known or guessed is wrong',
      byteSize,
    )
    .option('--order <n>', 'log2 of the object size of a headless image', wholeNumber)
    .addOption(new Option('--object-size <bytes>', 'the same in bytes').argParser(orderOfSize))
    .option('--force', 'replace DEST if it exists')
    .option('--no-parent', "the image's own data alone: what its parent holds stays zero")
    .option(
      '--prefer-osd <name>',
      'read from this OSD where its copy counts; may be repeated',
      gather,
    )
    .option('--report <file>', 'where to write the report (default: DEST.report.json)')
    .option('--digest', 'put the SHA-256 of the output into the report')
    .addOption(
      new Option('--export-format <n>', '2: with all snapshots, for rbd import --export-format 2')
        .choices(['1', '2'])
        .default('1'),
    )
    .option('--no-space-check', 'do not look whether DEST has room')
    .addOption(
      new Option(
        '--verify <how>',
        'check objects against size and checksum stored with them, against all copies, or not',
      )
        .choices(['digest', 'replicas', 'none'])
        .default('digest'),
    );
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (
      first: string | undefined,
      second: string | undefined,
      options: Omit<ExportOptions, 'spec' | 'dest'> & { objectSize?: number },
    ) => {
      // With --id there is no spec: DEST is the only argument.
      const [spec, dest] = options.id === undefined ? [first, second] : [undefined, first];
      const extra = options.id !== undefined && second !== undefined;
      if (dest === undefined || extra) {
        throw usageError('export takes an image spec and DEST, or with --id DEST alone');
      }
      const order = options.order ?? options.objectSize;
      return run(exportImage, {
        ...options,
        spec,
        dest,
        ...(order === undefined ? {} : { order }),
      });
    },
  );
}
