/** Object, image and pool names are bytes; this is how they become text and back. */

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * A name as text that tells different names apart: UTF-8 where it is valid UTF-8, otherwise every
 * byte from 0x80 on is shown as `\xNN`. Image specs are compared in this form.
 */
export function nameToText(name: Uint8Array): string {
  try {
    return strictUtf8.decode(name);
  } catch {
    return Buffer.from(name)
      .toString('latin1')
      .replace(/[\x80-\xff]/g, (c) => `\\x${c.charCodeAt(0).toString(16)}`);
  }
}

/** The bytes of a text name (UTF-8). */
export const textToName = (text: string): Uint8Array => Buffer.from(text, 'utf8');

/** One char per byte: a cheap exact key for `Map`s. */
export const binaryKey = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

export const binaryKeyBytes = (key: string): Uint8Array => Buffer.from(key, 'latin1');

export function bytesEqual(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
