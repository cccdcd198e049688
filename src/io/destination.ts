import {
  closeSync,
  constants,
  existsSync,
  fchmodSync,
  fdatasync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  type Stats,
  statfsSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';
import { destinationError, usageError } from '../errors/salvage-error.ts';
import { sysBlockPath } from './device-lanes.ts';
import { destinationFailure, type ImageTarget, openSink } from './image-sink.ts';
import { EWOULDBLOCK, native } from './native.ts';

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

const traceOf = (found: Stats | undefined): OutputTrace | undefined =>
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

function deviceTrace(device: string): OutputTrace {
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

function refuseDirectory(dest: string, found: Stats | undefined): void {
  if (found?.isDirectory() || dest.endsWith('/')) {
    throw usageError(`${dest} is a directory: name the file to write`);
  }
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

/** undefined also for what cannot be seen: opening it says why. */
function tolerantly(found: () => Stats | undefined): Stats | undefined {
  try {
    return found();
  } catch {
    return undefined;
  }
}

const stat = (file: string) => tolerantly(() => statSync(file, { throwIfNoEntry: false }));
/** The same for a name itself, so that a link to nothing counts as being there. */
const lstat = (file: string) => tolerantly(() => lstatSync(file, { throwIfNoEntry: false }));

/** Is DEST something that bytes can only be sent to, in order? */
export function isStream(dest: string): boolean {
  if (dest === '-') return true;
  const found = stat(dest);
  return found !== undefined && (found.isCharacterDevice() || found.isFIFO() || found.isSocket());
}

/** A DEST that may not exist yet, without symbolic links. */
function realDestination(dest: string): string {
  try {
    return realpathSync.native(dest);
  } catch {
    const directory = path.dirname(dest);
    try {
      return path.join(realpathSync.native(directory), path.basename(dest));
    } catch (error) {
      throw destinationFailure(error, 'write to', directory);
    }
  }
}

const isInside = (file: string, directory: string): boolean =>
  file === directory || file.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

/**
 * Refuses a DEST that is, holds or lies in a source.
 * @param sources paths of sources, and of catalogs
 * @throws USAGE
 */
function refuseSources(
  real: string,
  dest: string,
  found: Stats | undefined,
  sources: readonly string[],
): void {
  for (const source of sources) {
    const of = stat(source);
    if (of === undefined) continue;
    const within = of.isDirectory() && isInside(real, realpathSync(source));
    if (within)
      throw usageError(`${dest} lies inside the source ${source}: sources are never written to`);
    if (found === undefined) continue;
    const same = found.dev === of.dev && found.ino === of.ino;
    const holds =
      found.isBlockDevice() && sharesDisk(found.rdev, of.isBlockDevice() ? of.rdev : of.dev);
    if (same) throw usageError(`${dest} is the source ${source}: sources are never written to`);
    if (holds) throw usageError(`${dest} holds the source ${source}: sources are never written to`);
  }
}

/** Block devices that a device is made of: itself, its disk, and what lies below that. */
function layersOf(dev: number): Set<string> {
  const layers = new Set<string>();
  const add = (directory: string, depth: number) => {
    const real = tolerantPath(directory);
    if (real === undefined || layers.has(real) || depth > MAX_LAYERS) return;
    layers.add(real);
    if (existsSync(path.join(real, 'partition'))) add(path.dirname(real), depth + 1);
    for (const name of namesIn(path.join(real, 'slaves'))) {
      add(path.join(real, 'slaves', name), depth + 1);
    }
  };
  add(sysBlockPath(dev), 0);
  return layers;
}

/** Partitions of logical volumes on RAID on loop devices are about as deep as it gets. */
const MAX_LAYERS = 16;

function tolerantPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Would writing to one block device write to another? The same, one the other's disk, or both on the
 * volumes or partitions that one is made of. Two partitions of a disk are two.
 */
function sharesDisk(a: number, b: number): boolean {
  if (a === b) return true;
  const [own, other] = [tolerantPath(sysBlockPath(a)), tolerantPath(sysBlockPath(b))];
  if (own === undefined || other === undefined) return false;
  return layersOf(b).has(own) || layersOf(a).has(other);
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

/** Refuses a file of ours (catalog, report) that would lie in a source or replace one. @throws USAGE, DESTINATION */
export function refuseInSource(catalog: string, sources: readonly string[]): void {
  const real = realDestination(catalog);
  refuseSources(real, catalog, stat(real), sources);
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

/** While it is incomplete an image has this name, so that it never looks whole. */
const PARTIAL = '.partial';

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

function deviceSize(fd: number, device: string): number {
  const size = native?.blockDeviceSize(fd) ?? -1;
  if (size >= 0) return size;
  throw destinationError(`cannot tell the size of ${device}`, { path: device });
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

/** Bytes that a new file beside `dest` may take. @throws DESTINATION */
export function freeBytes(dest: string): number {
  let directory = dest;
  while (stat(directory)?.isDirectory() !== true && directory !== path.dirname(directory)) {
    directory = path.dirname(directory);
  }
  try {
    const { bavail, bsize } = statfsSync(directory);
    return bavail * bsize;
  } catch (error) {
    throw destinationFailure(error, 'write to', directory);
  }
}

/** Makes a directory for images, with those above it. @throws DESTINATION */
export function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
  } catch (error) {
    throw destinationFailure(error, 'make', directory);
  }
}

/** Bytes that a finished file takes on disk, undefined for a device. */
export function allocatedBytes(file: string): number | undefined {
  const found = lstatSync(file, { throwIfNoEntry: false });
  return found?.isFile() ? found.blocks * 512 : undefined;
}
