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
}

/** Opens a block device or an image file, or a part of one, read-only. @throws SOURCE_IO */
export function openDevice({ path, offset, size }: DevicePart): ByteSource {
  const file = new FileSource(path);
  const room = Math.max(0, sizeOf(file) - offset);
  const length = size === undefined ? room : Math.min(room, size);
  return {
    path,
    size: length,
    read(target, position) {
      const n = Math.max(0, Math.min(target.length, length - position));
      return n === 0 ? 0 : file.read(target.subarray(0, n), offset + position);
    },
    close: () => file.close(),
  };
}
