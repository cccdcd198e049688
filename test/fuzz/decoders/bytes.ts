import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import { crc32cInJavaScript } from '../../../src/bytes/crc32c-table.ts';
import {
  brotliDecode,
  inflateRaw,
  lz4Decode,
  snappyDecode,
  zstdDecode,
} from '../../../src/bytes/decompress.ts';
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
  // Its window may be 16 MiB, whatever the input's length is.
  brotli: { run: unpacking(brotliDecode), fixedBytes: 32 << 20 },
  crc32c: {
    run: (bytes) => {
      const [slow, fast] = [crc32cInJavaScript(bytes, 0), ~cephCrc32c(~0 >>> 0, bytes) >>> 0];
      if (slow !== fast) throw new Error(`crc32c ${slow} in JavaScript, ${fast} by the library`);
      return slow;
    },
  },
  'name-to-text': { run: nameToText },
  'content-size': { run: contentSize },
};
