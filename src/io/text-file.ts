import { createHash } from 'node:crypto';
import { constants, createReadStream, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { destinationFailure } from './image-sink.ts';

/** Writes a small text file. @throws DESTINATION */
export function writeTextFile(file: string, text: string): void {
  try {
    writeFileSync(file, text);
  } catch (error) {
    throw destinationFailure(error, 'write', file);
  }
}

/** A small text file; undefined when there is none. @throws DESTINATION */
export function readTextFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw destinationFailure(error, 'read', file);
  }
}

/**
 * Replaces a text file: after a power cut it is the old one or the new one.
 * @param temporary where it is written to; what lies there is lost
 * @throws DESTINATION
 */
export async function replaceTextFile(
  file: string,
  text: string,
  temporary = `${file}.new`,
): Promise<void> {
  try {
    // Whatever lies there in the way is not followed: it may lead into a source.
    const { O_WRONLY, O_CREAT, O_TRUNC, O_NOFOLLOW } = constants;
    const handle = await open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0o666);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
    const directory = await open(path.dirname(file), 'r');
    await directory.sync().finally(() => directory.close());
  } catch (error) {
    await rm(temporary, { force: true });
    throw destinationFailure(error, 'write', file);
  }
}

/** Takes a file of ours away, if it is there. */
export const removeTextFile = (file: string): void => rmSync(file, { force: true });

/** SHA-256 of the first `size` bytes of a file that was just written. @throws DESTINATION */
export async function sha256OfFile(file: string, size: number): Promise<string> {
  const hash = createHash('sha256');
  if (size === 0) return hash.digest('hex');
  try {
    await pipeline(createReadStream(file, { end: size - 1, highWaterMark: 4 << 20 }), hash);
  } catch (error) {
    throw destinationFailure(error, 'read back', file);
  }
  return hash.digest('hex');
}
