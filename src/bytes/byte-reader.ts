import { corruptError, type SalvageError } from '../errors/salvage-error.ts';

/**
 * Reads little-endian fields from bytes that nobody vouches for.
 *
 * It alone checks bounds; every decoder is built on it. Errors are `CORRUPT` and carry the
 * structure's name and the absolute offset (`base` + position). `bytes`, `blob` and `rest` return
 * views into the input, not copies.
 */
export class ByteReader {
  readonly bytes: Uint8Array;
  readonly structure: string;
  readonly base: number;
  pos = 0;
  readonly #view: DataView;

  /**
   * @param bytes the input; not copied
   * @param structure what the bytes claim to be, for error messages
   * @param base absolute offset of `bytes[0]` in the file it came from
   */
  constructor(bytes: Uint8Array, structure: string, base = 0) {
    this.bytes = bytes;
    this.structure = structure;
    this.base = base;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get length(): number {
    return this.bytes.byteLength;
  }
  get remaining(): number {
    return this.bytes.byteLength - this.pos;
  }
  /** Absolute offset of the next byte. */
  get offset(): number {
    return this.base + this.pos;
  }

  fail(message: string): SalvageError {
    return corruptError(`${this.structure}: ${message} at 0x${this.offset.toString(16)}`, {
      structure: this.structure,
      offset: this.offset,
    });
  }

  #take(n: number): number {
    if (n < 0 || n > this.remaining) {
      throw corruptError(
        `${this.structure}: need ${n} bytes at 0x${this.offset.toString(16)}, ${this.remaining} remain`,
        { structure: this.structure, offset: this.offset, expected: n, found: this.remaining },
      );
    }
    const at = this.pos;
    this.pos += n;
    return at;
  }

  u8(): number {
    return this.#view.getUint8(this.#take(1));
  }
  s8(): number {
    return this.#view.getInt8(this.#take(1));
  }
  u16(): number {
    return this.#view.getUint16(this.#take(2), true);
  }
  u32(): number {
    return this.#view.getUint32(this.#take(4), true);
  }
  s32(): number {
    return this.#view.getInt32(this.#take(4), true);
  }
  u32be(): number {
    return this.#view.getUint32(this.#take(4), false);
  }
  u64(): bigint {
    return this.#view.getBigUint64(this.#take(8), true);
  }
  s64(): bigint {
    return this.#view.getBigInt64(this.#take(8), true);
  }
  u64be(): bigint {
    return this.#view.getBigUint64(this.#take(8), false);
  }
  f64(): number {
    return this.#view.getFloat64(this.#take(8), true);
  }
  bool(): boolean {
    return this.u8() !== 0;
  }

  /** A u64 that is an offset, length or size: refused from 2^53 on, where `number` loses bytes. */
  size(): number {
    const at = this.pos;
    const value = this.u64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      this.pos = at;
      throw this.fail(`size ${value} is beyond any device`);
    }
    return Number(value);
  }

  /** A varint of up to 28 bits, which nearly all are, in number arithmetic; -1 where it is another, and nothing is taken. */
  #shortVarint(): number {
    const { bytes, pos } = this;
    let value = 0;
    for (let i = 0; i < 4; i++) {
      const byte = bytes[pos + i];
      if (byte === undefined) return -1;
      value |= (byte & 0x7f) << (7 * i);
      if (byte < 0x80) {
        this.pos = pos + i + 1;
        return value;
      }
    }
    return -1;
  }

  /** LEB128, at most 32 bits (RocksDB varint32). */
  varint32(): number {
    const short = this.#shortVarint();
    if (short >= 0) return short;
    const value = this.varint64();
    if (value > 0xffffffffn) throw this.fail(`varint ${value} does not fit 32 bits`);
    return Number(value);
  }

  /** LEB128, at most 64 bits. */
  varint64(): bigint {
    const short = this.#shortVarint();
    if (short >= 0) return BigInt(short);
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.u8();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) {
        if (value > 0xffffffffffffffffn) break;
        return value;
      }
    }
    throw this.fail('varint is longer than 64 bits');
  }

  /** A varint that is an offset or length: refused from 2^53 on. */
  varsize(): number {
    const short = this.#shortVarint();
    if (short >= 0) return short;
    const value = this.varint64();
    if (value > BigInt(Number.MAX_SAFE_INTEGER))
      throw this.fail(`size ${value} is beyond any device`);
    return Number(value);
  }

  /** A view of the next `n` bytes. */
  take(n: number): Uint8Array {
    const at = this.#take(n);
    return this.bytes.subarray(at, at + n);
  }
  /** u32 length, then that many bytes (Ceph's string and bufferlist): a view. */
  blob(): Uint8Array {
    return this.take(this.u32());
  }
  /** varint32 length, then that many bytes (LevelDB's and RocksDB's slice): a view. */
  slice(): Uint8Array {
    return this.take(this.varint32());
  }
  /** Like `blob`, as text; invalid UTF-8 becomes U+FFFD. Only for text that is never compared. */
  text(): string {
    return Buffer.from(this.blob()).toString('utf8');
  }
  skip(n: number): void {
    this.#take(n);
  }
  seek(pos: number): void {
    if (pos < 0 || pos > this.length) throw this.fail(`cannot seek to ${pos} of ${this.length}`);
    this.pos = pos;
  }
  /** A reader over the next `n` bytes, which are thereby consumed. */
  sub(n: number, structure = this.structure): ByteReader {
    const base = this.offset;
    return new ByteReader(this.take(n), structure, base);
  }
  rest(): Uint8Array {
    return this.take(this.remaining);
  }

  /** A u32 element count, refused when that many elements of `minBytes` cannot be in what remains. */
  count(minBytes: number): number {
    const n = this.u32();
    if (n * minBytes > this.remaining) {
      throw this.fail(`${n} elements of ${minBytes} bytes claimed, ${this.remaining} bytes remain`);
    }
    return n;
  }

  /** u32 count, then that many elements; `minBytes` (at least 1) is the smallest an element can be. */
  list<T>(minBytes: number, element: (reader: this) => T): T[] {
    const n = this.count(minBytes);
    const out: T[] = [];
    for (let i = 0; i < n; i++) out.push(element(this));
    return out;
  }
}
