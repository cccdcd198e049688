import koffi from 'koffi';

const libc = koffi.load(null);
const fsetxattr = libc.func(
  'int fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)',
);

/** @param value a buffer, which may be empty */
export function setXattr(fd, name, value) {
  if (fsetxattr(fd, name, value, value.length, 0) === 0) return;
  throw new Error(
    `cannot set ${name}: errno ${koffi.errno()} (does the file system have user xattrs?)`,
  );
}
