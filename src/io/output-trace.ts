import { closeSync, constants, openSync, readFileSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { destinationError } from '../errors/salvage-error.ts';
import { lstat, realDestination, refuseDirectory, stat } from './destination-paths.ts';
import { sysBlockPath } from './device-lanes.ts';
import { native } from './native.ts';

/** While it is incomplete an image has this name, so that it never looks whole. */
export const PARTIAL = '.partial';

/**
 * A file's inode, size and time of last change: what a copy, or a change by others, does not keep.
 * Of a block device its number, its size and what the kernel knows it by.
 */
export interface OutputTrace {
  inode: number;
  /** when the file was made, in milliseconds: inodes are used again; 0 where that is not known */
  born: number;
  size: number;
  mtimeMs: number;
  device?: string;
}

/** What lies where an export would write. */
export interface FoundOutput {
  /** a file under its final name */
  finished: OutputTrace | undefined;
  /** one that an earlier run has left unfinished */
  partial: OutputTrace | undefined;
  device: OutputTrace | undefined;
}

/** Of a file; undefined for anything else. */
export const traceOf = (found: Stats | undefined): OutputTrace | undefined =>
  found?.isFile()
    ? { inode: found.ino, born: found.birthtimeMs, size: found.size, mtimeMs: found.mtimeMs }
    : undefined;

/** Where the kernel tells what makes a disk, a partition or a volume that one and no other. */
const DEVICE_NAMES = [
  'dm/uuid',
  'wwid',
  'device/wwid',
  'device/serial',
  '../wwid',
  'loop/backing_file',
];

/** Of a block device. @throws DESTINATION when its size cannot be told */
export function deviceTrace(device: string): OutputTrace {
  const { rdev } = statSync(device);
  const fd = openSync(device, constants.O_RDONLY);
  try {
    const sys = sysBlockPath(rdev);
    const known = DEVICE_NAMES.map((name) => {
      try {
        return readFileSync(path.join(sys, name), 'utf8').trim();
      } catch {
        return '';
      }
    });
    return {
      inode: rdev,
      born: 0,
      size: deviceSize(fd, device),
      mtimeMs: 0,
      device: known.join(' ').trim(),
    };
  } finally {
    closeSync(fd);
  }
}

/** Bytes of an open block device. @throws DESTINATION */
export function deviceSize(fd: number, device: string): number {
  const size = native?.blockDeviceSize(fd) ?? -1;
  if (size >= 0) return size;
  throw destinationError(`cannot tell the size of ${device}`, { path: device });
}

/** Looks at DEST without touching it. @throws USAGE when it is a directory; DESTINATION */
export function findOutput(dest: string): FoundOutput {
  const real = realDestination(dest);
  const found = stat(real);
  refuseDirectory(dest, found);
  return {
    finished: traceOf(found),
    partial: traceOf(lstat(real + PARTIAL)),
    device: found?.isBlockDevice() ? deviceTrace(real) : undefined,
  };
}
