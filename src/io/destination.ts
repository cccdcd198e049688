import {
  closeSync,
  constants,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  renameSync,
  type Stats,
  statfsSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { destinationError, usageError } from '../errors/salvage-error.ts';
import { lstat, realDestination, refuseDirectory, stat } from './destination-paths.ts';
import { destinationFailure, type ImageTarget, openSink } from './image-sink.ts';
import { EWOULDBLOCK, native } from './native.ts';
import { deviceSize, deviceTrace, type OutputTrace, PARTIAL, traceOf } from './output-trace.ts';
import { refuseSources } from './refuse-sources.ts';

/** Where an image is written to, from the first check to the last fsync. */
export interface Destination {
  readonly target: ImageTarget & { kind: 'file' };
  /** resolves when what was written so far would survive a power cut @throws DESTINATION */
  sync(): Promise<void>;
  /** what tells this output from another of the same name */
  trace(): OutputTrace;
  /** makes everything durable and gives it its name @throws DESTINATION */
  commit(): void;
  /** lets go of what is not complete, so that another run can go on with it */
  release(): void;
  /** leaves nothing half-done behind */
  abandon(): void;
}

function kindOf(found: Stats): string {
  if (found.isBlockDevice()) return 'a block device, and all that it holds';
  return found.isSymbolicLink() ? 'a symbolic link to nothing' : 'a file';
}

export interface DestinationRequest {
  dest: string;
  /** bytes of the image */
  size: number;
  force: boolean;
  sources: readonly string[];
  /** bytes that may be written at the most; undefined: do not check for space */
  need: number | undefined;
  /**
   * goes on with what an earlier run has left: the unfinished file, or the finished one, which loses
   * its name until it is finished again; a device keeps what it holds
   */
  keep?: 'partial' | 'finished' | 'device';
  /** called before anything that was there is overwritten */
  beforeWipe?: () => void;
}

/**
 * Checks DEST and opens it for an image of `size` bytes.
 * @throws USAGE when it is refused; DESTINATION when it cannot be written
 */
export function openDestination(request: DestinationRequest): Destination {
  const { dest, force } = request;
  const real = realDestination(dest);
  const found = stat(real);
  refuseSources(real, dest, found, request.sources);
  refuseDirectory(dest, found);
  const there = found ?? lstat(real);
  if (there !== undefined && !force && request.keep !== 'finished') {
    throw usageError(`${dest} exists; with --force the image replaces it (${kindOf(there)})`);
  }
  return found?.isBlockDevice() ? openDevice(real, request) : openFile(real, found, request);
}

function checkSpace(directory: string, need: number | undefined): void {
  if (need === undefined) return;
  const { bavail, bsize } = statfsSync(directory);
  const free = bavail * bsize;
  if (free >= need) return;
  throw destinationError(
    `${directory}: the image may take ${need} bytes, ${free} are free; --no-space-check tries all the same`,
    { path: directory, expected: need, found: free, errno: 'ENOSPC' },
  );
}

/** Opens the file that is to be gone on with, or a new one in the place of whatever an earlier run left. */
function openPartial(partial: string, keep: boolean): number {
  const { O_CREAT, O_EXCL } = constants;
  if (keep) return openLocked(partial, 0);
  if (lstat(partial) !== undefined) {
    const old = openLocked(partial, 0);
    // A new inode: no map of the old one fits it.
    unlinkSync(partial);
    closeSync(old);
  }
  return openLocked(partial, O_CREAT | O_EXCL);
}

function openLocked(partial: string, how: number): number {
  let fd: number;
  try {
    const { O_RDWR, O_NOFOLLOW } = constants;
    fd = openSync(partial, O_RDWR | O_NOFOLLOW | how, 0o666);
  } catch (error) {
    throw destinationFailure(error, 'write', partial);
  }
  try {
    const opened = fstatSync(fd);
    if (!opened.isFile()) throw usageError(`${partial} is in the way: it is no file`);
    const locked = native === undefined || native.lockExclusive(fd) !== -EWOULDBLOCK;
    // Gone since it was opened: the other export has just finished, and this is its image.
    if (!locked || lstat(partial)?.ino !== opened.ino) {
      throw usageError(`another export is writing to ${partial}`);
    }
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function openFile(
  real: string,
  found: Stats | undefined,
  request: DestinationRequest,
): Destination {
  const directory = path.dirname(real);
  checkSpace(directory, request.need);
  const partial = real + PARTIAL;
  refuseSources(partial, partial, stat(partial), request.sources);
  if (request.keep === 'finished') takeName(real, partial, directory);
  if (request.keep === undefined) request.beforeWipe?.();
  const fd = openPartial(partial, request.keep !== undefined);
  const abandon = () => {
    closeSync(fd);
    // It has its name already where only the directory could not be made durable.
    if (lstat(partial) !== undefined) unlinkSync(partial);
  };
  try {
    if (request.keep === undefined) ftruncateSync(fd, 0);
    ftruncateSync(fd, request.size);
    if (found !== undefined) fchmodSync(fd, found.mode & 0o7777);
  } catch (error) {
    if (request.keep === undefined) abandon();
    else closeSync(fd);
    throw destinationFailure(error, `make a file of ${request.size} bytes at`, partial);
  }
  return {
    ...handle(fd, partial),
    commit: () => {
      try {
        fsyncSync(fd);
        renameSync(partial, real);
        syncDirectory(directory);
      } catch (error) {
        throw destinationFailure(error, 'complete', real);
      }
      closeSync(fd);
    },
    abandon,
  };
}

/** An image that is being filled in must not look finished. */
function takeName(real: string, partial: string, directory: string): void {
  try {
    renameSync(real, partial);
    syncDirectory(directory);
  } catch (error) {
    throw destinationFailure(error, 'rename', real);
  }
}

const fdatasyncLater = promisify(fdatasync);

/** What files and devices have in common. */
const handle = (fd: number, file: string) => ({
  target: { kind: 'file' as const, path: file },
  sync: async () => {
    try {
      await fdatasyncLater(fd);
    } catch (error) {
      throw destinationFailure(error, 'make durable', file);
    }
  },
  trace: () => traceOf(fstatSync(fd)) ?? deviceTrace(file),
  release: () => closeSync(fd),
});

function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function openDevice(device: string, { size, keep, beforeWipe }: DestinationRequest): Destination {
  let fd: number;
  try {
    // O_EXCL on a device: fails while it is mounted or otherwise in use.
    fd = openSync(device, constants.O_RDWR | constants.O_EXCL);
  } catch (error) {
    throw destinationFailure(error, 'write to', device);
  }
  try {
    const room = deviceSize(fd, device);
    if (room < size) {
      throw destinationError(`${device} has ${room} bytes, the image ${size}`, {
        path: device,
        expected: size,
        found: room,
      });
    }
    if (keep === 'device') return deviceDestination(fd, device);
    // Holes stay as they are from here on: everything reads as zeros before the first byte is written.
    beforeWipe?.();
    const sink = openSink({ kind: 'file', path: device });
    sink.zero(0, size);
    sink.close();
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return deviceDestination(fd, device);
}

const deviceDestination = (fd: number, device: string): Destination => ({
  ...handle(fd, device),
  commit: () => {
    try {
      fsyncSync(fd);
    } catch (error) {
      throw destinationFailure(error, 'complete', device);
    }
    closeSync(fd);
  },
  abandon: () => closeSync(fd),
});
