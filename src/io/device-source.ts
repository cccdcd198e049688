import { readFileSync } from 'node:fs';
import { FileSource } from './file-source.ts';
import { native } from './native.ts';
import type { ByteSource } from './ports.ts';

/** Linux's dev_t as `stat` gives it, split as sys/sysmacros.h does. */
const major = (dev: number): number => ((dev >> 8) & 0xfff) | (Math.floor(dev / 2 ** 32) & ~0xfff);
const minor = (dev: number): number => (dev & 0xff) | ((dev >>> 12) & 0xfff00);

/** sysfs counts sectors of 512 bytes whatever the device's own are. */
const SECTOR = 512;

function sizeFromSysfs(dev: number): number {
  try {
    const file = `/sys/dev/block/${major(dev)}:${minor(dev)}/size`;
    return Number(readFileSync(file, 'latin1')) * SECTOR;
  } catch {
    return 0;
  }
}

/** `stat` says 0 for block devices. */
function sizeOf(file: FileSource): number {
  if (!file.stat.isBlockDevice()) return file.size;
  const size = native?.blockDeviceSize(file.fd) ?? -1;
  return size >= 0 ? size : sizeFromSysfs(file.stat.rdev);
}

/** A part of a block device or image file: `offset` becomes position 0. */
export interface DevicePart {
  path: string;
  /** bytes */
  offset: number;
  /** bytes; as far as the device goes when it has fewer, or when undefined */
  size?: number | undefined;
  /** where the part is not one stretch: its stretches in order, `offset` being that of the first */
  stretches?: readonly Stretch[] | undefined;
}

interface Stretch {
  /** bytes */
  offset: number;
  size: number;
}

/** Reads stretches as if they were one; short where the file ends. */
function readStretches(
  file: FileSource,
  stretches: readonly Stretch[],
  target: Uint8Array,
  position: number,
): number {
  let done = 0;
  let start = 0;
  for (const { offset, size } of stretches) {
    const from = position + done - start;
    start += size;
    if (from >= size) continue;
    const wanted = Math.min(size - from, target.length - done);
    const n = file.read(target.subarray(done, done + wanted), offset + from);
    done += n;
    if (n < wanted || done === target.length) break;
  }
  return done;
}

/** Opens a block device or an image file, or a part of one, read-only. @throws SOURCE_IO */
export function openDevice({ path, offset, size, stretches }: DevicePart): ByteSource {
  const file = new FileSource(path);
  const room = Math.max(0, sizeOf(file) - offset);
  const length =
    stretches?.reduce((sum, stretch) => sum + stretch.size, 0) ??
    (size === undefined ? room : Math.min(room, size));
  return {
    path,
    size: length,
    read(target, position) {
      const n = Math.max(0, Math.min(target.length, length - position));
      if (n === 0) return 0;
      const part = target.subarray(0, n);
      if (stretches !== undefined) return readStretches(file, stretches, part, position);
      return file.read(part, offset + position);
    },
    close: () => file.close(),
  };
}
