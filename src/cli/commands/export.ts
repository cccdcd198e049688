import { InvalidArgumentError, Option } from 'commander';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { SalvageError, usageError } from '../../errors/salvage-error.ts';
import type { Image } from '../../image/image.ts';
import { allocatedBytes, isStream } from '../../io/destination.ts';
import { type CommandContext, printJson } from '../context.ts';
import { exportWithHistory } from '../export-with-history.ts';
import { type ExportOptions, exportLanes, exportOne, overridesOf } from '../image-export.ts';
import { interruptible } from '../interruptible.ts';
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
import { checkReportFile, writeReport } from '../report-file.ts';
import { selectImage } from '../select-image.ts';
import { examine, openSource } from '../source.ts';

interface OneExportOptions extends ExportOptions {
  spec: string | undefined;
  dest: string;
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

export async function exportImage(
  options: OneExportOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { dest } = options;
  if (dest === '-' && context.json) {
    throw usageError('--format json needs standard output for itself: name a file as DEST');
  }
  const source = await openSource(options, context);
  const { signal, done } = interruptible(context);
  try {
    checkReportFile(options, source);
    const { image, snapshot } = selectImage(source, options);
    await examine(source, [image]);
    if (options.order !== undefined) setOrder(image, options.order);
    if (options.exportFormat === '2') {
      const overrides = overridesOf(options);
      const request = { image, snapshot, source, options, overrides, context, signal };
      return await exportWithHistory(request);
    }
    const lanes = exportLanes(source, options, signal);
    const { progress } = context;
    const request = { source, lanes, image, snapshot, dest, options, context, progress, signal };
    const result = await exportOne(request);
    if (context.json) printJson(context, result);
    writeReport(result, options);
    showExport(result, isStream(dest) ? undefined : allocatedBytes(dest), context);
    return result.complete ? EXIT.ok : EXIT.incomplete;
  } catch (error) {
    if (!signal.aborted || error instanceof SalvageError) throw error;
    context.warn('interrupted');
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
      first: string | undefined,
      second: string | undefined,
      options: Omit<OneExportOptions, 'spec' | 'dest'> & { objectSize?: number },
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
