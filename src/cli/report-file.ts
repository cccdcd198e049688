import path from 'node:path';
import { usageError } from '../errors/salvage-error.ts';
import { isBlockDevice, isStream, realDestination, stat } from '../io/destination-paths.ts';
import { realPath } from '../io/file-source.ts';
import { refuseInSource } from '../io/refuse-sources.ts';
import { replaceTextFile, writeTextFile } from '../io/text-file.ts';
import type { Source } from './source.ts';

interface ReportOptions {
  report?: string;
  map?: string;
  dest: string;
}

/** The report goes beside DEST, or where `--report` says; none beside streams and devices. */
function reportFile({ report, dest }: ReportOptions): string | undefined {
  const beside = isStream(dest) || isBlockDevice(dest) ? undefined : `${dest}.report.json`;
  return report ?? beside;
}

/** Was an export cut short after DEST got its name and before it was reported? */
export function lacksReport(options: ReportOptions): boolean {
  const file = reportFile(options);
  return file !== undefined && stat(file) === undefined;
}

/**
 * Before the work begins: a report never goes into a source, and every file of an export has a
 * place of its own. Beside DEST a link may lie that leads into one.
 * @throws USAGE, DESTINATION
 */
export function checkReportFile(options: ReportOptions, source: Source): void {
  const { report, map, dest } = options;
  const file = reportFile(options);
  if (file !== undefined && stat(path.dirname(file)) !== undefined) {
    refuseInSource(file, source.protectedPaths);
    const found = stat(file);
    if (found?.isDirectory() || found?.isBlockDevice()) {
      const what = found.isDirectory() ? 'a directory' : 'a block device';
      throw usageError(`${file} is ${what}: no report can be written`);
    }
  }
  const files = {
    '--report': report,
    '--map': map,
    DEST: dest,
    'the unfinished DEST': `${dest}.partial`,
  };
  const named = Object.entries(files).filter(
    (entry): entry is [string, string] => entry[1] !== undefined,
  );
  for (const [i, [name, file]] of named.entries()) {
    const same = named.slice(i + 1).find(([, other]) => realPath(other) === realPath(file));
    if (same !== undefined) throw usageError(`${name} and ${same[0]} are the same file: ${file}`);
  }
}

/** @throws DESTINATION */
export async function writeReport(result: object, options: ReportOptions): Promise<void> {
  const file = reportFile(options);
  if (file === undefined) return;
  const text = `${JSON.stringify(result, undefined, 2)}\n`;
  const real = realDestination(file);
  // What is no file, a pipe say, is written to; a link to nothing is replaced and not followed.
  if (stat(real)?.isFile() === false) writeTextFile(real, text);
  // Beside DEST and other reports: under a name that nobody has given to anything.
  else await replaceTextFile(real, text, `${real}.rbd-salvage-${process.pid}`);
}
