import { type Folder, MIN_FOLDED, makeFolder } from './crc32c-fold.ts';
import { crc32cInJavaScript } from './crc32c-table.ts';

/** Standard crc32c of `bytes`, going on from `previous`. */
export type Crc32c = (bytes: Uint8Array, previous?: number) => number;

let loadFaster: () => Crc32c = () => crc32cInJavaScript;

/** On first use: most threads of a short run check nothing, and a library takes 4 ms to load. */
let standardCrc32c: Crc32c = (bytes, previous) => {
  standardCrc32c = loadFaster();
  return standardCrc32c(bytes, previous);
};

/** Says where a faster crc32c is to be had, once one is needed. */
export function offerCrc32c(load: () => Crc32c): void {
  loadFaster = load;
}

/** 1 MiB: large enough that system calls do not count, small enough to stay in the cache. */
const READ_BYTES = 1 << 20;

/** This thread's, made when it is first needed: many threads never see that many bytes. */
let own: { folder: Folder | undefined; buffer: Buffer } | undefined;

function ownFolder() {
  if (own === undefined) {
    const folder = makeFolder(READ_BYTES, plainCrc32c);
    own = { folder, buffer: folder?.buffer ?? Buffer.allocUnsafeSlow(READ_BYTES) };
  }
  return own;
}

/**
 * This thread's buffer for reading, the same at each call: whoever opens or reads an object may
 * overwrite what another has left in it. Checksums of what lies in it cost least, and it begins at a
 * page: the kernel copies into it about a fifth faster than into one that begins 16 bytes past a
 * page, where Node's own large buffers lie.
 */
export const readBuffer = (): Buffer => ownFolder().buffer;

function plainCrc32c(seed: number, bytes: Uint8Array): number {
  // The library computes the inverted form and inverts its own initial value likewise.
  return ~standardCrc32c(bytes, ~seed >>> 0) >>> 0;
}

/**
 * Ceph's crc32c: Castagnoli, reflected, seed given at each use, **no final inversion**.
 * Seed 0xffffffff for object data digests, BlueStore and BlueFS; 0 for journals, PG log entries and
 * object maps. Chain by passing the previous result as seed.
 */
export function cephCrc32c(seed: number, bytes: Uint8Array): number {
  const { folder } = bytes.length < MIN_FOLDED ? { folder: undefined } : ownFolder();
  return folder === undefined ? plainCrc32c(seed, bytes) : folder.crc(seed, bytes);
}

/** RocksDB's and LevelDB's masked crc32c over `bytes` (the standard, inverted form inside). */
export function maskedCrc32c(...parts: Uint8Array[]): number {
  let crc = 0;
  for (const part of parts) crc = standardCrc32c(part, crc);
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}

const CASTAGNOLI = 0x82f63b78;
let byteTable: Int32Array | undefined;

function table(): Int32Array {
  if (byteTable !== undefined) return byteTable;
  byteTable = new Int32Array(256);
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 1) === 0 ? crc >>> 1 : (crc >>> 1) ^ CASTAGNOLI;
    byteTable[byte] = crc;
  }
  return byteTable;
}

/** Goes on by one byte, without inversion: for looking at the checksum after each. Seed 0xffffffff. */
export function crc32cByte(crc: number, byte: number): number {
  return table()[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
}

/** What `maskedCrc32c` gives for the bytes that `crc32cByte` has gone through. */
export function maskedCrc32cOf(state: number): number {
  const crc = ~state >>> 0;
  return ((((crc >>> 15) | (crc << 17)) >>> 0) + 0xa282ead8) >>> 0;
}
