import koffi from 'koffi';

const setxattr = koffi
  .load(null as unknown as string)
  .func('int setxattr(const char *path, const char *name, const void *v, size_t n, int flags)');

/** Sets an xattr of a file whose path is text. */
export function setXattr(file: string, name: string, value: Uint8Array): void {
  if (setxattr(file, name, value, value.length, 0) !== 0) {
    throw new Error(`cannot set ${name} of ${file}: errno ${koffi.errno()}`);
  }
}
