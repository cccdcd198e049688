import { nameToText } from '../bytes/names.ts';
import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { usageError } from '../errors/salvage-error.ts';
import type { Verify } from '../export/copy-plans.ts';
import { RecordWriter } from '../export/diff-writer.ts';
import { exportFormat2, type Format2Outcome, isExported } from '../export/export-format2.ts';
import { type Image, imageSpecText, snapshotName } from '../image/image.ts';
import { type ReplayedJournal, readImageJournal } from '../image/image-journal.ts';
import { buildLayer } from '../image/layer.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import { announce } from './announce.ts';
import { type CommandContext, printJson } from './context.ts';
import { lanesFor } from './diff-ends.ts';
import type { SourceOptions } from './options.ts';
import { bytesText, countText, durationText } from './progress.ts';
import { type RecoveryReport, recoveryReport, showRanges } from './render/recovery-report.ts';
import { writeReport } from './report-file.ts';
import type { Source } from './source.ts';
import { toDestination } from './stream-destination.ts';

export interface HistoryOptions extends SourceOptions {
  dest: string;
  force?: boolean;
  verify: Verify;
  parent: boolean;
  size?: number;
  report?: string;
}

export interface HistoryRequest {
  image: Image;
  /** must not be one: they all go along */
  snapshot: Snapshot | undefined;
  source: Source;
  options: HistoryOptions;
  overrides: Record<string, unknown>;
  context: CommandContext;
  signal: AbortSignal;
}

interface Written {
  outcome: Format2Outcome;
  /** of the head */
  journal: ReplayedJournal | undefined;
}

async function write({
  image,
  source,
  options,
  context,
  signal,
}: HistoryRequest): Promise<Written> {
  const lanes = lanesFor(source, options);
  const { size, verify } = options;
  const head = buildLayer(image, undefined, { noParent: !options.parent });
  const journal = await readImageJournal(head, lanes);
  announce(head, context, journal);
  const outcome = await toDestination(options, source, context, signal, (writer) =>
    exportFormat2({
      ...{ image, size, noParent: !options.parent, journal, lanes, verify, signal },
      progress: context.progress,
      writer: new RecordWriter(writer),
    }),
  );
  return { outcome, journal };
}

/** The head's report, with those of the snapshots under `snapshots`. */
function reportOf(request: HistoryRequest, { outcome, journal }: Written, seconds: number) {
  const { source, options, overrides } = request;
  const { read, written, objects } = outcome;
  const reports = outcome.layers.map(({ layer, lost, doubtful }) =>
    recoveryReport({
      ...{ source, layer, seconds, dest: options.dest, overrides },
      journal: layer.snapshot === undefined ? journal : undefined,
      outcome: { lost, doubtful, read, written, objects, sha256: undefined, kept: 0 },
    }),
  );
  const snapshots = reports.slice(0, -1).map(({ snapshot, size, complete, lost, doubtful }) => ({
    ...{ snapshot, size, complete, lost, doubtful },
  }));
  const head = reports[reports.length - 1]!;
  return { ...head, complete: reports.every(({ complete }) => complete), snapshots };
}

type HistoryReport = Omit<RecoveryReport, 'complete'> & ReturnType<typeof reportOf>;

function show(report: HistoryReport, context: CommandContext): void {
  const { image, dest, size, totals, snapshots } = report;
  context.say(
    `${image} -> ${dest}: ${bytesText(size)} and ${countText(snapshots.length)} snapshots`,
  );
  context.say(`${bytesText(totals.bytes_written)} written in ${durationText(totals.seconds)}`);
  for (const layer of [...snapshots, report]) {
    const at = layer.snapshot === null ? '' : `@${layer.snapshot}`;
    showRanges(`${image}${at}: lost (zeros)`, layer.lost, context);
    showRanges(`${image}${at}: doubtful`, layer.doubtful, context);
  }
  context.say(
    report.complete
      ? 'complete: nothing lost, nothing doubtful'
      : 'not complete: the report says what is lost or doubtful in which snapshot',
  );
}

/** `export --export-format 2`: an image with its snapshots, as `rbd import` of a new cluster takes it. */
export async function exportWithHistory(request: HistoryRequest): Promise<ExitCode> {
  const { image, snapshot, options, context } = request;
  if (snapshot !== undefined) {
    throw usageError('--export-format 2 writes all snapshots: name the image without one');
  }
  for (const left of image.header.snapshots.filter((s) => !isExported(s))) {
    if (left.namespace.type === 'trash') continue;
    const name = nameToText(snapshotName(left));
    context.warn(
      `${imageSpecText(image)}@${name}: left out, a snapshot of kind ${left.namespace.type}`,
    );
  }
  const started = Date.now();
  const written = await write(request);
  const report = reportOf(request, written, (Date.now() - started) / 1000);
  if (context.json) printJson(context, report);
  await writeReport(report, options);
  show(report, context);
  return report.complete ? EXIT.ok : EXIT.incomplete;
}
