import { corruptError, sourceIoError } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import { Lru } from '../../kv/lru.ts';
import type { Blob } from './blob.ts';
import { hasChecksums, verifyChunks } from './checksum.ts';
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

/** Bytes of the device that belong in a buffer. */
interface DeviceRead {
  offset: number;
  buffer: Uint8Array;
}

/** Bytes of a blob, read and to be checked, from `offset` of the blob on. */
interface BlobRange {
  blob: Blob;
  offset: number;
  bytes: Uint8Array;
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

/** Do the two follow each other on the device and in memory? */
function isContinued(a: DeviceRead, b: DeviceRead): boolean {
  return (
    a.offset + a.buffer.length === b.offset &&
    a.buffer.buffer === b.buffer.buffer &&
    a.buffer.byteOffset + a.buffer.length === b.buffer.byteOffset
  );
}

/** In device order, and what is adjacent in one. */
function mergeReads(reads: DeviceRead[]): DeviceRead[] {
  reads.sort((a, b) => a.offset - b.offset);
  const merged: DeviceRead[] = [];
  for (const read of reads) {
    const last = merged.at(-1);
    if (last === undefined || !isContinued(last, read)) merged.push(read);
    else {
      const { buffer, byteOffset, length } = last.buffer;
      last.buffer = new Uint8Array(buffer, byteOffset, length + read.buffer.length);
    }
  }
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
      const out = target.subarray(from - position, to - position);
      if (blob.compressed === undefined) job!.add(blob, at, out);
      else this.#copyDecompressed(blob, at, out);
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
    job.add(blob, 0, bytes);
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
  readonly #checks: BlobRange[] = [];
  readonly #copies: { from: Uint8Array; to: Uint8Array }[] = [];

  constructor(source: DataSource) {
    this.#source = source;
  }

  /** Adds blob bytes from `at` on. */
  add(blob: Blob, at: number, out: Uint8Array): void {
    const end = at + out.length;
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
      this.#addChecked(blob, from, out, chunk);
      return;
    }
    const wide = new Uint8Array(to - from);
    this.#addChecked(blob, from, wide, chunk);
    this.#copies.push({ from: wide.subarray(at - from, end - from), to: out });
  }

  #addChecked(blob: Blob, from: number, bytes: Uint8Array, chunk: number): void {
    let begin = from;
    const check = (end: number) => {
      if (end <= begin) return;
      this.#checks.push({ blob, offset: begin, bytes: bytes.subarray(begin - from, end - from) });
    };
    for (const [start, end] of this.#addReads(blob, from, bytes)) {
      // Chunks without a place on the device have no checksum.
      check(Math.floor(start / chunk) * chunk);
      begin = Math.ceil(end / chunk) * chunk;
    }
    check(from + bytes.length);
  }

  /** @returns the ranges of the blob that have no place on the device */
  #addReads(blob: Blob, from: number, bytes: Uint8Array): [start: number, end: number][] {
    const holes: [number, number][] = [];
    forEachPiece(blob, from, from + bytes.length, (offset, start, end) => {
      const buffer = bytes.subarray(start - from, end - from);
      if (offset !== UNALLOCATED) this.#reads.push({ offset, buffer });
      else {
        buffer.fill(0);
        holes.push([start, end]);
      }
    });
    return holes;
  }

  run(): void {
    const { device, overlay } = this.#source;
    for (const { offset, buffer } of mergeReads(this.#reads)) {
      if (device.read(buffer, offset) < buffer.length) {
        const message = `object data lies beyond the end of ${device.path}`;
        throw sourceIoError(message, { path: device.path, offset, errno: 'EIO' });
      }
      overlay.apply(buffer, offset);
    }
    for (const range of this.#checks) this.#check(range);
    for (const { from, to } of this.#copies) to.set(from);
  }

  #check({ blob, offset, bytes }: BlobRange): void {
    const bad = verifyChunks(blob.checksums!, bytes, offset);
    if (bad === undefined) return;
    const { path } = this.#source.device;
    const at = deviceOffset(blob, bad.offset);
    const message = `${path}: damaged data at 0x${at.toString(16)}: ${bad.reason}`;
    throw corruptError(message, { path, offset: at, structure: 'object data' });
  }
}
