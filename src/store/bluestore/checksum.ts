import { cephCrc32c } from '../../bytes/crc32c.ts';
import { crc32cZerosOf } from '../../bytes/crc32c-zeros.ts';
import { xxhash32, xxhash64 } from '../../bytes/xxhash.ts';
import { unsupportedError } from '../../errors/salvage-error.ts';
import type { BlobChecksums } from './blob.ts';

/** Checksums of data: docs/formats/bluestore.md, "Checksums". */

/** Checksummer::CSumType */
export const CHECKSUM = {
  none: 1,
  xxhash32: 2,
  xxhash64: 3,
  crc32c: 4,
  crc32c_16: 5,
  crc32c_8: 6,
} as const;

interface Algorithm {
  name: string;
  /** bytes of a value */
  width: number;
  compute(bytes: Uint8Array): number | bigint;
}

const ONES = 0xffffffff;

const ALGORITHMS: Record<number, Algorithm> = {
  [CHECKSUM.xxhash32]: { name: 'xxhash32', width: 4, compute: (b) => xxhash32(b, 'ones') },
  [CHECKSUM.xxhash64]: { name: 'xxhash64', width: 8, compute: (b) => xxhash64(b, 'ones') },
  [CHECKSUM.crc32c]: { name: 'crc32c', width: 4, compute: (b) => cephCrc32c(ONES, b) },
  [CHECKSUM.crc32c_16]: {
    name: 'crc32c_16',
    width: 2,
    compute: (b) => cephCrc32c(ONES, b) & 0xffff,
  },
  [CHECKSUM.crc32c_8]: { name: 'crc32c_8', width: 1, compute: (b) => cephCrc32c(ONES, b) & 0xff },
};

/** A little-endian value of 1, 2, 4 or 8 bytes; undefined past the end. */
function valueAt(values: Uint8Array, index: number, width: number): number | bigint | undefined {
  const at = index * width;
  if (at + width > values.length) return undefined;
  if (width === 8) return Buffer.from(values.buffer, values.byteOffset + at, 8).readBigUInt64LE();
  let value = 0;
  for (let i = width - 1; i >= 0; i--) value = value * 256 + values[at + i]!;
  return value;
}

/** The first chunk that is not what was written. */
export interface Mismatch {
  /** where in the blob */
  offset: number;
  reason: string;
}

/** Are there values to check at all? */
export const hasChecksums = (checksums: BlobChecksums | undefined): checksums is BlobChecksums =>
  checksums !== undefined && checksums.type !== CHECKSUM.none;

/** By the length of a chunk. */
const overChunk = new Map<number, (crc: number) => number>();

function zerosOver(chunk: number): (crc: number) => number {
  let over = overChunk.get(chunk);
  if (over === undefined) {
    over = crc32cZerosOf(chunk);
    overChunk.set(chunk, over);
  }
  return over;
}

/** From here on one checksum of all chunks costs less than one of each. */
const MANY_BYTES = 32768;

/** Whole chunks of one blob. */
export interface ChunkRange {
  checksums: BlobChecksums;
  /** where they begin in the blob: a multiple of the chunk size, as is the length */
  offset: number;
  /** bytes */
  length: number;
}

const chunkOf = ({ order }: BlobChecksums): number => 2 ** order;

/** Can one checksum speak for chunks of both? */
export const isAlike = (a: BlobChecksums, b: BlobChecksums): boolean =>
  a.type === CHECKSUM.crc32c && b.type === CHECKSUM.crc32c && a.order === b.order;

/**
 * Do all chunks together have the crc32c that follows from their values? Chunks are small, and a long
 * range costs a third per byte. What one wrong chunk does to the whole cannot be undone by the bytes
 * behind it, so that is always found; of several wrong ones as much as one checksum would miss.
 */
function isRightAsWhole(ranges: readonly ChunkRange[], bytes: Uint8Array): boolean {
  const { checksums } = ranges[0]!;
  if (checksums.type !== CHECKSUM.crc32c || bytes.length < MANY_BYTES) return false;
  const chunk = chunkOf(checksums);
  const over = zerosOver(chunk);
  let whole = ONES;
  for (const { checksums: own, offset, length } of ranges) {
    const { values } = own;
    const end = ((offset + length) / chunk) * 4;
    if (length % chunk !== 0 || end > values.length) return false;
    // Each value was begun with all ones, not with what lies before: the difference is carried on.
    for (let at = (offset / chunk) * 4; at < end; at += 4) {
      const value =
        values[at]! | (values[at + 1]! << 8) | (values[at + 2]! << 16) | (values[at + 3]! << 24);
      whole = (over(whole ^ ONES) ^ value) >>> 0;
    }
  }
  return cephCrc32c(ONES, bytes) === whole;
}

/**
 * Checks ranges of blobs, all alike, that lie one behind the other in `bytes`.
 * @returns the first chunk that is wrong, and the range that it is in
 * @throws UNSUPPORTED for a type that we do not know
 */
export function verifyRanges<R extends ChunkRange>(
  ranges: readonly R[],
  bytes: Uint8Array,
): (Mismatch & { range: R }) | undefined {
  if (isRightAsWhole(ranges, bytes)) return undefined;
  let at = 0;
  for (const range of ranges) {
    const own = bytes.subarray(at, at + range.length);
    // One of one only: it has been looked at as a whole just now.
    const isRight = ranges.length > 1 && isRightAsWhole([range], own);
    const mismatch = isRight ? undefined : verifyEach(range, own);
    if (mismatch !== undefined) return { ...mismatch, range };
    at += range.length;
  }
  return undefined;
}

/** Chunk by chunk. */
function verifyEach({ checksums, offset }: ChunkRange, bytes: Uint8Array): Mismatch | undefined {
  const algorithm = ALGORITHMS[checksums.type];
  if (algorithm === undefined) throw unsupportedError(`checksum type ${checksums.type}`);
  const { name, width, compute } = algorithm;
  const chunk = chunkOf(checksums);
  for (let at = 0; at < bytes.length; at += chunk) {
    const expected = valueAt(checksums.values, (offset + at) / chunk, width);
    const found = compute(bytes.subarray(at, at + chunk));
    if (found === expected) continue;
    const text = (n: number | bigint) => n.toString(16).padStart(2 * width, '0');
    const reason =
      expected === undefined
        ? `there is no ${name} for it`
        : `${name} is ${text(found)}, not ${text(expected)}`;
    return { offset: offset + at, reason };
  }
  return undefined;
}
