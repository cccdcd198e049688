import { createRequire } from 'node:module';

/**
 * The system calls that Node lacks, called in libc through koffi. The only module that knows koffi.
 * Where koffi's binary cannot be loaded, `native` is undefined and callers fall back to plain Node
 * (no xattrs, no hole detection, slower listing); `RBD_SALVAGE_NO_NATIVE=1` forces that.
 */
export interface Native {
  /**
   * Opens, stats and closes directories at a third of what that costs through Node, which makes an object, dates and
   * bigints for each `stat`.
   * @param path with a NUL behind it
   * @returns its file descriptor, -errno on failure
   */
  open(path: Uint8Array, flags: number): number;
  /** fills STATX_BYTES of `into`, struct statx: 0 or -errno, -ENOSYS where libc has no statx (musl's had none for long) */
  statx(fd: number, into: Uint8Array): number;
  close(fd: number): void;
  /** bytes put into `buffer`, 0 at the end, -errno on failure */
  getdents64(fd: number, buffer: Uint8Array): number;
  /** length of the value, -errno on failure; an empty buffer asks for the length */
  fgetxattr(fd: number, name: string, value: Uint8Array): number;
  /** the same of a path, without opening it; links are followed */
  getxattr(path: string, name: string, value: Uint8Array): number;
  /** length of the NUL-separated names, -errno on failure; an empty buffer asks for the length */
  flistxattr(fd: number, names: Uint8Array): number;
  /** start of data at or after `offset`; -ENXIO when there is none */
  seekData(fd: number, offset: number): number;
  /** start of the hole at or after `offset` (the end of the file counts as one) */
  seekHole(fd: number, offset: number): number;
  /** 0 or -errno */
  fallocate(fd: number, mode: number, offset: number, length: number): number;
  /** 0 or an errno (positive, as posix_fadvise returns it) */
  fadvise(fd: number, offset: number, length: number, advice: number): number;
  /** bytes of the file that are in the page cache, -ENOSYS before Linux 6.5 */
  cachedBytes(fd: number): number;
  /** takes the file's advisory lock for this process: 0, -EWOULDBLOCK when another has it */
  lockExclusive(fd: number): number;
  /** size of a block device in bytes, -errno on failure */
  blockDeviceSize(fd: number): number;
  /** where a file's bytes lie on its device; empty where the file system does not tell */
  extents(fd: number): FileExtent[];
  /** ends the process without waiting for threads, which may hang in a system call for ever */
  exitNow(status: number): void;
}

/** A stretch of a file, in bytes. */
export interface FileExtent {
  logical: number;
  physical: number;
  length: number;
  /** compressed or otherwise encoded: bytes do not lie one by one */
  scattered: boolean;
}

/** ioctl FS_IOC_FIEMAP, linux/fs.h: _IOWR('f', 11, struct fiemap) */
const FS_IOC_FIEMAP = 0xc020660b;
/** struct fiemap and struct fiemap_extent, linux/fiemap.h */
const FIEMAP_BYTES = 32;
const FIEMAP_EXTENT_BYTES = 56;
const FIEMAP_EXTENTS = 128;
/** FIEMAP_EXTENT_LAST; _UNKNOWN | _DELALLOC: not on the device; _ENCODED | _NOT_ALIGNED | _DATA_INLINE | _DATA_TAIL */
const EXTENT_LAST = 0x1;
const EXTENT_NOWHERE = 0x2 | 0x4;
const EXTENT_SCATTERED = 0x8 | 0x100 | 0x200 | 0x400;

type Ioctl = (fd: number, request: number, arg: Uint8Array) => number;

/** Asks for some extents at a time, from where the last answer ended. */
function readExtents(fd: number, ioctl: Ioctl): FileExtent[] {
  const found: FileExtent[] = [];
  const buffer = Buffer.alloc(FIEMAP_BYTES + FIEMAP_EXTENTS * FIEMAP_EXTENT_BYTES);
  for (let start = 0n; ; ) {
    buffer.fill(0);
    buffer.writeBigUInt64LE(start, 0);
    buffer.writeBigUInt64LE(0xffffffffffffffffn - start, 8);
    buffer.writeUInt32LE(FIEMAP_EXTENTS, 24);
    if (ioctl(fd, FS_IOC_FIEMAP, buffer) < 0) return found;
    const count = Math.min(buffer.readUInt32LE(20), FIEMAP_EXTENTS);
    for (let i = 0; i < count; i++) {
      const at = FIEMAP_BYTES + i * FIEMAP_EXTENT_BYTES;
      const [logical, physical, length] = [0, 8, 16].map((o) => buffer.readBigUInt64LE(at + o));
      const flags = buffer.readUInt32LE(at + 40);
      if ((flags & EXTENT_NOWHERE) === 0) {
        found.push({
          ...{ logical: Number(logical), physical: Number(physical), length: Number(length) },
          scattered: (flags & EXTENT_SCATTERED) !== 0,
        });
      }
      if ((flags & EXTENT_LAST) !== 0) return found;
      // An answer that does not get ahead must not be asked for again.
      if (logical! + length! <= start && i === count - 1) return found;
      start = logical! + length!;
    }
    if (count === 0) return found;
  }
}

const SEEK_DATA = 3;
const SEEK_HOLE = 4;
/** ioctl BLKGETSIZE64, linux/fs.h: _IOR(0x12, 114, size_t) */
const BLKGETSIZE64 = 0x80081272;

export const FALLOC_FL_KEEP_SIZE = 1;
export const FALLOC_FL_PUNCH_HOLE = 2;
export const POSIX_FADV_WILLNEED = 3;
export const POSIX_FADV_DONTNEED = 4;

/** cachestat(2), the same number on every architecture; struct cachestat is five u64, nr_cache first */
const SYS_CACHESTAT = 451;
const CACHESTAT_BYTES = 40;
const PAGE = 4096;

/** LOCK_EX | LOCK_NB */
const LOCK_EXCLUSIVE_NOW = 2 | 4;

export const EPERM = 1;
export const ENXIO = 6;
const ENOSYS = 38;
export const EWOULDBLOCK = 11;
export const ENODATA = 61;
export const ERANGE = 34;
export const EOPNOTSUPP = 95;

/** struct statx, linux/stat.h: u64 inode, then times as s64 seconds and u32 nanoseconds */
export const STATX_BYTES = 256;
export const STATX_INO = 32;
export const STATX_CTIME = 96;
export const STATX_MTIME = 112;
/** AT_EMPTY_PATH; STATX_INO | STATX_MTIME | STATX_CTIME */
const EMPTY_PATH = 0x1000;
const STAMP_MASK = 0x1c0;
const NO_NAME = Buffer.from('\0');

type Koffi = typeof import('koffi');

/** undefined where there is no binary for this platform. */
function loadKoffi(): Koffi | undefined {
  if (process.env.RBD_SALVAGE_NO_NATIVE === '1' || process.platform !== 'linux') return undefined;
  try {
    return createRequire(import.meta.url)('koffi') as Koffi;
  } catch {
    return undefined;
  }
}

/** undefined where libc has no such function */
function ifThere<T>(find: () => T): T | undefined {
  try {
    return find();
  } catch {
    return undefined;
  }
}

function load(koffi: Koffi): Native {
  // The process itself has libc's symbols, whichever libc it is.
  const libc = koffi.load(null as unknown as string);
  const result = (r: number): number => (r < 0 ? -koffi.errno() : r);
  const open = libc.func('int open(const void *path, int flags)');
  const close = libc.func('int close(int fd)');
  const statx = ifThere(() =>
    libc.func('int statx(int fd, const void *path, int flags, unsigned int mask, void *found)'),
  );
  const getdents64 = libc.func('long getdents64(int fd, void *buf, size_t n)');
  const fgetxattr = libc.func('long fgetxattr(int fd, const char *name, void *v, size_t n)');
  const getxattr = libc.func(
    'long getxattr(const char *path, const char *name, void *v, size_t n)',
  );
  const flistxattr = libc.func('long flistxattr(int fd, void *list, size_t n)');
  const lseek = libc.func('int64_t lseek(int fd, int64_t offset, int whence)');
  const fallocate = libc.func('int fallocate(int fd, int mode, int64_t offset, int64_t length)');
  const fadvise = libc.func('int posix_fadvise(int fd, int64_t offset, int64_t n, int advice)');
  const ioctl = libc.func('int ioctl(int fd, unsigned long request, void *arg)');
  const flock = libc.func('int flock(int fd, int operation)');
  const exit = libc.func('void _exit(int status)');
  const cachestat = libc.func(
    'long syscall(long number, int fd, void *range, void *found, unsigned int flags)',
  );
  const wholeFile = Buffer.alloc(16);
  const orNull = (b: Uint8Array): Uint8Array | null => (b.length === 0 ? null : b);
  return {
    open: (path, flags) => result(open(path, flags)),
    statx: (fd, into) =>
      statx === undefined ? -ENOSYS : result(statx(fd, NO_NAME, EMPTY_PATH, STAMP_MASK, into)),
    close: (fd) => close(fd),
    getdents64: (fd, buffer) => result(Number(getdents64(fd, buffer, buffer.length))),
    fgetxattr: (fd, name, v) => result(Number(fgetxattr(fd, name, orNull(v), v.length))),
    getxattr: (path, name, v) => result(Number(getxattr(path, name, v, v.length))),
    flistxattr: (fd, names) => result(Number(flistxattr(fd, orNull(names), names.length))),
    seekData: (fd, offset) => result(Number(lseek(fd, offset, SEEK_DATA))),
    seekHole: (fd, offset) => result(Number(lseek(fd, offset, SEEK_HOLE))),
    fallocate: (fd, mode, offset, n) => result(fallocate(fd, mode, offset, n)),
    fadvise: (fd, offset, n, advice) => fadvise(fd, offset, n, advice),
    cachedBytes: (fd) => {
      const found = Buffer.alloc(CACHESTAT_BYTES);
      const r = result(Number(cachestat(SYS_CACHESTAT, fd, wholeFile, found, 0)));
      return r < 0 ? r : Number(found.readBigUInt64LE()) * PAGE;
    },
    lockExclusive: (fd) => result(flock(fd, LOCK_EXCLUSIVE_NOW)),
    extents: (fd) => readExtents(fd, (...call) => result(ioctl(...call))),
    exitNow: (status) => exit(status),
    blockDeviceSize: (fd) => {
      const size = Buffer.alloc(8);
      const r = result(ioctl(fd, BLKGETSIZE64, size));
      return r < 0 ? r : Number(size.readBigUInt64LE());
    },
  };
}

const koffi = loadKoffi();
export const native: Native | undefined = koffi === undefined ? undefined : load(koffi);

/** Ends the process, also while threads hang in a system call: Node alone would wait for them. */
export function exitAtOnce(status: number): never {
  // What has to be taken away at the end is taken away by its listeners.
  if (native !== undefined) process.emit('exit', status);
  native?.exitNow(status);
  process.exit(status);
}
