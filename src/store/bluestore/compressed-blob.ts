import { ByteReader } from '../../bytes/byte-reader.ts';
import {
  brotliDecode,
  inflateRaw,
  lz4Block,
  snappyDecode,
  zstdDecode,
} from '../../bytes/decompress.ts';
import { versioned } from '../../ceph/encoding.ts';
import { unsupportedError } from '../../errors/salvage-error.ts';

/** Compressed blobs: docs/formats/bluestore.md, "Compressed blobs". */

/** A byte 0 and raw deflate. Ceph's offloaded zlib wrote 1 and a zlib stream. */
function unzlib(reader: ByteReader, length: number): Uint8Array {
  const form = reader.u8();
  if (form !== 0) throw reader.fail(`zlib data of form ${form}`);
  return inflateRaw(reader.rest(), length);
}

function unzstd(reader: ByteReader, length: number): Uint8Array {
  const claimed = reader.u32();
  if (claimed !== length) throw reader.fail(`${claimed} bytes announced, not ${length}`);
  return zstdDecode(reader.rest(), length);
}

/** No byte of LZ4 can announce more than this. */
const LZ4_GROWTH = 255;

/** Segments, each a block of its own that may refer back into those before it. */
function unlz4(reader: ByteReader, length: number): Uint8Array {
  const sizes = reader.list(8, (r) => ({ plain: r.u32(), packed: r.u32() }));
  const total = sizes.reduce((sum, { plain }) => sum + plain, 0);
  if (total !== length || total > reader.remaining * LZ4_GROWTH + 64) {
    throw reader.fail(`${total} bytes announced, not ${length}`);
  }
  const output = new Uint8Array(length);
  let at = 0;
  for (const { plain, packed } of sizes) {
    lz4Block(reader.take(packed), output, at, at + plain);
    at += plain;
  }
  return output;
}

const DECODERS: Record<number, (reader: ByteReader, length: number) => Uint8Array> = {
  1: (reader, length) => snappyDecode(reader.rest(), length),
  2: unzlib,
  3: unzstd,
  4: unlz4,
  5: (reader, length) => brotliDecode(reader.rest(), length),
};

/**
 * Decompresses a blob.
 * @param stored its bytes on the device: header and stream, without padding
 * @param length bytes that must come out
 * @throws CORRUPT, and UNSUPPORTED for an algorithm that we lack
 */
export function decompressBlob(stored: Uint8Array, length: number): Uint8Array {
  const reader = new ByteReader(stored, 'compressed blob');
  const header = versioned(reader, 'bluestore_compression_header_t', 2, (body) => {
    return { algorithm: body.u8(), length: body.u32() };
  });
  const decode = DECODERS[header.algorithm];
  if (decode === undefined) {
    throw unsupportedError(`blob compressed with algorithm ${header.algorithm}, which is unknown`);
  }
  const plain = decode(reader.sub(header.length), length);
  if (plain.length !== length) {
    throw reader.fail(`yields ${plain.length} bytes, not ${length}`);
  }
  return plain;
}
