import type { ByteReader } from '../../bytes/byte-reader.ts';

/** BlueStore's packed numbers: docs/formats/bluestore.md, "Primitives". */

const checked = (reader: ByteReader, value: number): number => {
  if (value > Number.MAX_SAFE_INTEGER) throw reader.fail(`size ${value} is beyond any device`);
  return value;
};

/** lowz: a varint whose low two bits count trailing zero hex digits. */
export function readLowz(reader: ByteReader): number {
  const packed = reader.varsize();
  const zeros = packed % 4;
  return checked(reader, ((packed - zeros) / 4) * 16 ** zeros);
}

/** Device offset of a piece that has no place on the device (all 64 bits set). */
export const UNALLOCATED = -1;
const ALL_ONES = 0xffffffffffffffffn;

/** Set in the first word when continuation bytes follow. */
const CONTINUED = 0x80000000;

/** Value of the first word, and the bit at which continuation bytes go on. */
function lbaWord(word: number): [value: number, bit: bigint] {
  if ((word & 1) === 0) return [(word & 0x7ffffffe) * 2 ** 11, 42n];
  if ((word & 3) === 1) return [(word & 0x7ffffffc) * 2 ** 14, 45n];
  if ((word & 7) === 3) return [(word & 0x7ffffff8) * 2 ** 17, 48n];
  return [(word & 0x7ffffff8) >>> 3, 28n];
}

/** lba: a device offset in bytes, or `UNALLOCATED`. */
export function readLba(reader: ByteReader): number {
  const word = reader.u32();
  const [low, firstBit] = lbaWord(word);
  if (word < CONTINUED) return low;
  let value = BigInt(low);
  for (let bit = firstBit, byte = CONTINUED; byte >= 0x80; bit += 7n) {
    if (bit > 63n) throw reader.fail('lba is longer than 64 bits');
    byte = reader.u8();
    value |= BigInt(byte & 0x7f) << bit;
  }
  value = BigInt.asUintN(64, value);
  return value === ALL_ONES ? UNALLOCATED : checked(reader, Number(value));
}

/** A stretch of a device. */
export interface Piece {
  /** bytes from the device's beginning, or `UNALLOCATED` */
  offset: number;
  /** bytes */
  length: number;
}

/** lba and lowz: 5 bytes at least. */
export const PIECE_MIN_BYTES = 5;

/** A varint element count, refused when that many elements of `minBytes` cannot be in what remains. */
export function varintCount(reader: ByteReader, minBytes: number): number {
  const n = reader.varsize();
  if (n * minBytes > reader.remaining) {
    throw reader.fail(
      `${n} elements of ${minBytes} bytes claimed, ${reader.remaining} bytes remain`,
    );
  }
  return n;
}

/** varint count, then that many lba and lowz. */
export function readPieces(reader: ByteReader): Piece[] {
  const n = varintCount(reader, PIECE_MIN_BYTES);
  const pieces: Piece[] = [];
  for (let i = 0; i < n; i++) pieces.push({ offset: readLba(reader), length: readLowz(reader) });
  return pieces;
}
