import { crc32cByte, maskedCrc32cOf } from '../bytes/crc32c.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { BLOCK_TRAILER, type BlockFormat, type BlockHandle, unpackBlock } from './block.ts';

/**
 * Finds the blocks of a table whose index or footer is lost. Blocks follow each other from the first
 * byte on without saying how long they are: where one ends is told by what it must end with, and
 * proved by its checksum. docs/formats/kv.md, "Tables without an index".
 */

/** Steps of searching and checksumming, a byte each, before the rest of a table is given up. */
const BUDGET = 1 << 29;
/** An internal key has at least its 8 bytes of sequence and type. */
const SHORTEST_KEY = 8;
const MAX_RESTARTS = 1 << 20;
/** Blocks are looked for behind damage only where their beginning promises no more than this. */
const MAX_SEARCHED_BLOCK = 1 << 16;
const COMPRESSIONS: readonly number[] = [1, 2, 4, 5, 7];
const SNAPPY_LITERAL_MAX = 60;

export interface FoundBlocks {
  blocks: BlockHandle[];
  /** bytes between and behind blocks of which nothing could be made */
  gaps: { offset: number; length: number }[];
}

export class BlockFinder {
  readonly #bytes: Uint8Array;
  readonly #formats: readonly BlockFormat[];
  #steps = 0;
  /** end and value of the varint read last */
  #at = 0;

  /** @param formats that the blocks may have, likeliest first */
  constructor(bytes: Uint8Array, formats: readonly BlockFormat[]) {
    this.#bytes = bytes;
    this.#formats = formats;
  }

  find(): FoundBlocks {
    const found: FoundBlocks = { blocks: [], gaps: [] };
    const { length } = this.#bytes;
    for (let at = 0; at < length; ) {
      const size = this.#sizeAt(at);
      if (size >= 0) {
        found.blocks.push({ offset: at, size });
        at += size + BLOCK_TRAILER;
        continue;
      }
      const next = this.#searchFrom(at + 1);
      found.gaps.push({ offset: at, length: next - at });
      at = next;
    }
    return found;
  }

  /** Where the next block begins, or the end. */
  #searchFrom(from: number): number {
    const { length } = this.#bytes;
    for (let at = from; at < length && this.#steps < BUDGET; at++) {
      this.#steps++;
      if (this.#looksLikeStart(at) && this.#sizeAt(at) >= 0) return at;
    }
    return length;
  }

  /** A first entry shares nothing with the one before, and is an internal key; compressed or not. */
  #looksLikeStart(at: number): boolean {
    const b = this.#bytes;
    if (b[at] === 0) return b[at + 1]! >= SHORTEST_KEY;
    const size = this.#varint(at);
    if (size < SHORTEST_KEY || size > MAX_SEARCHED_BLOCK) return false;
    const tag = b[this.#at]!;
    // Snappy: a literal comes first, of up to 60 bytes, or with its length in the next bytes.
    if ((tag & 3) !== 0 || tag >> 2 > SNAPPY_LITERAL_MAX + 1) return false;
    const literal = this.#at + 1 + Math.max(0, (tag >> 2) - SNAPPY_LITERAL_MAX + 1);
    return b[literal] === 0 && b[literal + 1]! >= SHORTEST_KEY;
  }

  /** Bytes of the block that begins here, without its trailer; -1 where none does. */
  #sizeAt(at: number): number {
    const plain = this.#plainEnd(at);
    if (plain >= 0 && this.#isBlock(at, plain)) return plain - at;
    const packed = this.#compressedEnd(at);
    return packed >= 0 && this.#isBlock(at, packed) ? packed - at : -1;
  }

  #isBlock(at: number, end: number): boolean {
    const stored = this.#bytes.subarray(at, end + BLOCK_TRAILER);
    if (stored.length !== end - at + BLOCK_TRAILER) return false;
    this.#steps += stored.length;
    return this.#formats.some((format) => {
      try {
        unpackBlock(stored, at, format);
        return true;
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        return false;
      }
    });
  }

  /** A varint32 at `at`, -1 where there is none. */
  #varint(at: number): number {
    const b = this.#bytes;
    let value = 0;
    for (let i = 0, factor = 1; i < 5; i++, factor *= 0x80) {
      const byte = b[at + i];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.#at = at + i + 1;
        return value;
      }
    }
    return -1;
  }

  #u32(at: number): number {
    const b = this.#bytes;
    return (b[at]! | (b[at + 1]! << 8) | (b[at + 2]! << 16) | (b[at + 3]! << 24)) >>> 0;
  }

  /** Walks the entries of an uncompressed block up to its restart array, the first of which is 0. */
  #plainEnd(start: number): number {
    const { length } = this.#bytes;
    let keyLength = 0;
    for (let at = start; at < length; ) {
      this.#steps++;
      const shared = this.#varint(at);
      const own = shared < 0 ? -1 : this.#varint(this.#at);
      if (own < 0 || shared > keyLength) return -1;
      // No key is that short: these are the first two bytes of a 0.
      if (shared + own === 0) return this.#restartsEnd(start, at);
      if (shared + own < SHORTEST_KEY) return -1;
      const value = this.#varint(this.#at);
      if (value < 0) return -1;
      keyLength = shared + own;
      at = this.#at + own + value;
    }
    return -1;
  }

  /** Restart offsets ascend; what follows them is their number, which none of them can be. */
  #restartsEnd(start: number, at: number): number {
    if (at + 8 > this.#bytes.length || this.#u32(at) !== 0) return -1;
    let last = 0;
    for (let n = 1; n < MAX_RESTARTS && at + 4 * n + 4 <= this.#bytes.length; n++) {
      this.#steps++;
      const word = this.#u32(at + 4 * n);
      if (word === n) return at + 4 * n + 4;
      if (word <= last || word >= at - start) return -1;
      last = word;
    }
    return -1;
  }

  /** Goes on until type and checksum of a compressed block follow; the size it begins with bounds it. */
  #compressedEnd(start: number): number {
    const b = this.#bytes;
    const size = this.#varint(start);
    if (size < SHORTEST_KEY) return -1;
    const last = Math.min(b.length - BLOCK_TRAILER, this.#at + 64 + size + Math.ceil(size / 6));
    let crc = 0xffffffff;
    for (let at = start; at <= last && this.#steps < BUDGET; at++) {
      this.#steps++;
      const type = b[at]!;
      const next = crc32cByte(crc, type);
      if (at > start && COMPRESSIONS.includes(type) && maskedCrc32cOf(next) === this.#u32(at + 1))
        return at;
      crc = next;
    }
    return -1;
  }
}
