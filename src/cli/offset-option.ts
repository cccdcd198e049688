import { usageError } from '../errors/salvage-error.ts';
import { realPath, statOrUndefined } from '../io/file-source.ts';
import { byteSize } from './options.ts';

function parseBytes(option: string, text: string): number {
  try {
    return byteSize(text);
  } catch {
    throw usageError(`--offset ${option}: ${text} is no number of bytes`);
  }
}

/**
 * `--offset BYTES`: where BlueStore begins in the devices and image files that are given;
 * `--offset PATH=BYTES`: in this one only. Both may be repeated: a disk may hold several.
 * @returns the offsets by path; none where nothing was said about it
 * @throws USAGE
 */
export function deviceOffsets(options: readonly string[]): (path: string) => readonly number[] {
  const anywhere: number[] = [];
  const byPath = new Map<string, number[]>();
  for (const option of options) {
    const split = option.lastIndexOf('=');
    const offset = parseBytes(option, option.slice(split + 1));
    if (split < 0) {
      anywhere.push(offset);
      continue;
    }
    const path = option.slice(0, split);
    const stat = statOrUndefined(path);
    if (stat === undefined || stat.isDirectory()) {
      throw usageError(`--offset ${option}: ${path} is no device or image file`);
    }
    const real = realPath(path);
    byPath.set(real, [...(byPath.get(real) ?? []), offset]);
  }
  return (path) => byPath.get(realPath(path)) ?? anywhere;
}
