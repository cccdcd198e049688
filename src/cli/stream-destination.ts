import { openDestination } from '../io/destination.ts';
import { isStream } from '../io/destination-paths.ts';
import { deviceWriter, type OrderedWriter, streamWriter } from '../io/stream-writer.ts';
import type { CommandContext } from './context.ts';
import type { Source } from './source.ts';

export interface StreamDestination {
  /** a file, a device, a FIFO, or - for standard output */
  dest: string;
  force?: boolean;
}

/**
 * Hands `write` something to write to in order. A file has its name only once it is complete.
 * @throws USAGE when DEST is refused; DESTINATION when it cannot be written
 */
export async function toDestination<T>(
  { dest, force }: StreamDestination,
  source: Source,
  context: CommandContext,
  signal: AbortSignal,
  write: (writer: OrderedWriter) => Promise<T>,
): Promise<T> {
  if (isStream(dest)) {
    const writer =
      dest === '-' ? streamWriter(context.streams.stdout, signal) : deviceWriter(dest, signal);
    const result = await write(writer);
    await writer.close();
    return result;
  }
  const sources = source.protectedPaths;
  const destination = openDestination({
    dest,
    size: 0,
    force: force === true,
    sources,
    need: undefined,
  });
  try {
    const writer = deviceWriter(destination.target.path, signal);
    const result = await write(writer);
    await writer.close();
    signal.throwIfAborted();
    destination.commit();
    return result;
  } catch (error) {
    destination.abandon();
    throw error;
  }
}
