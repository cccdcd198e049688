import { corruptError } from '../errors/salvage-error.ts';

/**
 * Fields of object names as FileStore escapes them in file names. The catalog keeps prefixes in this
 * form for every kind of store. docs/formats/filestore.md, "Object file names".
 */

const UNDERSCORE = 0x5f;
const SLASH = 0x2f;
const BACKSLASH = 0x5c;
const ESCAPED: Record<number, number> = { 115: 0x2f, 117: 0x5f, 92: 0x5c, 110: 0 };

/** Undoes the escapes `\s \u \\ \n` of one field. @throws CORRUPT on an escape that no Ceph writes */
export function unescapeField(field: Uint8Array): Uint8Array {
  if (!field.includes(BACKSLASH)) return field;
  const out: number[] = [];
  for (let i = 0; i < field.length; i++) {
    let byte = field[i]!;
    if (byte === BACKSLASH) {
      const plain = ESCAPED[field[++i] ?? -1];
      if (plain === undefined) throw corruptError('object file name: unknown escape');
      byte = plain;
    }
    out.push(byte);
  }
  return Uint8Array.from(out);
}

/** Is it just what Ceph writes for some bytes? Then it can be undone, and done again. */
export function isCanonicalField(field: Uint8Array): boolean {
  for (let i = 0; i < field.length; i++) {
    const byte = field[i]!;
    if (byte === UNDERSCORE || byte === 0 || byte === SLASH) return false;
    if (byte === BACKSLASH && ESCAPED[field[++i] ?? -1] === undefined) return false;
  }
  return true;
}

const ESCAPES: Record<number, string> = { 47: '\\s', 95: '\\u', 92: '\\\\', 0: '\\n' };

/** Escapes one field; the start-of-name escapes are `escapeName`'s. */
export function escapeField(field: Uint8Array): Buffer {
  const parts: string[] = [];
  for (const byte of field) parts.push(ESCAPES[byte] ?? String.fromCharCode(byte));
  return Buffer.from(parts.join(''), 'latin1');
}
