import { brotliDecompressSync, inflateRawSync } from 'node:zlib';
import { Decompress } from 'fzstd';
import { corruptError, SalvageError } from '../errors/salvage-error.ts';
import { ByteReader } from './byte-reader.ts';
import { lz4Block } from './lz4.ts';

export { lz4Block } from './lz4.ts';
export { snappyDecode } from './snappy.ts';

/**
 * Decompressors for bytes that nobody vouches for. Each takes the most bytes it may produce and
 * throws CORRUPT instead of producing more; none allocates on the word of the input alone.
 */

/** The frame's window; every zstd decoder must accept 8 MiB (RFC 8878, 3.1.1.1.2). */
const MIN_ZSTD_WINDOW = 8 * 1024 * 1024;
const ZSTD_MAGIC = 0xfd2fb528;

/** One raw LZ4 block of known uncompressed size. @throws CORRUPT */
export function lz4Decode(bytes: Uint8Array, length: number): Uint8Array {
  // 255 per byte is all that LZ4's length bytes can announce.
  if (length > bytes.length * 255 + 64) {
    throw corruptError(`lz4 block: ${length} bytes announced for ${bytes.length} compressed`);
  }
  const output = new Uint8Array(length);
  lz4Block(bytes, output);
  return output;
}

type Unpack = (bytes: Uint8Array, options: { maxOutputLength: number }) => Buffer;

/** Node takes no limit of 0. @throws CORRUPT */
function byNode(what: string, unpack: Unpack, bytes: Uint8Array, maxLength: number): Uint8Array {
  let out: Buffer;
  try {
    out = unpack(bytes, { maxOutputLength: Math.max(1, maxLength) });
  } catch (error) {
    throw corruptError(`${what}: ${error instanceof Error ? error.message : error}`);
  }
  if (out.length > maxLength) throw corruptError(`${what}: more than ${maxLength} bytes`);
  return new Uint8Array(out.buffer, out.byteOffset, out.byteLength);
}

/** Raw deflate (no zlib header). @throws CORRUPT */
export const inflateRaw = (bytes: Uint8Array, maxLength: number): Uint8Array =>
  byNode('deflate', inflateRawSync, bytes, maxLength);

/** A brotli stream (RFC 7932). @throws CORRUPT */
export const brotliDecode = (bytes: Uint8Array, maxLength: number): Uint8Array =>
  byNode('brotli', brotliDecompressSync, bytes, maxLength);

interface ZstdFrame {
  window: number;
  /** uncompressed bytes, when the header says so */
  content: number | undefined;
  /** bytes the frame takes up, checksum included */
  length: number;
}

/** Bytes of the content size field, by the top two bits of the descriptor (single segment aside). */
const CONTENT_SIZE_BYTES = [0, 2, 4, 8];
const DICTIONARY_ID_BYTES = [0, 1, 2, 4];

function contentSize(reader: ByteReader, width: number): number | undefined {
  if (width === 0) return undefined;
  if (width === 1) return reader.u8();
  if (width === 2) return reader.u16() + 256;
  return width === 4 ? reader.u32() : reader.size();
}

const RLE_BLOCK = 1;

/** Walks the block headers (RFC 8878, 3.1.1.2) to the end of the frame. */
function skipBlocks(reader: ByteReader): void {
  for (;;) {
    const header = reader.u8() | (reader.u16() << 8);
    reader.skip(((header >> 1) & 3) === RLE_BLOCK ? 1 : header >>> 3);
    if ((header & 1) !== 0) return;
  }
}

/** RFC 8878, 3.1.1.1: what the library would allocate before it looks at a single block. */
function zstdFrame(bytes: Uint8Array): ZstdFrame {
  const reader = new ByteReader(bytes, 'zstd frame');
  if (reader.u32() !== ZSTD_MAGIC) throw reader.fail('no zstd magic');
  const descriptor = reader.u8();
  const single = (descriptor & 0x20) !== 0;
  const size = single ? 0 : reader.u8();
  reader.skip(DICTIONARY_ID_BYTES[descriptor & 3]!);
  const width = CONTENT_SIZE_BYTES[descriptor >> 6]! || (single ? 1 : 0);
  const content = contentSize(reader, width);
  const base = 2 ** (10 + (size >> 3));
  const window = single ? (content ?? 0) : base + (base / 8) * (size & 7);
  skipBlocks(reader);
  if ((descriptor & 4) !== 0) reader.skip(4);
  return { window, content, length: reader.pos };
}

/**
 * One Zstandard frame; what follows it is not looked at. The result may be shorter than `maxLength`.
 * The frame's own content checksum is not looked at: every user has a better one outside.
 * @throws CORRUPT
 */
export function zstdDecode(bytes: Uint8Array, maxLength: number): Uint8Array {
  const { window, content, length } = zstdFrame(bytes);
  if (window > Math.max(maxLength, MIN_ZSTD_WINDOW) || (content ?? 0) > maxLength) {
    throw corruptError(
      `zstd frame: ${content ?? window} bytes announced, at most ${maxLength} can be`,
    );
  }
  const parts: Uint8Array[] = [];
  let total = 0;
  const stream = new Decompress((part) => {
    total += part.length;
    if (total > maxLength) throw corruptError(`zstd frame: yields more than ${maxLength} bytes`);
    if (part.length > 0) parts.push(part);
  });
  try {
    stream.push(bytes.subarray(0, length), true);
  } catch (error) {
    if (error instanceof SalvageError) throw error;
    throw corruptError(`zstd frame: ${error instanceof Error ? error.message : error}`);
  }
  if (content !== undefined && total !== content) {
    throw corruptError(`zstd frame: ${content} bytes announced, ${total} found`);
  }
  return parts.length === 1 ? parts[0]! : new Uint8Array(Buffer.concat(parts, total));
}
