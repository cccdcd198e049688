import { constants, openSync } from 'node:fs';
import { inSource } from './heartbeat.ts';
import { asSourceError } from './source-errors.ts';

/** Linux-only flag: sources keep their access times (allowed to the owner and to root). */
export const O_NOATIME = constants.O_NOATIME ?? 0;
/** A pipe among the sources must not make `open` wait for its writer. */
const O_NONBLOCK = constants.O_NONBLOCK ?? 0;

/** Node sets it on all that it opens (asm-generic/fcntl.h). */
const O_CLOEXEC = 0o2000000;

/** How a source directory is opened, with or without O_NOATIME. */
export const DIRECTORY_FLAGS = constants.O_RDONLY | O_NONBLOCK | O_CLOEXEC | constants.O_DIRECTORY;

/** What `fs` takes as a path. */
export const asPath = (file: Uint8Array | string): Buffer | string =>
  typeof file === 'string' || Buffer.isBuffer(file) ? file : Buffer.from(file);

/**
 * Opens a source read-only, without touching its access time where the system allows that.
 * @throws SOURCE_IO
 */
export function openForReading(file: Uint8Array | string, flags = 0): number {
  const target = asPath(file);
  try {
    try {
      return inSource(0, () =>
        openSync(target, constants.O_RDONLY | O_NOATIME | O_NONBLOCK | flags),
      );
    } catch (error) {
      // Not ours and we are not root: the access time cannot be spared, the data still can be read.
      if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
      return openSync(target, constants.O_RDONLY | O_NONBLOCK | flags);
    }
  } catch (error) {
    throw asSourceError(error, 'cannot open', file);
  }
}
