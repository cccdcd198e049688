import { isStream } from '../io/destination.ts';
import { writeTextFile } from '../io/text-file.ts';

/** The report goes beside DEST, or where `--report` says. @throws DESTINATION */
export function writeReport(
  result: object,
  { report, dest }: { report?: string; dest: string },
): void {
  const beside = isStream(dest) || dest.startsWith('/dev/') ? undefined : `${dest}.report.json`;
  const file = report ?? beside;
  if (file !== undefined) writeTextFile(file, `${JSON.stringify(result, undefined, 2)}\n`);
}
