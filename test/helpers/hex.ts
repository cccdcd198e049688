import { inflateRawSync } from 'node:zlib';

/** Bytes written down by hand: hex digits, with blanks and `|` wherever they help the eye. */
export const hex = (text: string): Uint8Array => Buffer.from(text.replace(/[\s|]/g, ''), 'hex');

/** Longer real bytes: base64 of a raw deflate stream. */
export const inflate = (text: string): Uint8Array => inflateRawSync(Buffer.from(text, 'base64'));

export const concat = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts);

const little = (bits: 32 | 64, value: bigint): Uint8Array => {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt.asUintN(bits, value));
  return out.subarray(0, bits / 8);
};

export const u8 = (value: number): Uint8Array => Uint8Array.of(value);
export const u32 = (value: number): Uint8Array => little(32, BigInt(value));
export const u64 = (value: number | bigint): Uint8Array => little(64, BigInt(value));

/** u32 length and the bytes, as Ceph writes strings and bufferlists. */
export const blob = (value: string | Uint8Array): Uint8Array => {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return concat(u32(bytes.length), bytes);
};

/** The head of a versioned structure and its body. */
export const framed = (version: number, compat: number, ...body: Uint8Array[]): Uint8Array => {
  const bytes = concat(...body);
  return concat(u8(version), u8(compat), u32(bytes.length), bytes);
};

/** A copy with some bytes replaced. */
export const patched = (bytes: Uint8Array, at: number, by: Uint8Array): Uint8Array => {
  const out = Uint8Array.from(bytes);
  out.set(by, at);
  return out;
};
