import { SalvageError, usageError } from '../errors/salvage-error.ts';
import { parseMapFile } from '../export/map-file.ts';
import { type BadBlocks, setBadBlocks, sharedRanges } from '../io/bad-blocks.ts';
import { statOrUndefined } from '../io/file-source.ts';
import { readTextFile } from '../io/text-file.ts';
import type { FoundOsd } from '../store/detect.ts';
import { theNamed } from './place-parts.ts';

/** `OSD=FILE`, or `OSD=FILE@BYTES` where the map is of a disk and the OSD begins BYTES into it. */
const SYNTAX = /^([^=]+)=(.+?)(?:@(\d+))?$/;

/** Bytes that ddrescue could not read, from the OSD's beginning on. @throws USAGE */
function rangesIn(file: string, start: number): number[] {
  const text = readTextFile(file);
  if (text === undefined) throw usageError(`--bad-map: no such file: ${file}`);
  try {
    const pairs: number[] = [];
    for (const { offset, length, status } of parseMapFile(text).map.runs()) {
      const end = offset + length - start;
      if (status !== '+' && end > 0) pairs.push(Math.max(0, offset - start), end);
    }
    return pairs;
  } catch (error) {
    if (!(error instanceof SalvageError)) throw error;
    throw usageError(`--bad-map ${file}: ${error.message}`);
  }
}

function badBlocks(osds: readonly FoundOsd[], option: string): BadBlocks {
  const [, word, file, start] = SYNTAX.exec(option) ?? [];
  if (word === undefined || file === undefined) {
    throw usageError(`--bad-map ${option}: it must be OSD=FILE, such as osd.3=disk3.map`);
  }
  const { location } = theNamed(osds, `--bad-map ${option}`, word);
  const device = location.devices?.main?.path ?? location.dataPath;
  const found = statOrUndefined(device);
  if (found === undefined) throw usageError(`--bad-map ${option}: ${device} is not there`);
  return {
    device: found.isBlockDevice() ? found.rdev : found.dev,
    inode: found.isFile() ? found.ino : undefined,
    ranges: sharedRanges(rangesIn(file, Number(start ?? 0))),
  };
}

/** Applies `--bad-map`: from now on reads of what a disk's image lacks fail. @throws USAGE */
export function markBadBlocks(osds: readonly FoundOsd[], options: readonly string[] = []): void {
  if (options.length > 0) setBadBlocks(options.map((option) => badBlocks(osds, option)));
}
