import { nameToText } from '../../bytes/names.ts';
import type { ExportOutcome } from '../../export/export-image.ts';
import { union } from '../../export/intervals.ts';
import type { LossRange } from '../../export/loss-map.ts';
import type { ImageRange } from '../../export/plan.ts';
import { type Image, imageSpecText, snapshotName } from '../../image/image.ts';
import type { ReplayedJournal } from '../../image/image-journal.ts';
import { type Layer, layersOf } from '../../image/layer.ts';
import type { CommandContext } from '../context.ts';
import { bytesText, countText, durationText } from '../progress.ts';
import type { Source } from '../source.ts';
import { VERSION } from '../version.ts';
import { osdJournals } from './osd-journals.ts';
import { allDoubtful, wholeDoubts } from './whole-doubt.ts';

/** An OSD that was not read, and what that costs. */
export interface MissingOsd {
  osd: string;
  /** bytes of the image that are lost or doubtful and would be on it; undefined: it was never scanned */
  bytes?: number;
  reason: string;
}

/** Bytes of the image: what has two reasons to be doubtful counts once. */
const sumOf = (ranges: readonly ImageRange[]): number =>
  union(ranges).reduce((sum, { length }) => sum + length, 0);

/** OSDs that the map knows or the catalog names and that are not at hand, most wanted first. */
export function missingOsds(
  source: Source,
  layer: Layer,
  ranges: readonly LossRange[],
): MissingOsd[] {
  const { cluster } = layer.image;
  const missing: MissingOsd[] = [];
  for (const osd of cluster.osds) {
    if (source.locations.has(osd.catalog.key)) continue;
    const bytes = sumOf(ranges.filter((range) => range.osds?.includes(osd.name)));
    missing.push({ osd: osd.name, bytes, reason: 'scanned before, not at hand now' });
  }
  for (const [number, state] of (cluster.osdMap?.osds ?? []).entries()) {
    if (!state.exists || cluster.pgs.isScanned(number)) continue;
    missing.push({ osd: `osd.${number}`, reason: 'in the OSD map, never scanned' });
  }
  return missing.sort((a, b) => (b.bytes ?? 0) - (a.bytes ?? 0));
}

export interface ReportRequest {
  source: Source;
  layer: Layer;
  outcome: ExportOutcome;
  /** what is to be laid over the image, where it has a journal */
  journal: ReplayedJournal | undefined;
  seconds: number;
  /** undefined: nothing was written */
  dest: string | undefined;
  /** what the operator overrode */
  overrides: Record<string, unknown>;
}

/** The report on one image, as `--format json` prints it and as it stands beside DEST. */
export function recoveryReport({
  source,
  layer,
  outcome,
  journal,
  seconds,
  dest,
  overrides,
}: ReportRequest) {
  const { lost, objects, read, written, kept } = outcome;
  const { image, snapshot } = layer;
  const problems = wholeDoubts(source, image, journal);
  const doubtful = allDoubtful({ source, layer, journal, lost, doubtful: outcome.doubtful });
  const chain = [...new Set(layersOf(layer).map((one) => one.image))];
  return {
    image: imageSpecText(image),
    snapshot: snapshot === undefined ? null : nameToText(snapshotName(snapshot)),
    size: layer.size,
    complete:
      lost.length === 0 &&
      doubtful.length === 0 &&
      // An image may have no bytes.
      problems.length === 0,
    lost,
    doubtful,
    totals: {
      lost_bytes: sumOf(lost),
      doubtful_bytes: sumOf(doubtful),
      objects,
      bytes_read: read,
      bytes_written: written,
      /** done by an earlier run of the same export, and not read again */
      bytes_kept: kept,
      seconds,
    },
    ...(dest === undefined ? {} : { dest }),
    ...(outcome.sha256 === undefined ? {} : { digests: { sha256: outcome.sha256 } }),
    cluster: image.cluster.fsid ?? null,
    missing_osds: missingOsds(source, layer, [...lost, ...doubtful]),
    journals: osdJournals(image.cluster),
    guesses: said(chain, ({ guesses }) => guesses),
    problems,
    warnings: [...source.runner.damage],
    overrides,
    rbd_salvage: VERSION,
  };
}

/** Of an image, and of those that show through it by their names. */
export const said = (
  [image, ...ancestors]: readonly Image[],
  of: (image: Image) => readonly string[],
): string[] => [
  ...of(image!),
  ...ancestors.flatMap((one) => of(one).map((text) => `${imageSpecText(one)}: ${text}`)),
];

export type RecoveryReport = ReturnType<typeof recoveryReport>;

/** Ranges, and damaged places, listed on the terminal; all of them are in the report. */
const SHOWN_RANGES = 8;

export function showRanges(
  what: string,
  ranges: readonly LossRange[],
  context: CommandContext,
): void {
  if (ranges.length === 0) return;
  for (const range of ranges) context.log.add({ event: 'range', what, ...range });
  context.warn(`${what}: ${bytesText(sumOf(ranges))} in ${countText(ranges.length)} ranges`);
  for (const { offset, length, object, reason } of ranges.slice(0, SHOWN_RANGES)) {
    context.warn(`  ${offset}+${length} ${object}: ${reason}`);
  }
  if (ranges.length > SHOWN_RANGES)
    context.warn(`  and ${countText(ranges.length - SHOWN_RANGES)} more`);
}

/** What is lost or doubtful, and which disks would help. */
export function showLosses(report: RecoveryReport, context: CommandContext): void {
  showRanges('lost (zeros)', report.lost, context);
  showRanges('doubtful', report.doubtful, context);
  // Told even where nothing is missed: an OSD that lived longer than all of these may know better.
  const { warnings } = report;
  for (const warning of warnings.slice(0, SHOWN_RANGES)) context.warn(`damaged: ${warning}`);
  if (warnings.length > SHOWN_RANGES)
    context.warn(`  and ${countText(warnings.length - SHOWN_RANGES)} more damaged places`);
  for (const { osd, bytes, reason } of report.missing_osds) {
    const amount = bytes === undefined ? '' : `, ${bytesText(bytes)} of this image`;
    context.say(`not here: ${osd} (${reason}${amount})`);
  }
}

/** The summary of an export, in one screen. */
export function showExport(
  report: RecoveryReport,
  onDisk: number | undefined,
  context: CommandContext,
): void {
  const { image, snapshot, dest, size, totals } = report;
  const spec = snapshot === null ? image : `${image}@${snapshot}`;
  const rate = totals.seconds > 0 ? Math.round(totals.bytes_written / totals.seconds) : 0;
  const disk = onDisk === undefined ? '' : `, ${bytesText(onDisk)} on disk`;
  context.say(
    `${spec} -> ${dest}: ${bytesText(size)}${disk}, ${countText(totals.objects)} objects`,
  );
  const amount = `${bytesText(totals.bytes_written)} written in ${durationText(totals.seconds)}`;
  context.say(`${amount} (${bytesText(rate)}/s)`);
  showLosses(report, context);
  context.say(verdictOf(report));
}

/** One sentence on how far the result can be trusted. */
export function verdictOf(report: RecoveryReport): string {
  if (report.complete) return 'complete: nothing lost, nothing doubtful';
  const { lost_bytes, doubtful_bytes } = report.totals;
  const [problem] = report.problems;
  const why = problem === undefined ? 'incomplete' : `not known to be complete: ${problem}`;
  const amounts = `${bytesText(lost_bytes)} lost, ${bytesText(doubtful_bytes)} doubtful`;
  return problem === undefined ? `${why}: ${amounts}` : `${why} (${amounts})`;
}
