import { close, constants, fstatSync, fsync, open, statSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { destinationError, type SalvageError } from '../errors/salvage-error.ts';
import { destinationFailure } from './image-sink.ts';

/** Takes bytes in order. @throws DESTINATION, errno EPIPE when nobody reads any more */
export interface OrderedWriter {
  /** resolves when the bytes are out; they must not change before */
  write(bytes: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Never aborted: for callers that cannot be interrupted. */
const NEVER = new AbortController().signal;
/** How often a FIFO is looked at that nobody reads from yet. */
const READER_POLL_MS = 100;

function failureOf(error: unknown, name: string) {
  const closed = (error as NodeJS.ErrnoException).code === 'EPIPE';
  return closed
    ? destinationError(`${name} was closed by its reader`, { path: name, errno: 'EPIPE' })
    : destinationFailure(error, 'write to', name);
}

/** Writes to a stream of the process. An abort ends a write that nobody takes. */
export function streamWriter(stream: NodeJS.WritableStream, signal = NEVER): OrderedWriter {
  const { fd } = stream as { fd?: unknown };
  // To a file Node writes once and takes a short write for a whole one; to a disk not at all.
  if (typeof fd === 'number' && !isPipeOrTerminal(stream, fd)) {
    return descriptorWriter(fd, 'standard output', async () => {});
  }
  return flowWriter(stream, 'standard output', signal);
}

function isPipeOrTerminal(stream: object, fd: number): boolean {
  const found = fstatSync(fd);
  return found.isFIFO() || found.isSocket() || (stream as { isTTY?: boolean }).isTTY === true;
}

function flowWriter(
  stream: NodeJS.WritableStream,
  name: string,
  signal: AbortSignal,
): OrderedWriter {
  let failure: Error | undefined;
  const fail = (error: unknown): Error => {
    failure ??= failureOf(error, name);
    return failure;
  };
  // It may be closed between two writes.
  stream.on('error', fail);
  const send = (bytes: Uint8Array) =>
    new Promise<void>((resolve, reject) => {
      const onAbort = () => reject(signal.reason);
      signal.addEventListener('abort', onAbort, { once: true });
      stream.write(bytes, (error?: Error | null) => {
        signal.removeEventListener('abort', onAbort);
        if (error == null) resolve();
        else reject(fail(error));
      });
    });
  return {
    async write(bytes) {
      signal.throwIfAborted();
      if (failure !== undefined) throw failure;
      await send(bytes);
    },
    async close() {
      if (failure !== undefined) throw failure;
    },
  };
}

const writeSome = promisify(write);

/** Writes to what only its driver or file system can make wait. */
function descriptorWriter(fd: number, name: string, done: () => Promise<void>): OrderedWriter {
  return {
    async write(bytes) {
      try {
        for (let at = 0; at < bytes.length; ) {
          at += (await writeSome(fd, bytes, at, bytes.length - at, null)).bytesWritten;
        }
      } catch (error) {
        throw failureOf(error, name);
      }
    },
    async close() {
      try {
        await promisify(fsync)(fd);
      } catch (error) {
        // Devices without anything to make durable say so with these.
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'EINVAL' && code !== 'ENOTSUP' && code !== 'EROFS')
          throw failureOf(error, name);
      } finally {
        await done();
      }
    },
  };
}

/** Writes to a character device or FIFO, which is opened with the first write. */
export function deviceWriter(path: string, signal = NEVER): OrderedWriter {
  let opened: Promise<OrderedWriter> | undefined;
  const writer = () => {
    opened ??= openDevice(path, signal);
    return opened;
  };
  return {
    write: async (bytes) => (await writer()).write(bytes),
    close: async () => (await writer()).close(),
  };
}

async function openDevice(path: string, signal: AbortSignal): Promise<OrderedWriter> {
  if (!isFifo(path)) {
    const fd = await openToWrite(path, constants.O_WRONLY);
    return descriptorWriter(fd, path, () => promisify(close)(fd));
  }
  const fd = await openFifo(path, signal);
  const socket = new Socket({ fd, readable: false, writable: true });
  // A write that is never taken would keep the process alive.
  signal.addEventListener('abort', () => socket.destroy(), { once: true });
  const flow = flowWriter(socket, path, signal);
  return {
    write: flow.write,
    close: async () => {
      await flow.close();
      await new Promise<void>((resolve) => socket.end(resolve));
    },
  };
}

const isFifo = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isFIFO() === true;

async function openToWrite(path: string, flags: number): Promise<number> {
  try {
    return await promisify(open)(path, flags);
  } catch (error) {
    throw destinationFailure(error, 'open', path);
  }
}

/** Waits for the reader of a FIFO without blocking, so that a signal is heeded. */
async function openFifo(path: string, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    try {
      return await openToWrite(path, constants.O_WRONLY | constants.O_NONBLOCK);
    } catch (error) {
      const unread = (error as SalvageError).data.errno === 'ENXIO';
      if (!unread || !isFifo(path)) throw error;
    }
    await delay(READER_POLL_MS, undefined, { signal });
  }
}
