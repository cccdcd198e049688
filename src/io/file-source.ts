import { closeSync, fstatSync, readSync, realpathSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { badBlocksOf } from './bad-blocks.ts';
import { listNames } from './dir-lister.ts';
import { inSource } from './heartbeat.ts';
import {
  ENODATA,
  ENXIO,
  EOPNOTSUPP,
  ERANGE,
  native,
  POSIX_FADV_DONTNEED,
  POSIX_FADV_WILLNEED,
} from './native.ts';
import { openForReading } from './open-source.ts';
import type { ByteSource, SourceDirectory } from './ports.ts';
import { asSourceError, errnoText, nativeSourceError, pathText } from './source-errors.ts';

export { listNames } from './dir-lister.ts';

/** A source file held open: bytes, xattrs and holes. */
export class FileSource implements ByteSource {
  readonly path: string;
  readonly fd: number;
  readonly stat: Stats;
  readonly #device: number;
  /** bytes from a position to the next that is known to be bad; undefined: none is known */
  readonly #clear: ((position: number) => number) | undefined;
  #closed = false;
  /** bytes in the page cache before it was read, negative where the kernel cannot tell; undefined: never mind */
  #cached: number | undefined;

  constructor(file: Uint8Array | string) {
    this.path = pathText(file);
    this.fd = openForReading(file);
    try {
      this.stat = fstatSync(this.fd);
      const isDevice = this.stat.isBlockDevice();
      this.#device = isDevice ? this.stat.rdev : this.stat.dev;
      const { fd, path: name } = this;
      const own = { fd, path: name, device: this.#device, inode: this.stat.ino, isDevice };
      this.#clear = badBlocksOf(own);
    } catch (error) {
      closeSync(this.fd);
      throw asSourceError(error, 'cannot stat', file);
    }
  }

  get size(): number {
    return this.stat.size;
  }

  read(target: Uint8Array, position: number): number {
    let done = 0;
    // A read over a bad sector returns what lies before it, not EIO: short means "ask again", and
    // only a read of nothing is the end of the file.
    while (done < target.length) {
      let n: number;
      const from = done;
      const wanted = Math.min(target.length - from, this.#clear?.(position + from) ?? Infinity);
      try {
        n = inSource(this.#device, () => readSync(this.fd, target, from, wanted, position + from));
      } catch (error) {
        throw asSourceError(error, 'cannot read', this.path, position + done);
      }
      if (n === 0) break;
      done += n;
    }
    return done;
  }

  /** The value of an extended attribute, undefined when it has none of that name. */
  xattr(name: string): Uint8Array | undefined {
    if (native === undefined) return undefined;
    const first = Buffer.allocUnsafe(512);
    let n = inSource(this.#device, () => native!.fgetxattr(this.fd, name, first));
    if (n >= 0) return first.subarray(0, n);
    // A copy on a file system without user xattrs has lost them; its data can still be read.
    if (n === -ENODATA || n === -EOPNOTSUPP) return undefined;
    n = inSource(this.#device, () => native!.fgetxattr(this.fd, name, new Uint8Array(0)));
    if (n >= 0) {
      const value = Buffer.alloc(n);
      n = inSource(this.#device, () => native!.fgetxattr(this.fd, name, value));
      if (n >= 0) return value.subarray(0, n);
    }
    if (n === -ENODATA) return undefined;
    throw nativeSourceError(n, `cannot read xattr ${name} of`, this.path);
  }

  /** Names of all extended attributes; none where the file system or this build has no xattrs. */
  xattrNames(): string[] {
    if (native === undefined) return [];
    let n = inSource(this.#device, () => native!.flistxattr(this.fd, new Uint8Array(0)));
    if (n <= 0) return [];
    const names = Buffer.alloc(n);
    n = inSource(this.#device, () => native!.flistxattr(this.fd, names));
    if (n < 0) throw nativeSourceError(n, 'cannot list xattrs of', this.path);
    return names.toString('latin1', 0, n).split('\0').filter(Boolean);
  }

  /**
   * The next range in [from, to) that the file system says is allocated, or undefined when only
   * holes are left. Without SEEK_DATA the whole range counts as data.
   */
  nextData(from: number, to: number): [start: number, end: number] | undefined {
    if (from >= to) return undefined;
    if (native === undefined) return [from, to];
    const start = inSource(this.#device, () => native!.seekData(this.fd, from));
    if (start === -ENXIO) return undefined;
    // A file system without the call, or a confused one: read everything, zeros are found anyway.
    if (start < 0) return [from, to];
    if (start >= to) return undefined;
    const end = inSource(this.#device, () => native!.seekHole(this.fd, start));
    return [start, end <= start ? to : Math.min(end, to)];
  }

  /**
   * What is read of it leaves the page cache again when the file is closed, unless most of it was
   * there before: a recovery reads everything once, and others need the memory.
   */
  leaveCache(): void {
    if (native === undefined || this.#cached !== undefined) return;
    this.#cached = native.cachedBytes(this.fd);
  }

  /** Is so much of it in the page cache that it is not worth reading, nor to be thrown out of there? */
  get #isCached(): boolean {
    const there = Math.min(this.size, this.stat.blocks * 512);
    return this.#cached !== undefined && this.#cached * 2 >= there;
  }

  /** Has the kernel read all of it in the background; then it leaves the page cache as above. */
  readAhead(): void {
    if (native === undefined || this.size === 0) return;
    // Read-ahead fills holes with pages of zeros.
    if (this.stat.blocks * 512 < this.size) return;
    this.leaveCache();
    if (this.#isCached) return;
    inSource(this.#device, () => native!.fadvise(this.fd, 0, 0, POSIX_FADV_WILLNEED));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    // Where the kernel cannot tell (it is older), what others have put there must stay.
    if (this.#cached !== undefined && this.#cached >= 0 && !this.#isCached)
      native?.fadvise(this.fd, 0, 0, POSIX_FADV_DONTNEED);
    try {
      closeSync(this.fd);
    } catch {
      // Network file systems may tell of what is past; nothing was written.
    }
  }
}

/**
 * A short xattr of a file or directory, undefined when there is none of that name, or where the file system or this
 * build has none at all. Nothing is opened: there may be one for each PG.
 * @param limit bytes; a longer one counts as none
 * @throws SOURCE_IO
 */
export function shortXattr(file: string, name: string, limit: number): Uint8Array | undefined {
  if (native === undefined) return undefined;
  if (file.includes('\0')) throw asSourceError({ code: 'EINVAL' }, 'cannot read xattrs of', file);
  const value = Buffer.alloc(limit);
  const n = inSource(0, () => native!.getxattr(file, name, value));
  if (n >= 0) return value.subarray(0, n);
  if (n === -ENODATA || n === -EOPNOTSUPP || n === -ERANGE) return undefined;
  throw nativeSourceError(n, `cannot read xattr ${name} of`, file);
}

/** A whole small source file. @throws SOURCE_IO; CORRUPT is left to the caller's decoder */
export function readSmallFile(file: Uint8Array | string, limit = 1 << 20): Uint8Array {
  const source = new FileSource(file);
  try {
    const bytes = Buffer.alloc(Math.min(source.size, limit));
    return bytes.subarray(0, source.read(bytes, 0));
  } finally {
    source.close();
  }
}

/** The same, or undefined where it does not exist or cannot be read. */
export function tryReadSmallFile(file: string, limit?: number): Uint8Array | undefined {
  try {
    return readSmallFile(file, limit);
  } catch {
    return undefined;
  }
}

/** A directory of plain files as a key/value database sees it. */
export function sourceDirectory(directory: string): SourceDirectory {
  return {
    path: directory,
    list: () => listNames(directory),
    open: (name) => new FileSource(path.join(directory, name)),
  };
}

/** undefined where there is no such file, or none that we may see. */
export function statOrUndefined(file: string): Stats | undefined {
  try {
    return statSync(file, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

/** Why `statOrUndefined` found nothing: a path that may not be looked at is not one that is not there. */
export function whyNoStat(file: string): string {
  try {
    statSync(file);
    return 'it appeared only now';
  } catch (error) {
    return errnoText((error as NodeJS.ErrnoException).code ?? 'EIO');
  }
}

/** The path without symbolic links, or as it is where that cannot be found out. */
export function realPath(file: string): string {
  try {
    return realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}
