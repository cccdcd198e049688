import { closeSync, openSync, writeSync } from 'node:fs';
import { destinationFailure } from './image-sink.ts';

/** A file that lines are appended to; several processes may, as long as each write is one line or more. */
export interface AppendFile {
  /** @throws DESTINATION */
  append(text: string): void;
  close(): void;
}

/** Opens, or makes, a file to append to. @throws DESTINATION */
export function openAppendFile(file: string): AppendFile {
  let fd: number;
  try {
    fd = openSync(file, 'a', 0o666);
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
