import { inflateRaw, lz4Decode, snappyDecode, zstdDecode } from '../../../src/bytes/decompress.ts';
import { nameToText } from '../../../src/bytes/names.ts';
import { contentSize } from '../../../src/image/content-size.ts';
import { type Decoders, prefixed } from '../decoder.ts';

/** The most that a decompressor is asked for: inputs begin with a u32, what is wanted of it. */
const LIMIT = 1 << 20;

const unpacking =
  (unpack: (bytes: Uint8Array, length: number) => Uint8Array, exact = false) =>
  (bytes: Uint8Array): number => {
    const [wanted, packed] = prefixed(bytes);
    const limit = exact ? wanted : wanted % LIMIT;
    const { length } = unpack(packed, limit);
    if (length > limit) throw new Error(`${length} bytes where ${limit} were allowed`);
    return length;
  };

export const BYTES: Decoders = {
  // Refuses by itself what no input of its length can hold.
  lz4: { run: unpacking(lz4Decode, true), fixedBytes: 255 << 17 },
  snappy: { run: unpacking(snappyDecode) },
  zstd: { run: unpacking(zstdDecode), fixedBytes: 16 << 20 },
  deflate: { run: unpacking(inflateRaw) },
  'name-to-text': { run: nameToText },
  'content-size': { run: contentSize },
};
