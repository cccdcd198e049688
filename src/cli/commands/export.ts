import { InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { usageError } from '../../errors/salvage-error.ts';
import type { Image } from '../../image/image.ts';
import { allocatedBytes, isStream } from '../../io/destination-paths.ts';
import { refuseInSource } from '../../io/refuse-sources.ts';
import { type CommandContext, printJson } from '../context.ts';
import { dryRun } from '../dry-run.ts';
import { examine } from '../examine.ts';
import { exportMany } from '../export-many.ts';
import { exportWithHistory } from '../export-with-history.ts';
import { type ExportOptions, exportLanes, exportOne, overridesOf } from '../image-export.ts';
import { untilInterrupted } from '../interruptible.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  byteSize,
  gather,
  wholeNumber,
} from '../options.ts';
import { showExport } from '../render/recovery-report.ts';
import { checkReportFile, lacksReport, writeReport } from '../report-file.ts';
import { selectImage } from '../select-image.ts';
import { isGlob, selectMany } from '../select-many.ts';
import type { Source } from '../source.ts';
import { withSource } from '../with-source.ts';

interface ExportCommandOptions extends ExportOptions {
  /** what is to be exported, as it was given: one spec, several, or patterns */
  specs: string[];
  /** a file, a device or -; with several images a directory */
  dest: string;
  /** every image there is */
  all?: boolean;
  /** 2: with all snapshots, as `rbd import` takes it */
  exportFormat: '1' | '2';
}

const orderOfSize = (text: string): number => {
  const order = Math.log2(byteSize(text));
  if (!Number.isInteger(order)) throw new InvalidArgumentError('It must be a power of two.');
  return order;
};

/** What the operator says of an image without a header, which nobody has looked at yet, replaces the guess. */
function setOrder(image: Image, order: number): void {
  if (!image.headless)
    throw usageError('--order and --object-size are for images without a header');
  const { header } = image;
  // Sizes follow from the highest object.
  const scaled = (size: number) => (size / 2 ** header.order) * 2 ** order;
  const snapshots = header.snapshots.map((snapshot) => ({
    ...snapshot,
    size: scaled(snapshot.size),
  }));
  image.header = {
    ...{ ...header, order, stripeUnit: 2 ** order },
    ...{ size: scaled(header.size), snapshots },
  };
  image.guesses = [
    `object size ${2 ** order}: as the options say`,
    `size ${image.header.size}: by the highest object`,
  ];
}

/** Options that make sense for one image only. @throws USAGE */
function refuseForMany({ id, size, order, report, map, exportFormat }: ExportCommandOptions): void {
  const single = { '--id': id, '--size': size, '--order': order, '--report': report, '--map': map };
  const given = Object.entries(single).find(([, value]) => value !== undefined);
  if (given !== undefined) throw usageError(`${given[0]} is for one image, not for several`);
  if (exportFormat === '2') throw usageError('--export-format 2 is for one image, not for several');
}

/** Several images into a directory: by --all, by more than one spec, or by a pattern. */
async function exportSeveral(
  options: ExportCommandOptions,
  source: Source,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { dest: directory, specs, all } = options;
  refuseForMany(options);
  refuseInSource(directory, source.protectedPaths);
  const images = selectMany(source, all ? undefined : specs, { ...options, spec: undefined });
  await examine(source, images);
  return exportMany({ source, images, directory, options, context, signal });
}

async function exportSingle(
  options: ExportCommandOptions,
  source: Source,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExitCode> {
  const { dest } = options;
  checkReportFile(options, source);
  const chosen = selectImage(source, { ...options, spec: options.specs[0] });
  const { image } = chosen;
  if (options.order !== undefined) setOrder(image, options.order);
  await examine(source, [chosen], options.order);
  const { snapshot } = chosen;
  if (options.exportFormat === '2') {
    const overrides = overridesOf(options);
    return exportWithHistory({ image, snapshot, source, options, overrides, context, signal });
  }
  const lanes = exportLanes(source, options, signal);
  const { progress } = context;
  // What was finished and not reported is reported now.
  const skipDone = options.force !== true && options.digest !== true && lacksReport(options);
  const work = { source, lanes, image, snapshot, dest, options, context, progress, signal };
  const request = { ...work, skipDone };
  if (options.dryRun) return dryRun([request], dest);
  const result = await exportOne(request);
  if (context.json) printJson(context, result);
  await writeReport(result, options);
  showExport(result, isStream(dest) ? undefined : allocatedBytes(dest), context);
  return result.complete ? EXIT.ok : EXIT.incomplete;
}

/** A pattern that is not an image's own name. */
function isPattern(source: Source, [spec]: readonly string[], options: ExportOptions): boolean {
  if (spec === undefined || !isGlob(spec)) return false;
  try {
    selectImage(source, { ...options, spec });
    return false;
  } catch {
    return true;
  }
}

export async function exportImages(
  options: ExportCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  if (options.dest === '-' && context.json) {
    throw usageError('--format json needs standard output for itself: name a file as DEST');
  }
  return withSource(options, context, (source) => {
    const { all, specs } = options;
    const several = all === true || specs.length > 1 || isPattern(source, specs, options);
    return untilInterrupted(context, (signal) =>
      (several ? exportSeveral : exportSingle)(options, source, context, signal),
    );
  });
}

export function registerExport({ program, run }: Registry): void {
  const command = program
    .command('export')
    .description('write images or snapshots to sparse raw files')
    .usage(
      [
        '[options] <image-spec> <dest>',
        'rbd-salvage export --pool P --id ID [options] <dest>',
        'rbd-salvage export [options] <image-spec or pattern>... <directory>',
        'rbd-salvage export --all [options] <directory>',
      ].join('\n       '),
    )
    .argument(
      '[image-spec-and-dest...]',
      '[POOL/[NAMESPACE/]]IMAGE[@SNAP], or a pattern of such; then a file, a block device or - for standard output, and for several images a directory',
    )
    .option('--all', 'every image, also those in the trash and those found by their objects alone')
    .option(
      '--size <bytes>',
      'the size to write, where the one known or guessed is wrong',
      byteSize,
    )
    .option('--order <n>', 'log2 of the object size of a headless image', wholeNumber)
    .addOption(new Option('--object-size <bytes>', 'the same in bytes').argParser(orderOfSize))
    .option('-n, --dry-run', 'say what would be read and written, and what is lost; write nothing')
    .option('--force', 'replace DEST if it exists')
    .option('--map <file>', 'where to keep how far the export is (default: DEST.map)')
    .option('--restart', 'begin anew, whatever an interrupted run has left')
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
      args: string[],
      options: Omit<ExportCommandOptions, 'specs' | 'dest'> & { objectSize?: number },
    ) => {
      const dest = args.at(-1);
      const specs = args.slice(0, -1);
      // With --id or --all there is no spec: DEST is the only argument.
      const nameless = options.id !== undefined || options.all === true;
      if (dest === undefined || nameless !== (specs.length === 0)) {
        throw usageError(
          'export takes image specs and DEST, or with --id or --all DEST (a directory) alone',
        );
      }
      const order = options.order ?? options.objectSize;
      return run(exportImages, {
        ...options,
        ...{ specs, dest },
        ...(order === undefined ? {} : { order }),
      });
    },
  );
}
