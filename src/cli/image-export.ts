import { nameToText } from '../bytes/names.ts';
import type { Verify } from '../export/copy-plans.ts';
import {
  type ExportContext,
  type ExportOutcome,
  exportToFile,
  exportToStream,
} from '../export/export-image.ts';
import { ReadLanes } from '../export/read-lanes.ts';
import { attachObjectMaps } from '../image/attach-object-maps.ts';
import { type Image, imageSpecText, snapshotName } from '../image/image.ts';
import { readImageJournal } from '../image/image-journal.ts';
import { buildLayer, type Layer } from '../image/layer.ts';
import { isStream } from '../io/destination-paths.ts';
import type { Progress } from '../io/ports.ts';
import { deviceWriter, streamWriter } from '../io/stream-writer.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import { announce } from './announce.ts';
import type { CommandContext } from './context.ts';
import type { CommonOptions, ImageOptions, SourceOptions } from './options.ts';
import { bytesText } from './progress.ts';
import { type RecoveryReport, recoveryReport } from './render/recovery-report.ts';
import { problemsOf } from './render/whole-doubt.ts';
import { heedEarlierRun, isDone, openResumable, type ResumableRequest } from './resume.ts';
import type { Source } from './source.ts';

/** How images are exported, whichever they are. */
export interface ExportOptions extends CommonOptions, SourceOptions, ImageOptions {
  /** overrides what the metadata says, or what was guessed */
  size?: number;
  /** log2 of the object size */
  order?: number;
  force?: boolean;
  /** begin anew, whatever an earlier run has left */
  restart?: boolean;
  /** file for the state of the export */
  map?: string;
  verify: Verify;
  /** file for the report */
  report?: string;
  /** take the SHA-256 of the output */
  digest?: boolean;
  parent: boolean;
  spaceCheck: boolean;
  /** say what would be done, and write nothing */
  dryRun?: boolean;
}

export interface ImageExport {
  source: Source;
  lanes: ReadLanes;
  image: Image;
  snapshot: Snapshot | undefined;
  dest: string;
  options: ExportOptions;
  context: CommandContext;
  progress: Progress;
  signal: AbortSignal;
  /** what an earlier run has finished is left as it is, instead of being refused */
  skipDone?: boolean;
}

export const exportLanes = (
  source: Source,
  options: Pick<SourceOptions, 'preferOsd'>,
  signal: AbortSignal,
): ReadLanes => {
  const { runner, lanes, locations, decided } = source;
  const made = new ReadLanes(runner, lanes, locations, options.preferOsd, signal);
  made.decided = decided;
  return made;
};

/** What is exported, as an operator would name it. */
export const specOf = ({ image, snapshot }: ImageExport): string =>
  imageSpecText(image, snapshot && nameToText(snapshotName(snapshot)));

/** Objects that an image can take bytes from, its parents' included. */
export function objectBytes(layer: Layer): number {
  const own = layer.objects.length * layer.geometry.objectSize;
  const below = layer.parent?.layer === undefined ? 0 : objectBytes(layer.parent.layer);
  return Math.min(layer.size, own + below);
}

/** What the operator decided instead of the metadata; the report must say so. */
export function overridesOf(options: ExportOptions): Record<string, unknown> {
  const { size, order, excludeOsd, preferOsd, verify, parent, unfinished } = options;
  const all = { size, order, exclude_osd: excludeOsd, prefer_osd: preferOsd, unfinished };
  const given = Object.entries(all).filter(([, value]) => value !== undefined);
  return { ...Object.fromEntries(given), verify, ...(parent ? {} : { no_parent: true }) };
}

/** An image as it is to be exported. */
export function layerOf({ image, snapshot, options }: ImageExport): Layer {
  const size = options.size === undefined ? {} : { size: options.size };
  return buildLayer(image, snapshot, { noParent: !options.parent, ...size });
}

async function toStream(work: ExportContext, { dest, context }: ImageExport) {
  const writer =
    dest === '-'
      ? streamWriter(context.streams.stdout, work.signal)
      : deviceWriter(dest, work.signal);
  const outcome = await exportToStream(work, (bytes) => writer.write(bytes));
  await writer.close();
  return outcome;
}

/** How far an export came that was cut short. */
function sayHowFar({ context, dest }: ImageExport, done: number, size: number, map: string): void {
  if (done === 0) return;
  context.warn(
    `${dest}: ${bytesText(done)} of ${bytesText(size)} are done and kept; the same command goes on (${map})`,
  );
}

const outputOf = (
  { dest, options, source }: ImageExport,
  { layer, journal }: Pick<ExportContext, 'layer' | 'journal'>,
): ResumableRequest => ({
  trusted: !source.unfinished,
  problems: problemsOf(layer.image, journal),
  ...{ dest, map: options.map, layer, source },
  force: options.force === true,
  restart: options.restart === true,
  verify: options.verify,
  excluded: options.excludeOsd ?? [],
  noParent: !options.parent,
  need: options.spaceCheck ? objectBytes(layer) : undefined,
});

async function toFile(work: ExportContext, request: ImageExport): Promise<ExportOutcome> {
  const { dest, context } = request;
  const { layer, signal } = work;
  const output = openResumable(outputOf(request, work));
  const { destination, checkpoint, map, outdated } = output;
  if (outdated !== undefined) {
    context.warn(`${dest}: nothing is kept of what an earlier run had done: ${outdated}`);
  }
  if (checkpoint?.resumed) {
    const kept = checkpoint.map.bytes('+');
    context.say(`${dest}: going on, ${bytesText(kept)} are done already (${map})`);
  }
  try {
    const outcome = await exportToFile(work, destination.target, checkpoint);
    signal.throwIfAborted();
    await output.commit();
    return outcome;
  } catch (error) {
    await output.leave();
    if (checkpoint !== undefined) {
      sayHowFar(request, checkpoint.kept, layer.size, map!);
    } else {
      context.warn(`${dest} is written in part; with --map FILE an export can be gone on with`);
    }
    throw error;
  }
}

const nothingToDo = (size: number): ExportOutcome => ({
  ...{ read: 0, written: 0, objects: 0, lost: [], doubtful: [], sha256: undefined, kept: size },
});

async function write(work: ExportContext, request: ImageExport): Promise<ExportOutcome> {
  if (isStream(request.dest)) return toStream(work, request);
  const { layer, progress } = work;
  if (request.skipDone === true && isDone(outputOf(request, work))) {
    progress.advance(layer.size);
    return nothingToDo(layer.size);
  }
  return toFile(work, request);
}

/**
 * Exports one image, or a snapshot of it.
 * @throws USAGE when DEST is refused; DESTINATION when it cannot be written; the signal's reason
 */
export async function exportOne(request: ImageExport): Promise<RecoveryReport> {
  const { source, dest, options, context, lanes, progress, signal } = request;
  const layer = layerOf(request);
  announce(layer, context);
  heedEarlierRun(request, layer);
  await attachObjectMaps(layer, lanes);
  const journal = await readImageJournal(layer, lanes);
  const started = Date.now();
  const { verify, digest } = options;
  const work = { layer, lanes, journal, verify, digest: digest === true, progress, signal };
  const outcome = await write(work, request);
  const seconds = (Date.now() - started) / 1000;
  const overrides = overridesOf(options);
  return recoveryReport({ source, layer, outcome, journal, seconds, dest, overrides });
}
