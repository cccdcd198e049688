import koffi from 'koffi';

const libc = koffi.load(null as unknown as string);
const setxattr = libc.func(
  'int setxattr(const char *path, const char *name, const void *v, size_t n, int flags)',
);
const removexattr = libc.func('int removexattr(const char *path, const char *name)');

/** Sets an xattr of a file whose path is text. */
export function setXattr(file: string, name: string, value: Uint8Array): void {
  if (setxattr(file, name, value, value.length, 0) !== 0) {
    throw new Error(`cannot set ${name} of ${file}: errno ${koffi.errno()}`);
  }
}

/** Removes an xattr of a file whose path is text; it has to be there. */
export function removeXattr(file: string, name: string): void {
  if (removexattr(file, name) !== 0) {
    throw new Error(`cannot remove ${name} of ${file}: errno ${koffi.errno()}`);
  }
}
