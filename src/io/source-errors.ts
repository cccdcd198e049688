import { getSystemErrorName } from 'node:util';
import { SalvageError, sourceIoError } from '../errors/salvage-error.ts';

/** Paths are bytes; this is how they stand in messages. */
export const pathText = (path: Uint8Array | string): string =>
  typeof path === 'string' ? path : Buffer.from(path).toString('utf8');

/** A failed read of a source, from Node's error, as `SOURCE_IO` with errno, path and offset. */
export function asSourceError(
  error: unknown,
  what: string,
  path: Uint8Array | string,
  offset?: number,
): SalvageError {
  if (error instanceof SalvageError) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? 'EIO';
  return sourceIoError(`${what} ${pathText(path)}: ${errnoText(errno)}`, {
    path: pathText(path),
    errno,
    ...(offset === undefined ? {} : { offset }),
  });
}

/** The same from a negative errno of a native call. */
export function nativeSourceError(result: number, what: string, path: Uint8Array | string) {
  return asSourceError({ code: errnoName(result) }, what, path);
}

/** `ENOENT` and the like from a negative errno. */
export function errnoName(result: number): string {
  try {
    return getSystemErrorName(result);
  } catch {
    return `errno ${-result}`;
  }
}

const SENTENCES: Record<string, string> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ENOTDIR: 'not a directory',
  EISDIR: 'is a directory',
  EIO: 'input/output error',
  ENOSPC: 'no space left on device',
  EROFS: 'read-only file system',
  EFBIG: 'file too large for its file system',
  EDQUOT: 'disk quota exceeded',
  EBUSY: 'device or resource busy',
  ELOOP: 'too many symbolic links',
  EUCLEAN: 'the file system is damaged',
  EBADMSG: 'the file system is damaged',
};

/** errno as a person reads it: sentence and name. */
export const errnoText = (errno: string): string => {
  const sentence = SENTENCES[errno];
  return sentence === undefined ? errno : `${sentence} (${errno})`;
};
