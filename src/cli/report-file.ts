import { usageError } from '../errors/salvage-error.ts';
import { isStream, refuseInSource } from '../io/destination.ts';
import { realPath } from '../io/file-source.ts';
import { writeTextFile } from '../io/text-file.ts';
import type { Source } from './source.ts';

interface ReportOptions {
  report?: string;
  dest: string;
}

/** The report goes beside DEST, or where `--report` says; none beside streams and devices. */
function reportFile({ report, dest }: ReportOptions): string | undefined {
  const beside = isStream(dest) || dest.startsWith('/dev/') ? undefined : `${dest}.report.json`;
  return report ?? beside;
}

/**
 * Before the work begins: a report never goes into a source, nor where the image itself goes. Beside
 * DEST it is as safe as DEST.
 * @throws USAGE, DESTINATION
 */
export function checkReportFile({ report, dest }: ReportOptions, source: Source): void {
  if (report === undefined) return;
  refuseInSource(report, source.protectedPaths);
  if (realPath(report) !== realPath(dest)) return;
  throw usageError(`--report and DEST are the same file: ${report}`);
}

/** @throws DESTINATION */
export function writeReport(result: object, options: ReportOptions): void {
  const file = reportFile(options);
  if (file !== undefined) writeTextFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
}
