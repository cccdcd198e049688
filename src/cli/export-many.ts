import path from 'node:path';
import { nameToText } from '../bytes/names.ts';
import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { errorText, isSourceFault, SalvageError } from '../errors/salvage-error.ts';
import { allInFlight } from '../export/in-flight.ts';
import { imageSpecText, snapshotName } from '../image/image.ts';
import { makeDirectory } from '../io/destination-paths.ts';
import type { Progress } from '../io/ports.ts';
import { refuseInSource } from '../io/refuse-sources.ts';
import { type CommandContext, printJson } from './context.ts';
import { dryRun } from './dry-run.ts';
import {
  type ExportOptions,
  exportLanes,
  exportOne,
  type ImageExport,
  layerOf,
  specOf,
} from './image-export.ts';
import { outputNames } from './output-names.ts';
import { bytesText, countText, silentProgress } from './progress.ts';
import type { RecoveryReport } from './render/recovery-report.ts';
import { table } from './render/table.ts';
import { checkReportFile, writeReport } from './report-file.ts';
import type { ChosenImage } from './select-image.ts';
import type { Source } from './source.ts';

/** Enough for every disk to have something to do while small images are opened and closed. */
const AT_ONCE = 4;

/** One of many images, as the JSON document lists it. */
export type ManyResult =
  | ({ status: 'complete' | 'incomplete' } & RecoveryReport)
  | { status: 'failed'; image: string; snapshot: string | null; dest: string; error: string };

export interface ManyRequest {
  source: Source;
  images: readonly ChosenImage[];
  directory: string;
  options: ExportOptions;
  context: CommandContext;
  signal: AbortSignal;
}

/** Bytes that it will have; 0 where it will fail, as it says when its turn comes. */
function sizeOf(request: ImageExport): number {
  try {
    return layerOf(request).size;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return 0;
  }
}

/** One bar over all images. */
function shared(progress: Progress, requests: readonly ImageExport[]): Progress {
  const total = requests.reduce((sum, request) => sum + sizeOf(request), 0);
  progress.begin('export', 'bytes', total);
  return { ...silentProgress, advance: (amount) => progress.advance(amount) };
}

function requestsOf({ source, images, directory, options, context, signal }: ManyRequest) {
  const lanes = exportLanes(source, options, signal);
  const names = outputNames(directory, images);
  return images.map(
    ({ image, snapshot }, i): ImageExport => ({
      ...{ source, lanes, image, snapshot, dest: names[i]!, options, context, signal },
      ...{ progress: context.progress, skipDone: true },
    }),
  );
}

const snapshotText = ({ snapshot }: ImageExport): string | null =>
  snapshot === undefined ? null : nameToText(snapshotName(snapshot));

/** Exports one of them; what fails with it does not stop the next. @throws the signal's reason */
async function tried(request: ImageExport): Promise<ManyResult> {
  const { image, dest, context, signal } = request;
  const spec = { image: imageSpecText(image), snapshot: snapshotText(request) };
  try {
    const { protectedPaths } = request.source;
    // A link in its way may lead into a source.
    makeDirectory(path.dirname(dest), (real) => refuseInSource(real, protectedPaths));
    checkReportFile({ dest }, request.source);
    const report = await exportOne(request);
    await writeReport(report, { dest });
    return { status: report.complete ? 'complete' : 'incomplete', ...report };
  } catch (error) {
    if (signal.aborted && !(error instanceof SalvageError)) throw error;
    context.warn(`${specOf(request)}: ${errorText(error)}`);
    return { status: 'failed', ...spec, dest, error: errorText(error) };
  }
}

function summaryOf(results: readonly ManyResult[]) {
  const with_ = (status: ManyResult['status']) =>
    results.filter((result) => result.status === status).length;
  return {
    complete: results.every(({ status }) => status === 'complete'),
    totals: {
      images: results.length,
      complete: with_('complete'),
      incomplete: with_('incomplete'),
      failed: with_('failed'),
    },
    images: results,
  };
}

function rowOf(result: ManyResult): string[] {
  const { status, image, snapshot, dest } = result;
  const spec = snapshot === null ? image : `${image}@${snapshot}`;
  if (result.status === 'failed') return [status, spec, '', '', '', dest ?? ''];
  const { size, totals } = result;
  const { lost_bytes: lost, doubtful_bytes: doubtful } = totals;
  const amount = (bytes: number) => (bytes === 0 ? '' : bytesText(bytes));
  return [status, spec, bytesText(size), amount(lost), amount(doubtful), dest ?? ''];
}

function show(results: readonly ManyResult[], { streams, json, say }: CommandContext): void {
  const { totals } = summaryOf(results);
  if (!json) {
    const head = ['STATUS', 'IMAGE', 'SIZE', 'LOST', 'DOUBTFUL', 'FILE'];
    streams.stdout.write(table([head, ...results.map(rowOf)], [2, 3, 4]));
  }
  say(
    `${countText(totals.images)} images: ${totals.complete} complete, ${totals.incomplete} not, ${totals.failed} failed`,
  );
}

/**
 * Exports many images into a directory, several at once over the same disks. What an earlier run has
 * finished there is not read again.
 * @throws the signal's reason, once what was in flight is kept
 */
export async function exportMany(request: ManyRequest): Promise<ExitCode> {
  const { images, context, signal } = request;
  const requests = requestsOf(request);
  if (request.options.dryRun) return dryRun(requests, request.directory);
  makeDirectory(request.directory);
  const progress = shared(context.progress, requests);
  const results: ManyResult[] = [];
  const waiting = requests.entries();
  const worker = async () => {
    for (const [i, one] of waiting) {
      signal.throwIfAborted();
      results[i] = await tried({ ...one, progress });
    }
  };
  await allInFlight(Array.from({ length: Math.min(AT_ONCE, images.length) }, worker));
  context.progress.end();
  const summary = summaryOf(results);
  if (context.json) printJson(context, summary);
  show(results, context);
  if (summary.totals.failed > 0) return EXIT.failed;
  return summary.complete ? EXIT.ok : EXIT.incomplete;
}
