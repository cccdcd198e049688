import type { UnitStamp } from '../store/object-store.ts';

const FIRST_BYTES = 64 * 1024;
/** MessagePack (spec.md of msgpack/msgpack): the longest form of each, so that nothing has to be tried */
const ARRAY_32 = 0xdd;
const ARRAY_OF_7 = 0x97;
const BIN_32 = 0xc6;
const STR_32 = 0xdb;
const UINT_32 = 0xce;
const UINT_64 = 0xcf;
const INT_64 = 0xd3;
/** of an array, a byte string, a string or a number */
const HEAD = 5;
/** of a unit, but for the bytes of its path and the names of its subdirectories */
const FIXED = 1 + HEAD + 3 * 9 + 2 * 5 + HEAD;
/** the most bytes that a char takes */
const CHAR = 3;

/**
 * Units of a segment (`UnitEntry`), as MessagePack from the beginning: a scan has one for each directory, and an
 * encoder for values of any kind took longer for them than their rows took.
 */
export class UnitPacker {
  #bytes = Buffer.allocUnsafeSlow(FIRST_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #end = HEAD;
  #path = 0;
  #count = 0;
  /** a unit has begun and not ended */
  #open = false;

  get count(): number {
    return this.#count;
  }

  /** What they take so far. */
  get bytes(): number {
    return this.#end;
  }

  clear(): void {
    this.#end = HEAD;
    this.#count = 0;
    this.#open = false;
  }

  #reserve(bytes: number): void {
    if (this.#end + bytes <= this.#bytes.length) return;
    const more = Buffer.allocUnsafeSlow(Math.max(2 * this.#bytes.length, this.#end + bytes));
    more.set(this.#bytes.subarray(0, this.#end));
    this.#bytes = more;
    this.#view = new DataView(more.buffer);
  }

  #head(kind: number, length: number): void {
    this.#view.setUint8(this.#end, kind);
    this.#view.setUint32(this.#end + 1, length);
    this.#end += HEAD;
  }

  #bigint(value: bigint): void {
    this.#view.setUint8(this.#end, value < 0n ? INT_64 : UINT_64);
    this.#view.setBigUint64(this.#end + 1, value);
    this.#end += 9;
  }

  /** @param path is copied */
  begin(path: Uint8Array): void {
    this.#mustBeClosed();
    this.#reserve(FIXED + path.length);
    this.#view.setUint8(this.#end++, ARRAY_OF_7);
    this.#head(BIN_32, path.length);
    this.#path = this.#end;
    this.#bytes.set(path, this.#end);
    this.#end += path.length;
    this.#count++;
    this.#open = true;
  }

  /** An entry cut short would spoil all behind it, under a checksum that holds. */
  #mustBeClosed(): void {
    if (this.#open) throw new Error('a unit has begun and not ended');
  }

  /** The path of the unit that has begun and not ended, copied. */
  path(): Uint8Array {
    return Buffer.from(this.#bytes.subarray(this.#path, this.#end));
  }

  /** Does nothing where none has begun, as after an end that could not be stored. */
  end(
    { ino, mtimeNs, ctimeNs }: UnitStamp,
    objects: number,
    others: number,
    subdirectories: readonly string[],
  ): void {
    if (!this.#open) return;
    this.#open = false;
    let bytes = FIXED;
    for (const name of subdirectories) bytes += HEAD + CHAR * name.length;
    this.#reserve(bytes);
    this.#bigint(ino);
    this.#bigint(mtimeNs);
    this.#bigint(ctimeNs);
    this.#head(UINT_32, objects);
    this.#head(UINT_32, others);
    this.#head(ARRAY_32, subdirectories.length);
    for (const name of subdirectories) {
      const length = this.#bytes.write(name, this.#end + HEAD, 'utf8');
      this.#head(STR_32, length);
      this.#end += length;
    }
  }

  /** All of them; a view, until the next call. */
  packed(): Uint8Array {
    this.#mustBeClosed();
    this.#view.setUint8(0, ARRAY_32);
    this.#view.setUint32(1, this.#count);
    return this.#bytes.subarray(0, this.#end);
  }
}
