import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { destinationError } from '../errors/salvage-error.ts';
import { FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE, native } from './native.ts';
import { errnoText } from './source-errors.ts';

/** Where a worker puts image bytes: a file or device, or shared memory that the caller streams. */
export type ImageTarget =
  | { kind: 'file'; path: string }
  /** nowhere: bytes are read and checked only */
  | { kind: 'none' }
  | {
      kind: 'memory';
      buffer: SharedArrayBuffer /** image offset of its first byte */;
      base: number;
    };

export interface ImageSink {
  /** puts bytes [from, to) of `buffer` at `position` of the image @throws DESTINATION */
  write(buffer: Buffer, from: number, to: number, position: number): void;
  /** makes a range read as zeros, whatever was written there before @throws DESTINATION */
  zero(position: number, length: number): void;
  close(): void;
}

const ZEROS = Buffer.alloc(1 << 20);
/** The largest logical sector that disks have. */
const SECTOR = 4096;

export function destinationFailure(error: unknown, what: string, file: string) {
  const errno = (error as NodeJS.ErrnoException).code ?? 'EIO';
  return destinationError(`cannot ${what} ${file}: ${errnoText(errno)}`, { path: file, errno });
}

class FileSink implements ImageSink {
  readonly #fd: number;
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, constants.O_WRONLY);
    } catch (error) {
      throw destinationFailure(error, 'open', path);
    }
  }

  write(buffer: Buffer, from: number, to: number, position: number): void {
    try {
      for (let at = from; at < to; ) {
        at += writeSync(this.#fd, buffer, at, to - at, position + at - from);
      }
    } catch (error) {
      throw destinationFailure(error, 'write', this.#path);
    }
  }

  zero(position: number, length: number): void {
    const mode = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    const end = position + length;
    // A device punches whole sectors only: what sticks out is written.
    const from = Math.min(end, Math.ceil(position / SECTOR) * SECTOR);
    const to = Math.max(from, end - (end % SECTOR));
    const punched = to > from && native?.fallocate(this.#fd, mode, from, to - from) === 0;
    this.#writeZeros(position, punched ? from : end);
    if (punched) this.#writeZeros(to, end);
  }

  #writeZeros(from: number, to: number): void {
    for (let at = from; at < to; at += ZEROS.length) {
      this.write(ZEROS, 0, Math.min(ZEROS.length, to - at), at);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

class MemorySink implements ImageSink {
  readonly #bytes: Buffer;
  readonly #base: number;

  constructor(buffer: SharedArrayBuffer, base: number) {
    this.#bytes = Buffer.from(buffer);
    this.#base = base;
  }

  write(buffer: Buffer, from: number, to: number, position: number): void {
    buffer.copy(this.#bytes, position - this.#base, from, to);
  }
  zero(position: number, length: number): void {
    const at = position - this.#base;
    this.#bytes.fill(0, at, at + length);
  }
  close(): void {}
}

const nowhere: ImageSink = { write: () => {}, zero: () => {}, close: () => {} };

export function openSink(target: ImageTarget): ImageSink {
  if (target.kind === 'none') return nowhere;
  return target.kind === 'file'
    ? new FileSink(target.path)
    : new MemorySink(target.buffer, target.base);
}
