import { createHash } from 'node:crypto';
import { createReadStream, writeFileSync } from 'node:fs';
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
