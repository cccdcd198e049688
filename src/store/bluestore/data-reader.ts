import { corruptError, sourceIoError } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import { Lru } from '../../kv/lru.ts';
import type { Blob, BlobChecksums } from './blob.ts';
import { type ChunkRange, hasChecksums, isAlike, verifyRanges } from './checksum.ts';
import { decompressBlob } from './compressed-blob.ts';
import type { DeferredOverlay } from './deferred.ts';
import type { BlobExtent } from './extent-map.ts';
import { UNALLOCATED } from './packed-numbers.ts';

/** Object data as extents: docs/formats/bluestore.md, "Reading data". */

/** Decompressed blobs kept while an object is read in pieces. */
const DECOMPRESSED_BYTES = 4 << 20;

export interface DataSource {
  /** the main device */
  device: ByteSource;
  overlay: DeferredOverlay;
  /** false: take the bytes whatever their checksums say */
  verify: boolean;
}

/** A stretch of memory: a view of each would cost more than what is done with it. */
interface Span {
  memory: Uint8Array;
  start: number;
  end: number;
}

const bytesOf = ({ memory, start, end }: Span): Uint8Array => memory.subarray(start, end);

/** Bytes of the device that belong in memory. */
interface DeviceRead extends Span {
  offset: number;
}

/** Ranges of blobs, one behind the other in memory, to be read and then checked in one go. */
interface Check extends Span {
  ranges: (ChunkRange & { blob: Blob })[];
}

/** Calls back for the pieces, or parts of them, that hold blob bytes [from, to). */
function forEachPiece(
  blob: Blob,
  from: number,
  to: number,
  use: (deviceOffset: number, start: number, end: number) => void,
): void {
  let start = 0;
  for (const { offset, length } of blob.pieces) {
    const end = start + length;
    if (start >= to) return;
    const first = Math.max(start, from);
    const last = Math.min(end, to);
    if (first < last) use(offset === UNALLOCATED ? offset : offset + first - start, first, last);
    start = end;
  }
}

function deviceOffset(blob: Blob, at: number): number {
  let found = 0;
  forEachPiece(blob, at, at + 1, (offset) => {
    found = offset;
  });
  return found;
}

/** Does `b` follow `a` in memory? */
const isNext = (a: Span, b: Span): boolean => a.memory === b.memory && a.end === b.start;

/** Adds a read, to the last one where it follows that on the device and in memory. */
function addRead(reads: DeviceRead[], read: DeviceRead): void {
  const last = reads.at(-1);
  const follows =
    last !== undefined && last.offset + last.end - last.start === read.offset && isNext(last, read);
  if (follows) last.end = read.end;
  else reads.push(read);
}

/** In device order, and what is adjacent in one. */
function inOrder(reads: DeviceRead[]): DeviceRead[] {
  if (reads.length < 2) return reads;
  const merged: DeviceRead[] = [];
  for (const read of reads.sort((a, b) => a.offset - b.offset)) addRead(merged, read);
  return merged;
}

/** Reads the data of one object. */
export class DataReader {
  /** false once bytes were read for which there is no checksum, or that were not to be checked */
  checked = true;
  readonly #source: () => DataSource;
  readonly #decompressed = new Lru<Blob, Uint8Array>(DECOMPRESSED_BYTES, (bytes) => bytes.length);

  /** @param source called when there is something to be read */
  constructor(source: () => DataSource) {
    this.#source = source;
  }

  /**
   * Fills `target`, which is the object from `position` on, from the extents that reach into it;
   * what none of them covers becomes zeros.
   * @throws SOURCE_IO, CORRUPT for a wrong checksum (path and offset are the device's), UNSUPPORTED
   */
  read(extents: readonly BlobExtent[], target: Uint8Array, position: number): void {
    const job = extents.length === 0 ? undefined : new ReadJob(this.#source());
    let filled = position;
    for (const extent of extents) {
      const from = Math.max(extent.offset, position);
      const to = Math.min(extent.offset + extent.length, position + target.length);
      if (from >= to) continue;
      if (from > filled) target.fill(0, filled - position, from - position);
      filled = Math.max(filled, to);
      const { blob } = extent;
      const at = extent.blobOffset + from - extent.offset;
      const span = { memory: target, start: from - position, end: to - position };
      if (blob.compressed === undefined) job!.add(blob, at, span);
      else this.#copyDecompressed(blob, at, bytesOf(span));
    }
    target.fill(0, filled - position);
    if (job === undefined) return;
    job.run();
    this.checked &&= job.checked;
  }

  #copyDecompressed(blob: Blob, at: number, out: Uint8Array): void {
    let plain = this.#decompressed.get(blob);
    if (plain === undefined) {
      plain = this.#decompress(blob);
      this.#decompressed.set(blob, plain);
    }
    if (at + out.length > plain.length) throw beyond(at + out.length, plain.length);
    out.set(plain.subarray(at, at + out.length));
  }

  #decompress(blob: Blob): Uint8Array {
    const { logical, stored } = blob.compressed!;
    if (stored > blob.length) throw beyond(stored, blob.length);
    const bytes = new Uint8Array(stored);
    const source = this.#source();
    const job = new ReadJob(source);
    job.add(blob, 0, { memory: bytes, start: 0, end: stored });
    job.run();
    this.checked &&= job.checked;
    try {
      return decompressBlob(bytes, logical);
    } catch (error) {
      // The decoder knows the blob only: say where that is.
      if (error instanceof Error && 'data' in error) {
        Object.assign(error.data as object, {
          path: source.device.path,
          offset: deviceOffset(blob, 0),
        });
      }
      throw error;
    }
  }
}

const beyond = (wanted: number, length: number) =>
  corruptError(
    `extent reaches 0x${wanted.toString(16)} of a blob of 0x${length.toString(16)} bytes`,
  );

/** Ranges of blobs to be read together. */
class ReadJob {
  checked = true;
  readonly #source: DataSource;
  readonly #reads: DeviceRead[] = [];
  readonly #checks: Check[] = [];
  readonly #copies: { from: Span; to: Span }[] = [];

  constructor(source: DataSource) {
    this.#source = source;
  }

  /** Adds blob bytes from `at` on. */
  add(blob: Blob, at: number, out: Span): void {
    const end = at + out.end - out.start;
    if (end > blob.length) throw beyond(end, blob.length);
    const { checksums } = blob;
    if (!this.#source.verify || !hasChecksums(checksums)) {
      this.checked = false;
      this.#addReads(blob, at, out);
      return;
    }
    const chunk = 2 ** checksums.order;
    const from = Math.floor(at / chunk) * chunk;
    // A blob is a whole number of chunks, unless its record lies: then the check will tell.
    const to = Math.min(Math.ceil(end / chunk) * chunk, blob.length);
    if (from === at && to === end) {
      this.#addChecked(blob, checksums, from, out);
      return;
    }
    const memory = new Uint8Array(to - from);
    this.#addChecked(blob, checksums, from, { memory, start: 0, end: to - from });
    this.#copies.push({ from: { memory, start: at - from, end: end - from }, to: out });
  }

  /** @param from where in the blob, a multiple of the chunk */
  #addChecked(blob: Blob, checksums: BlobChecksums, from: number, out: Span): void {
    const chunk = 2 ** checksums.order;
    const shift = out.start - from;
    let begin = from;
    const check = (end: number) => {
      if (end <= begin) return;
      const range = { blob, checksums, offset: begin, length: end - begin };
      this.#addCheck({ memory: out.memory, start: begin + shift, end: end + shift }, range);
    };
    for (const [start, end] of this.#addReads(blob, from, out)) {
      // Chunks without a place on the device have no checksum.
      check(Math.floor(start / chunk) * chunk);
      begin = Math.ceil(end / chunk) * chunk;
    }
    check(out.end - shift);
  }

  /** Blobs are small, 64 KiB on hard disks: neighbours in memory are checked in one go. */
  #addCheck(span: Span, range: Check['ranges'][number]): void {
    const last = this.#checks.at(-1);
    const joins =
      last !== undefined &&
      isNext(last, span) &&
      isAlike(last.ranges[0]!.checksums, range.checksums);
    if (!joins) {
      const { memory, start, end } = span;
      this.#checks.push({ memory, start, end, ranges: [range] });
      return;
    }
    last.ranges.push(range);
    last.end = span.end;
  }

  /** @returns the ranges of the blob that have no place on the device */
  #addReads(blob: Blob, from: number, out: Span): [start: number, end: number][] {
    const holes: [number, number][] = [];
    const { memory } = out;
    const shift = out.start - from;
    forEachPiece(blob, from, out.end - shift, (offset, start, end) => {
      if (offset !== UNALLOCATED) {
        addRead(this.#reads, { offset, memory, start: start + shift, end: end + shift });
        return;
      }
      memory.fill(0, start + shift, end + shift);
      holes.push([start, end]);
    });
    return holes;
  }

  run(): void {
    const { device, overlay } = this.#source;
    for (const read of inOrder(this.#reads)) {
      const { offset } = read;
      const buffer = bytesOf(read);
      if (device.read(buffer, offset) < buffer.length) {
        const message = `object data lies beyond the end of ${device.path}`;
        throw sourceIoError(message, { path: device.path, offset, errno: 'EIO' });
      }
      overlay.apply(buffer, offset);
    }
    for (const check of this.#checks) this.#check(check);
    for (const { from, to } of this.#copies) to.memory.set(bytesOf(from), to.start);
  }

  #check(check: Check): void {
    const bad = verifyRanges(check.ranges, bytesOf(check));
    if (bad === undefined) return;
    const { path } = this.#source.device;
    const at = deviceOffset(bad.range.blob, bad.offset);
    const message = `${path}: damaged data at 0x${at.toString(16)}: ${bad.reason}`;
    throw corruptError(message, { path, offset: at, structure: 'object data' });
  }
}
