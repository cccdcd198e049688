/**
 * From an object's name to its pg. See docs/formats/ceph.md, "Placement".
 * Runs once per object of a cluster: no allocation unless there is a namespace.
 */

/** Between namespace and name in what is hashed. */
const NAMESPACE_SEPARATOR = 0x1f;
const GOLDEN_RATIO = 0x9e3779b9 | 0;

const word = (b: Uint8Array, i: number): number =>
  b[i]! | (b[i + 1]! << 8) | (b[i + 2]! << 16) | (b[i + 3]! << 24);

/** `count` (0-3) bytes from `i` on, the first at `shift`. */
function partialWord(b: Uint8Array, i: number, count: number, shift: number): number {
  let value = 0;
  for (let k = 0; k < count; k++) value |= b[i + k]! << (shift + 8 * k);
  return value;
}

/**
 * Ceph's string hash of pool type 2 (CEPH_STR_HASH_RJENKINS) over `bytes[start, end)`: u32.
 * Source: Bob Jenkins' 1996 hash, with the length in the low byte of the last word.
 */
export function cephStrHashRjenkins(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let a = GOLDEN_RATIO;
  let b = GOLDEN_RATIO;
  let c = 0;
  // The short tail is added within the loop so that the mix is written (and compiled) once.
  for (let i = start; ; i += 12) {
    const left = end - i;
    if (left >= 12) {
      a = (a + word(bytes, i)) | 0;
      b = (b + word(bytes, i + 4)) | 0;
      c = (c + word(bytes, i + 8)) | 0;
    } else {
      a = (a + (left >= 4 ? word(bytes, i) : partialWord(bytes, i, left, 0))) | 0;
      if (left >= 8) {
        b = (b + word(bytes, i + 4)) | 0;
        c = (c + partialWord(bytes, i + 8, left - 8, 8)) | 0;
      } else if (left > 4) {
        b = (b + partialWord(bytes, i + 4, left - 4, 0)) | 0;
      }
      c = (c + (end - start)) | 0;
    }
    a = ((a - b - c) | 0) ^ (c >>> 13);
    b = ((b - c - a) | 0) ^ (a << 8);
    c = ((c - a - b) | 0) ^ (b >>> 13);
    a = ((a - b - c) | 0) ^ (c >>> 12);
    b = ((b - c - a) | 0) ^ (a << 16);
    c = ((c - a - b) | 0) ^ (b >>> 5);
    a = ((a - b - c) | 0) ^ (c >>> 3);
    b = ((b - c - a) | 0) ^ (a << 10);
    c = ((c - a - b) | 0) ^ (b >>> 15);
    if (left < 12) return c >>> 0;
  }
}

/** The placement hash of an object (pool field object_hash = 2): u32. Empty key: the name counts. */
export function objectHash(name: Uint8Array, key: Uint8Array, namespace: Uint8Array): number {
  const placed = key.length > 0 ? key : name;
  if (namespace.length === 0) return cephStrHashRjenkins(placed);
  const input = new Uint8Array(namespace.length + 1 + placed.length);
  input.set(namespace);
  input[namespace.length] = NAMESPACE_SEPARATOR;
  input.set(placed, namespace.length + 1);
  return cephStrHashRjenkins(input);
}

/** The seed of the pg that holds `hash` in a pool of `pgNum` pgs (1 to 2^31). */
export function pgSeedOf(hash: number, pgNum: number): number {
  const bits = pgNum <= 1 ? 0 : 32 - Math.clz32(pgNum - 1);
  const mask = 2 ** bits - 1;
  const seed = (hash & mask) >>> 0;
  return seed < pgNum ? seed : (hash & (mask >>> 1)) >>> 0;
}
