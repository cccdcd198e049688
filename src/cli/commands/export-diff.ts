import { Option } from 'commander';
import { nameToText } from '../../bytes/names.ts';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { usageError } from '../../errors/salvage-error.ts';
import type { CopyTotals, Verify } from '../../export/copy-plans.ts';
import { diffRuns } from '../../export/diff-extents.ts';
import { RecordWriter, writeDiff } from '../../export/diff-writer.ts';
import type { ExportOutcome } from '../../export/export-image.ts';
import { LossMap } from '../../export/loss-map.ts';
import { snapshotName } from '../../image/image.ts';
import { type CommandContext, printJson } from '../context.ts';
import { type DiffEndpoints, type DiffOptions, diffEnds } from '../diff-ends.ts';
import { untilInterrupted } from '../interruptible.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
} from '../options.ts';
import { recoveryReport, showExport } from '../render/recovery-report.ts';
import { checkReportFile, writeReport } from '../report-file.ts';
import type { Source } from '../source.ts';
import { toDestination } from '../stream-destination.ts';
import { withSource } from '../with-source.ts';

interface ExportDiffOptions extends CommonOptions, DiffOptions {
  dest: string;
  force?: boolean;
  verify: Verify;
  wholeObject?: boolean;
  report?: string;
}

async function writeStream(
  ends: DiffEndpoints,
  source: Source,
  options: ExportDiffOptions,
  context: CommandContext,
  signal: AbortSignal,
): Promise<ExportOutcome> {
  const { from, to } = ends;
  const { verify, wholeObject = false } = options;
  const { progress } = context;
  const losses = { lost: new LossMap(), doubtful: new LossMap() };
  const totals: CopyTotals = { read: 0, written: 0, objects: 0 };
  progress.begin('export', 'bytes', to.size);
  await toDestination(options, source, context, signal, async (writer) => {
    const records = new RecordWriter(writer);
    const changes = diffRuns({ ...ends, wholeObject, verify, progress, signal, losses, totals });
    await writeDiff(1, { from: from?.snapshot, to: to.snapshot, size: to.size }, changes, records);
    totals.written = records.bytes;
  });
  progress.end();
  const { lost, doubtful } = losses;
  return {
    ...totals,
    lost: lost.ranges(),
    doubtful: doubtful.ranges(),
    sha256: undefined,
    kept: 0,
  };
}

/** What the operator chose that the report must tell. */
const overridesOf = ({ verify, parent, excludeOsd, unfinished }: ExportDiffOptions) => ({
  verify,
  ...(parent ? {} : { no_parent: true }),
  ...(excludeOsd === undefined ? {} : { exclude_osd: excludeOsd }),
  ...(unfinished === undefined ? {} : { unfinished }),
});

export async function exportDiff(
  options: ExportDiffOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { dest } = options;
  if (dest === '-' && context.json) {
    throw usageError('--format json needs standard output for itself: name a file as DEST');
  }
  const compare = async (source: Source, signal: AbortSignal): Promise<ExitCode> => {
    checkReportFile(options, source);
    const ends = await diffEnds(source, options, context);
    const started = Date.now();
    const outcome = await writeStream(ends, source, options, context, signal);
    const seconds = (Date.now() - started) / 1000;
    const overrides = overridesOf(options);
    const from = ends.from?.snapshot;
    const result = {
      ...recoveryReport({
        ...{ source, layer: ends.to, journal: ends.journal, outcome, seconds, dest, overrides },
      }),
      from_snapshot: from === undefined ? null : nameToText(snapshotName(from)),
    };
    if (context.json) printJson(context, result);
    await writeReport(result, options);
    showExport(result, undefined, context);
    return result.complete ? EXIT.ok : EXIT.incomplete;
  };
  return withSource(options, context, (source) => {
    const run = (signal: AbortSignal) => compare(source, signal);
    return untilInterrupted(context, run, 'interrupted: nothing was left behind');
  });
}

export function registerExportDiff({ program, run }: Registry): void {
  const command = program
    .command('export-diff')
    .description(
      'write what changed since a snapshot, or all there is, as rbd import-diff takes it',
    )
    .usage(
      '[options] <image-spec> <dest>\n       rbd-salvage export-diff --pool P --id ID [options] <dest>',
    )
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]; not with --id')
    .argument('[dest]', 'a file, or - for standard output')
    .option('--from-snap <name>', 'what changed since this snapshot (default: a full diff)')
    .option('--whole-object', 'whole objects that changed, even where their bytes did not')
    .option('--force', 'replace DEST if it exists')
    .option('--no-parent', "the image's own data alone")
    .option('--report <file>', 'where to write the report (default: DEST.report.json)')
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
      options: Omit<ExportDiffOptions, 'spec' | 'dest'>,
    ) => {
      // With --id there is no spec: DEST is the only argument.
      const [spec, dest] = options.id === undefined ? [first, second] : [undefined, first];
      const extra = options.id !== undefined && second !== undefined;
      if (dest === undefined || extra) {
        throw usageError('export-diff takes an image spec and DEST, or with --id DEST alone');
      }
      return run(exportDiff, { ...options, spec, dest });
    },
  );
}
