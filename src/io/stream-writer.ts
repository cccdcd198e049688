import { closeSync, openSync, writeSync } from 'node:fs';
import { once } from 'node:events';
import { destinationError } from '../errors/salvage-error.ts';
import { destinationFailure } from './image-sink.ts';

/** Takes bytes in order. @throws DESTINATION, errno EPIPE when nobody reads any more */
export interface OrderedWriter {
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Writes to a stream of the process, never holding more than what was handed in. */
export function streamWriter(stream: NodeJS.WritableStream): OrderedWriter {
  let failure: Error | undefined;
  const onError = (error: NodeJS.ErrnoException) => {
    failure =
      error.code === 'EPIPE'
        ? destinationError('standard output was closed by its reader', { errno: 'EPIPE' })
        : destinationFailure(error, 'write to', 'standard output');
  };
  stream.on('error', onError);
  return {
    async write(bytes) {
      if (failure !== undefined) throw failure;
      // Copied: shared memory is used again, and the stream may still hold the chunk.
      const flushed = stream.write(Buffer.from(bytes));
      if (!flushed) await Promise.race([once(stream, 'drain'), once(stream, 'close')]).catch(() => {});
      if (failure !== undefined) throw failure;
    },
    close: () =>
      new Promise((resolve, reject) => {
        // An empty write calls back once everything before it has gone out.
        stream.write(Buffer.alloc(0), () => (failure === undefined ? resolve() : reject(failure)));
      }),
  };
}

/** Writes to a character device or FIFO. */
export function deviceWriter(path: string): OrderedWriter {
  let fd: number;
  try {
    fd = openSync(path, 'w');
  } catch (error) {
    throw destinationFailure(error, 'open', path);
  }
  return {
    async write(bytes) {
      try {
        for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
      } catch (error) {
        throw destinationFailure(error, 'write to', path);
      }
    },
    close: async () => closeSync(fd),
  };
}
