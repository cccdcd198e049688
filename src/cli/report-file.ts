import { isStream, refuseInSource } from '../io/destination.ts';
import { writeTextFile } from '../io/text-file.ts';
import { pathsOf } from '../store/detect.ts';
import type { Source } from './source.ts';

interface ReportOptions {
  report?: string;
  dest: string;
  catalog?: string[];
}

/** The report goes beside DEST, or where `--report` says; none beside streams and devices. */
function reportFile({ report, dest }: ReportOptions): string | undefined {
  const beside = isStream(dest) || dest.startsWith('/dev/') ? undefined : `${dest}.report.json`;
  return report ?? beside;
}

/**
 * Before the work begins: a report never goes into a source. Beside DEST it is as safe as DEST.
 * @throws USAGE, DESTINATION
 */
export function checkReportFile({ report, catalog = [] }: ReportOptions, source: Source): void {
  if (report === undefined) return;
  const sources = [...source.locations.values()].flatMap(pathsOf);
  refuseInSource(report, [...sources, ...catalog]);
}

/** @throws DESTINATION */
export function writeReport(result: object, options: ReportOptions): void {
  const file = reportFile(options);
  if (file !== undefined) writeTextFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
}
