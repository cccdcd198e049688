import { sourceIoError } from '../errors/salvage-error.ts';
import { native } from './native.ts';

/**
 * Bytes of devices that are known to be bad though they can be read: a disk's image, as ddrescue made
 * it, has zeros where the disk gave nothing. Reading them fails as it would on the disk itself.
 */
export interface BadBlocks {
  /** the file system's device, or a block device itself, as `stat` gives it */
  device: number;
  /** an image file on that device; undefined: the device as a whole */
  inode: number | undefined;
  /** pairs of first and last-plus-one byte, ascending, without overlap; shared among threads */
  ranges: Float64Array;
}

let known: readonly BadBlocks[] = [];

/** What all files that this thread opens from now on are held against. */
export function setBadBlocks(blocks: readonly BadBlocks[]): void {
  known = blocks;
}

export const knownBadBlocks = (): readonly BadBlocks[] => known;

/** Ranges in memory that threads share. */
export function sharedRanges(pairs: readonly number[]): Float64Array {
  const ranges = new Float64Array(new SharedArrayBuffer(pairs.length * 8));
  ranges.set(pairs);
  return ranges;
}

/** Index of the first range that ends behind `position`. */
function firstBehind(ranges: Float64Array, position: number): number {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ranges[2 * middle + 1]! <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Parts of a file that lie on bad blocks of its device, in bytes of the file. */
function badInFile(fd: number, ranges: Float64Array): Float64Array {
  const pairs: number[] = [];
  for (const { logical, physical, length, scattered } of native?.extents(fd) ?? []) {
    for (let i = firstBehind(ranges, physical); i < ranges.length / 2; i++) {
      const from = Math.max(ranges[2 * i]!, physical);
      const to = Math.min(ranges[2 * i + 1]!, physical + length);
      if (from >= to) break;
      // Of compressed data nobody knows which bytes come from where.
      if (scattered) pairs.push(logical, logical + length);
      else pairs.push(logical + from - physical, logical + to - physical);
    }
  }
  return Float64Array.from(pairs);
}

interface Opened {
  fd: number;
  path: string;
  device: number;
  inode: number;
  isDevice: boolean;
}

/**
 * How much of an open file can be read from a position on until the next bad byte.
 * @returns undefined where nothing bad is known of its device; the function throws SOURCE_IO (EIO) where
 * the position itself is bad
 */
export function badBlocksOf(file: Opened): ((position: number) => number) | undefined {
  const own = known.find(
    ({ device, inode }) => device === file.device && (inode === undefined || inode === file.inode),
  );
  if (own === undefined) return undefined;
  const whole = file.isDevice || own.inode !== undefined;
  let ranges: Float64Array | undefined = whole ? own.ranges : undefined;
  return (position) => {
    ranges ??= badInFile(file.fd, own.ranges);
    const i = firstBehind(ranges, position);
    const start = ranges[2 * i] ?? Number.POSITIVE_INFINITY;
    if (start > position) return start - position;
    const text = `cannot read ${file.path}: its map file calls that bad (EIO)`;
    throw sourceIoError(text, { path: file.path, offset: position, errno: 'EIO' });
  };
}
