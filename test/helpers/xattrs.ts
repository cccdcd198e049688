import koffi from 'koffi';

const libc = koffi.load(null as unknown as string);
const setxattr = libc.func(
  'int setxattr(const void *path, const char *name, const void *v, size_t n, int flags)',
);
const removexattr = libc.func('int removexattr(const char *path, const char *name)');
const getxattr = libc.func('long getxattr(const void *path, const char *name, void *v, size_t n)');
const listxattr = libc.func('long listxattr(const void *path, void *list, size_t n)');
const MAX_XATTR = 65536;

/** Sets an xattr of a file whose path is text. */
export function setXattr(file: string, name: string, value: Uint8Array): void {
  if (setxattr(Buffer.from(`${file}\0`), name, value, value.length, 0) !== 0) {
    throw new Error(`cannot set ${name} of ${file}: errno ${koffi.errno()}`);
  }
}

/** Removes an xattr of a file whose path is text; it has to be there. */
export function removeXattr(file: string, name: string): void {
  if (removexattr(file, name) !== 0) {
    throw new Error(`cannot remove ${name} of ${file}: errno ${koffi.errno()}`);
  }
}

/** Names of a file's xattrs; its path as bytes. */
export function xattrNames(file: Uint8Array): string[] {
  const list = Buffer.alloc(MAX_XATTR);
  const n = listxattr(Buffer.concat([file, Buffer.alloc(1)]), list, list.length);
  return list
    .toString('latin1', 0, Math.max(0, Number(n)))
    .split('\0')
    .filter(Boolean);
}

/** Changes the value of an xattr in place. */
export function editXattr(file: Uint8Array, name: string, change: (value: Buffer) => void): void {
  const path = Buffer.concat([file, Buffer.alloc(1)]);
  const value = Buffer.alloc(MAX_XATTR);
  const n = Number(getxattr(path, name, value, value.length));
  if (n < 0) throw new Error(`cannot read ${name}: errno ${koffi.errno()}`);
  change(value.subarray(0, n));
  if (setxattr(path, name, value, n, 0) !== 0) throw new Error(`cannot set ${name}`);
}
