import { nameToText } from '../../bytes/names.ts';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { SalvageError, usageError } from '../../errors/salvage-error.ts';
import { type Verify } from '../../export/copy-plans.ts';
import { type ExportContext, type ExportOutcome, exportToFile, exportToStream } from '../../export/export-image.ts';
import { ReadLanes } from '../../export/read-lanes.ts';
import { type Image, imageSpecText, snapshotName } from '../../image/image.ts';
import { buildLayer, type Layer } from '../../image/layer.ts';
import { allocatedBytes, isStream, openDestination } from '../../io/destination.ts';
import { deviceWriter, streamWriter } from '../../io/stream-writer.ts';
import { type CommandContext, printJson } from '../context.ts';
import { InvalidArgumentError, Option } from 'commander';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  byteSize,
  type CommonOptions,
  type ImageOptions,
  type SourceOptions,
  wholeNumber,
} from '../options.ts';
import { bytesText, countText, durationText } from '../progress.ts';
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
  parent: boolean;
  spaceCheck: boolean;
}

const orderOfSize = (text: string): number => {
  const order = Math.log2(byteSize(text));
  if (!Number.isInteger(order)) throw new InvalidArgumentError('It must be a power of two.');
  return order;
};

/** What the operator says of an image without a header replaces the guess. */
function setOrder(image: Image, order: number): void {
  if (!image.headless) throw usageError('--order and --object-size are for images without a header');
  image.header = { ...image.header, order, stripeUnit: 2 ** order };
}

/** Objects that an image can take bytes from, its parents' included. */
function objectBytes(layer: Layer): number {
  const own = layer.objects.length * layer.geometry.objectSize;
  const below = layer.parent?.layer === undefined ? 0 : objectBytes(layer.parent.layer);
  return Math.min(layer.size, own + below);
}

async function writeImage(
  source: Source,
  layer: Layer,
  options: ExportOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExportOutcome> {
  const lanes = new ReadLanes(source.runner, source.lanes, source.locations);
  const { verify, dest } = options;
  const work: ExportContext = { layer, lanes, verify, progress: context.progress, signal };
  if (isStream(dest)) {
    const writer = dest === '-' ? streamWriter(context.streams.stdout, signal) : deviceWriter(dest, signal);
    const outcome = await exportToStream(work, (bytes) => writer.write(bytes));
    await writer.close();
    return outcome;
  }
  const destination = openDestination({
    ...{ dest, size: layer.size, force: options.force === true },
    sources: [...[...source.locations.values()].map((l) => l.path), ...(options.catalog ?? [])],
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

function report(layer: Layer, outcome: ExportOutcome, seconds: number, options: ExportOptions) {
  const { lost, doubtful, objects, read, written } = outcome;
  const { image, snapshot } = layer;
  return {
    image: imageSpecText(image),
    snapshot: snapshot === undefined ? null : nameToText(snapshotName(snapshot)),
    size: layer.size,
    complete: lost.length === 0 && doubtful.length === 0,
    lost,
    doubtful,
    dest: options.dest,
    ...{ objects, bytes_read: read, bytes_written: written, seconds },
  };
}

const sumOf = (ranges: readonly { length: number }[]): number =>
  ranges.reduce((sum, { length }) => sum + length, 0);

/** Ranges listed on the terminal; all of them are in the JSON. */
const SHOWN_RANGES = 8;

function show(result: ReturnType<typeof report>, context: CommandContext): void {
  const { image, snapshot, dest, size, lost, doubtful, objects, bytes_written, seconds } = result;
  const spec = snapshot === null ? image : `${image}@${snapshot}`;
  const rate = seconds > 0 ? Math.round(bytes_written / seconds) : 0;
  const onDisk = isStream(dest) ? undefined : allocatedBytes(dest);
  const disk = onDisk === undefined ? '' : `, ${bytesText(onDisk)} on disk`;
  context.say(`${spec} -> ${dest}: ${bytesText(size)}${disk}, ${countText(objects)} objects`);
  context.say(`${bytesText(bytes_written)} written in ${durationText(seconds)} (${bytesText(rate)}/s)`);
  for (const [what, ranges] of [['lost', lost], ['doubtful', doubtful]] as const) {
    if (ranges.length === 0) continue;
    context.warn(`${what}: ${bytesText(sumOf(ranges))} in ${ranges.length} ranges`);
    for (const { offset, length, object, reason } of ranges.slice(0, SHOWN_RANGES)) {
      context.warn(`  ${offset}+${length} ${object}: ${reason}`);
    }
    if (ranges.length > SHOWN_RANGES) context.warn(`  and ${ranges.length - SHOWN_RANGES} more`);
  }
  if (result.complete) context.say('complete: nothing lost, nothing doubtful');
}

/** Ctrl-C: nothing new is begun, what is half written is taken away. */
function interruptible(): { signal: AbortSignal; done: () => void } {
  const controller = new AbortController();
  const onSignal = () => controller.abort();
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const done = () => {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  };
  return { signal: controller.signal, done };
}

export async function exportImage(options: ExportOptions, context: CommandContext): Promise<ExitCode> {
  if (options.dest === '-' && context.json) {
    throw usageError('--format json needs standard output for itself: name a file as DEST');
  }
  const source = await openSource(options, context);
  const { signal, done } = interruptible();
  try {
    const { image, snapshot } = selectImage(source, options);
    await examine(source, [image]);
    if (options.order !== undefined) setOrder(image, options.order);
    for (const guess of image.guesses) context.say(`guess: ${guess}`);
    for (const problem of image.problems) context.warn(`${imageSpecText(image)}: ${problem}`);
    const size = options.size === undefined ? {} : { size: options.size };
    const layer = buildLayer(image, snapshot, { noParent: !options.parent, ...size });
    const started = Date.now();
    const outcome = await writeImage(source, layer, options, context, signal);
    const result = report(layer, outcome, (Date.now() - started) / 1000, options);
    if (context.json) printJson(context, result);
    show(result, context);
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
    .usage('[options] <image-spec> <dest>\n       rbd-salvage export --pool P --id ID [options] <dest>')
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]; not with --id')
    .argument('[dest]', 'a file, a block device, or - for standard output')
    .option('--size <bytes>', 'the size to write, where the one known or guessed is wrong', byteSize)
    .option('--order <n>', 'log2 of the object size of a headless image', wholeNumber)
    .addOption(new Option('--object-size <bytes>', 'the same in bytes').argParser(orderOfSize))
    .option('--force', 'replace DEST if it exists')
    .option('--no-parent', "the image's own data alone: what its parent holds stays zero")
    .option('--no-space-check', 'do not look whether DEST has room')
    .addOption(
      new Option('--verify <how>', 'check objects against size and checksum stored with them, against all copies, or not')
        .choices(['digest', 'replicas', 'none'])
        .default('digest'),
    );
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (first: string | undefined, second: string | undefined, options: Omit<ExportOptions, 'spec' | 'dest'> & { objectSize?: number }) => {
      // With --id there is no spec: DEST is the only argument.
      const [spec, dest] = options.id === undefined ? [first, second] : [undefined, first];
      const extra = options.id !== undefined && second !== undefined;
      if (dest === undefined || extra) {
        throw usageError('export takes an image spec and DEST, or with --id DEST alone');
      }
      const order = options.order ?? options.objectSize;
      return run(exportImage, { ...options, spec, dest, ...(order === undefined ? {} : { order }) });
    },
  );
}
