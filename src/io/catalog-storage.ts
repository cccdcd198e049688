import {
  closeSync,
  constants,
  fdatasyncSync,
  fstatSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { destinationError, sourceIoError, usageError } from '../errors/salvage-error.ts';
import { EWOULDBLOCK, native } from './native.ts';
import type { CatalogStorage } from './ports.ts';
import { asSourceError, errnoText } from './source-errors.ts';

function destinationFailure(error: unknown, what: string, file: string) {
  const errno = (error as NodeJS.ErrnoException).code ?? 'EIO';
  return destinationError(`cannot ${what} ${file}: ${errnoText(errno)}`, { path: file, errno });
}

class FileStorage implements CatalogStorage {
  readonly path: string;
  readonly #fd: number;
  #size: number;

  constructor(file: string, fd: number) {
    this.path = file;
    this.#fd = fd;
    this.#size = fstatSync(fd).size;
  }

  size(): number {
    return this.#size;
  }

  read(position: number, length: number): Uint8Array {
    if (length > this.#size - position) {
      throw sourceIoError(`${this.path}: cut short`, { path: this.path, offset: position });
    }
    const out = Buffer.allocUnsafe(length);
    for (let done = 0; done < length; ) {
      const n = this.#readSome(out, done, position + done);
      if (n === 0)
        throw sourceIoError(`${this.path}: cut short`, { path: this.path, offset: position });
      done += n;
    }
    return out;
  }

  #readSome(out: Uint8Array, at: number, position: number): number {
    try {
      return readSync(this.#fd, out, at, out.length - at, position);
    } catch (error) {
      throw asSourceError(error, 'cannot read catalog', this.path, position);
    }
  }

  append(bytes: Uint8Array): void {
    try {
      for (let done = 0; done < bytes.length; ) {
        done += writeSync(this.#fd, bytes, done, bytes.length - done, this.#size + done);
      }
    } catch (error) {
      throw destinationFailure(error, 'write', this.path);
    }
    this.#size += bytes.length;
  }

  truncate(size: number): void {
    try {
      ftruncateSync(this.#fd, size);
    } catch (error) {
      throw destinationFailure(error, 'write', this.path);
    }
    this.#size = size;
  }

  sync(): void {
    try {
      fdatasyncSync(this.#fd);
    } catch (error) {
      throw destinationFailure(error, 'write', this.path);
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** A pipe must not make `open` wait for who writes to it. */
const NO_WAITING = constants.O_NONBLOCK ?? 0;

/** @throws USAGE where it is a pipe, of which only what comes next can be read; then it is closed */
function fileStorage(file: string, fd: number): FileStorage {
  if (!fstatSync(fd).isFIFO()) return new FileStorage(file, fd);
  closeSync(fd);
  throw usageError(`${file} is a pipe: a catalog has to be a file`, { path: file });
}

/** @throws SOURCE_IO, USAGE */
export function openCatalogForReading(file: string): CatalogStorage {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDONLY | NO_WAITING);
  } catch (error) {
    throw asSourceError(error, 'cannot open catalog', file);
  }
  return fileStorage(file, fd);
}

/**
 * Opens or creates a catalog to be written to, by this process alone.
 * @throws DESTINATION; USAGE when another scan is writing to it
 */
export function openCatalogForWriting(file: string): CatalogStorage {
  let fd: number;
  try {
    fd = openSync(file, constants.O_RDWR | constants.O_CREAT | NO_WAITING, 0o644);
  } catch (error) {
    throw destinationFailure(error, 'write catalog', file);
  }
  // The lock goes with the process: a killed scan leaves nothing behind.
  if (native !== undefined && native.lockExclusive(fd) === -EWOULDBLOCK) {
    closeSync(fd);
    throw usageError(`another scan is writing to ${file}`, { path: file });
  }
  return fileStorage(file, fd);
}

/** Makes a new file's name durable. */
function syncDirectory(directory: string): void {
  const fd = openSync(directory, constants.O_RDONLY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Replaces a catalog by what `write` puts into a new one: all of it or nothing. */
export function replaceCatalog(file: string, write: (storage: CatalogStorage) => void): void {
  const temporary = `${file}.new`;
  const fd = openSync(temporary, constants.O_RDWR | constants.O_CREAT | constants.O_TRUNC, 0o644);
  const storage = new FileStorage(temporary, fd);
  try {
    write(storage);
    storage.sync();
    storage.close();
    renameSync(temporary, file);
    syncDirectory(path.dirname(path.resolve(file)));
  } catch (error) {
    unlinkSync(temporary);
    throw error;
  }
}

/** A catalog that lives as long as the process, for a scan on the spot. */
export function memoryStorage(): CatalogStorage {
  const parts: { at: number; bytes: Uint8Array }[] = [];
  let size = 0;
  const partAt = (position: number): { at: number; bytes: Uint8Array } => {
    let low = 0;
    let high = parts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (parts[middle]!.at <= position) low = middle;
      else high = middle;
    }
    return parts[low]!;
  };
  return {
    path: '(memory)',
    size: () => size,
    append: (bytes) => {
      parts.push({ at: size, bytes });
      size += bytes.length;
    },
    read: (position, length) => {
      if (length === 0) return new Uint8Array(0);
      const { at, bytes } = partAt(position);
      const from = position - at;
      // Readers ask for pieces of one record's head or payload, each of which was appended whole.
      if (from + length > bytes.length)
        throw sourceIoError('(memory): cut short', { offset: position });
      return bytes.subarray(from, from + length);
    },
    truncate: () => {},
    sync: () => {},
    close: () => {},
  };
}
