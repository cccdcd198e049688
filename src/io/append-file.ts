import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { destinationFailure } from './image-sink.ts';

/** A file that lines are appended to; several processes may, as long as each write is one line or more. */
export interface AppendFile {
  /** @throws DESTINATION */
  append(text: string): void;
  close(): void;
}

const FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

/**
 * A pipe that nobody reads from is an error, and nothing to wait for; one that is full is waited for, as a terminal is. Between
 * the two the reader may go away: so short a time is not worth more.
 */
function openWithoutWaiting(file: string): number {
  const fd = openSync(file, FLAGS | (constants.O_NONBLOCK ?? 0), 0o666);
  if (fstatSync(fd).isFile()) return fd;
  try {
    return openSync(file, FLAGS);
  } finally {
    closeSync(fd);
  }
}

/** Opens, or makes, a file to append to. @throws DESTINATION */
export function openAppendFile(file: string): AppendFile {
  let fd: number;
  try {
    fd = openWithoutWaiting(file);
  } catch (error) {
    throw destinationFailure(error, 'open', file);
  }
  return {
    append(text) {
      try {
        const bytes = Buffer.from(text);
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } catch (error) {
        throw destinationFailure(error, 'write', file);
      }
    },
    close: () => closeSync(fd),
  };
}
