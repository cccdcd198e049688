import { createHash } from 'node:crypto';

/**
 * Names of 255 bytes and more: the file carries a shortened name, an xattr the full one.
 * docs/formats/filestore.md, "Long names".
 */

/** A file whose name is this long and ends so has its full name in an xattr. */
const SHORTENED_LENGTH = 255;
const SUFFIX = Buffer.from('long');
/** xattrs that hold the full name, newest format first */
export const LONG_NAME_XATTRS = [
  'user.cephos.lfn3',
  'user.cephos.lfn2',
  'user.cephos.lfn',
] as const;

export const isShortened = (buffer: Uint8Array, start: number, end: number): boolean =>
  end - start >= SHORTENED_LENGTH &&
  Buffer.compare(buffer.subarray(end - SUFFIX.length, end), SUFFIX) === 0;

/** Prefix, SHA-1 and collision index as a shortened name carries them. */
const SHAPE = /^(.*)_([0-9a-f]{20})_(\d+)_long$/s;

/** Does `full` belong to this shortened name? Its SHA-1 stands in it. */
export function belongsTo(shortened: Uint8Array, full: Uint8Array): boolean {
  const match = SHAPE.exec(Buffer.from(shortened).toString('latin1'));
  if (match === null) return false;
  return createHash('sha1').update(full).digest('hex').startsWith(match[2]!);
}

/**
 * The full name of a shortened file.
 * @param xattr reads one xattr of the file
 * @param links the file's hard links: the alternative name counts only where there is more than one
 * @returns undefined when no xattr tells it
 */
export function fullName(
  shortened: Uint8Array,
  xattr: (name: string) => Uint8Array | undefined,
  links: number,
): Uint8Array | undefined {
  for (const name of LONG_NAME_XATTRS) {
    const alternative = links > 1 ? xattr(`${name}-alt`) : undefined;
    if (alternative !== undefined && belongsTo(shortened, alternative)) return alternative;
    const value = xattr(name);
    if (value !== undefined) return value;
  }
  return undefined;
}
