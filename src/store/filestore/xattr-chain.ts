/**
 * Attributes of objects as FileStore keeps them in xattrs: `user.ceph.NAME`, continued in
 * `user.ceph.NAME@1`, `@2`, … docs/formats/filestore.md, "Names and chaining".
 */

/** A chunk of exactly one of these lengths may be continued (2048 alone up to Hammer). */
const CHUNK_LENGTHS: readonly number[] = [250, 2048];

const PREFIX = 'user.ceph.';

/** The xattr that begins an attribute: `@` in the name is doubled. */
export const xattrName = (attr: string): string => PREFIX + attr.replaceAll('@', '@@');

/**
 * An attribute's value, its chunks joined.
 * @param get reads one xattr, undefined where there is none
 */
export function readChained(
  attr: string,
  get: (xattr: string) => Uint8Array | undefined,
): Uint8Array | undefined {
  const base = xattrName(attr);
  const first = get(base);
  if (first === undefined) return undefined;
  const chunks = [first];
  for (let last = first; CHUNK_LENGTHS.includes(last.length); ) {
    const next = get(`${base}@${chunks.length}`);
    if (next === undefined) break;
    chunks.push(next);
    last = next;
  }
  return chunks.length === 1 ? first : Buffer.concat(chunks);
}
