import { type BigIntStats, fstatSync, statSync } from 'node:fs';
import { inSource } from './heartbeat.ts';
import { EPERM, type Native, STATX_BYTES, STATX_CTIME, STATX_INO, STATX_MTIME } from './native.ts';
import { asPath, DIRECTORY_FLAGS, O_NOATIME } from './open-source.ts';
import { asSourceError, nativeSourceError } from './source-errors.ts';

/** What tells whether a directory is the same as it was when it was last listed. */
export interface DirectoryStamp {
  ino: bigint;
  mtimeNs: bigint;
  ctimeNs: bigint;
}

/** PATH_MAX: with the NUL behind it */
const PATH_BYTES = 4096;
const pathBytes = Buffer.alloc(PATH_BYTES);
const statBytes = Buffer.alloc(STATX_BYTES);
const statView = new DataView(statBytes.buffer, statBytes.byteOffset, STATX_BYTES);

/**
 * Opens a directory for as long as `list` takes.
 * @param calls the native ones
 * @returns its stamp, taken before
 * @throws SOURCE_IO, and what `list` throws
 */
export function withDirectory(
  calls: Native,
  directory: Uint8Array,
  list: (fd: number) => void,
): DirectoryStamp {
  const fd = openNative(calls, directory);
  try {
    const stamp = nativeStamp(calls, fd, directory);
    list(fd);
    return stamp;
  } finally {
    calls.close(fd);
  }
}

function openNative(calls: Native, directory: Uint8Array): number {
  if (directory.length >= PATH_BYTES) {
    throw asSourceError({ code: 'ENAMETOOLONG' }, 'cannot open', directory);
  }
  // Node would refuse it likewise; the kernel would take what stands before it.
  if (directory.includes(0)) throw asSourceError({ code: 'EINVAL' }, 'cannot open', directory);
  pathBytes.set(directory);
  pathBytes[directory.length] = 0;
  let fd = inSource(0, () => calls.open(pathBytes, DIRECTORY_FLAGS | O_NOATIME));
  // Not ours and we are not root: the access time cannot be spared.
  if (fd === -EPERM) fd = inSource(0, () => calls.open(pathBytes, DIRECTORY_FLAGS));
  if (fd < 0) throw nativeSourceError(fd, 'cannot open', directory);
  return fd;
}

const timeNs = (at: number): bigint =>
  statView.getBigInt64(at, true) * 1_000_000_000n + BigInt(statView.getUint32(at + 8, true));

function nativeStamp(calls: Native, fd: number, directory: Uint8Array): DirectoryStamp {
  if (inSource(0, () => calls.statx(fd, statBytes)) < 0) {
    // Some containers forbid the call; Node knows others.
    return plainStamp(directory, () => fstatSync(fd, { bigint: true }));
  }
  const ino = statView.getBigUint64(STATX_INO, true);
  return { ino, mtimeNs: timeNs(STATX_MTIME), ctimeNs: timeNs(STATX_CTIME) };
}

function plainStamp(directory: Uint8Array, stat: () => BigIntStats): DirectoryStamp {
  try {
    const { ino, mtimeNs, ctimeNs } = stat();
    return { ino, mtimeNs, ctimeNs };
  } catch (error) {
    throw asSourceError(error, 'cannot list', directory);
  }
}

/** The stamp of a directory that is not open: one system call. @throws SOURCE_IO */
export function directoryStamp(directory: Uint8Array): DirectoryStamp {
  const target = asPath(directory);
  return plainStamp(directory, () => inSource(0, () => statSync(target, { bigint: true })));
}
