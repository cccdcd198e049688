import { lstatSync, mkdirSync, realpathSync, type Stats, statfsSync, statSync } from 'node:fs';
import path from 'node:path';
import { usageError } from '../errors/salvage-error.ts';
import { destinationFailure } from './image-sink.ts';

function tolerantly(found: () => Stats | undefined): Stats | undefined {
  try {
    return found();
  } catch {
    return undefined;
  }
}

/** What a path leads to; undefined also for what cannot be seen: opening it says why. */
export const stat = (file: string) => tolerantly(() => statSync(file, { throwIfNoEntry: false }));
/** The same for a name itself, so that a link to nothing counts as being there. */
export const lstat = (file: string) => tolerantly(() => lstatSync(file, { throwIfNoEntry: false }));

/** Is DEST something that bytes can only be sent to, in order? */
export function isStream(dest: string): boolean {
  if (dest === '-') return true;
  const found = stat(dest);
  return found !== undefined && (found.isCharacterDevice() || found.isFIFO() || found.isSocket());
}

/** One that keeps its name whatever is written to it. */
export const isBlockDevice = (dest: string): boolean => stat(dest)?.isBlockDevice() === true;

/** A DEST that may not exist yet, without symbolic links. @throws DESTINATION */
export function realDestination(dest: string): string {
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

/** @throws USAGE where an image cannot be written, since a directory is there or meant */
export function refuseDirectory(dest: string, found: Stats | undefined): void {
  if (found?.isDirectory() || dest.endsWith('/')) {
    throw usageError(`${dest} is a directory: name the file to write`);
  }
}

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

/**
 * Makes a directory for images, with those above it.
 * @param check called with the lowest of them that is there already, without symbolic links
 * @throws DESTINATION
 */
export function makeDirectory(directory: string, check?: (real: string) => void): void {
  let there = directory;
  while (lstat(there) === undefined && there !== path.dirname(there)) there = path.dirname(there);
  check?.(realDestination(there));
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
