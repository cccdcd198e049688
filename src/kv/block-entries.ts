import { ByteReader } from '../bytes/byte-reader.ts';
import { corruptError, type SalvageError } from '../errors/salvage-error.ts';

/** Bit of the restart count that says a hash index stands behind the restarts (data blocks only). */
const HASH_INDEX = 0x80000000;
/** Larger blocks never have one; there the bit would belong to the count. */
const HASH_INDEX_MAX_BLOCK = 1 << 16;
const FIRST_KEY_ROOM = 256;

/** Where the entries end and restart offsets, hash index and count begin. */
function entriesEnd(block: Uint8Array, offset: number): number {
  const reader = new ByteReader(block, 'block', offset);
  if (block.length < 4) throw reader.fail('too short for a restart count');
  reader.seek(block.length - 4);
  const packed = reader.u32();
  let end = block.length - 4;
  let restarts = packed;
  if (block.length <= HASH_INDEX_MAX_BLOCK && packed >= HASH_INDEX) {
    restarts = packed - HASH_INDEX;
    if (end < 2) throw reader.fail('too short for a hash index');
    reader.seek(end - 2);
    end -= 2 + reader.u16();
  }
  end -= restarts * 4;
  if (end < 0) throw reader.fail(`${restarts} restarts do not fit`);
  return end;
}

/**
 * Walks the prefix-compressed entries of a block from its beginning. `key[0 .. keyLength)` is
 * overwritten by each step; the value is `bytes[valueStart .. valueEnd)`.
 */
export class BlockEntries {
  bytes: Uint8Array = new Uint8Array();
  key = new Uint8Array(FIRST_KEY_ROOM);
  keyLength = 0;
  /** bytes the key has in common with the one before; 0 at restart points */
  shared = 0;
  /** where the other bytes of the key are, up to `valueStart` */
  ownStart = 0;
  valueStart = 0;
  valueEnd = 0;
  /** of the next entry */
  pos = 0;
  #end = 0;
  #offset = 0;

  /**
   * @param offset of the block in its file, for messages
   * @throws CORRUPT
   */
  load(block: Uint8Array, offset: number): void {
    this.clear();
    this.#end = entriesEnd(block, offset);
    this.bytes = block;
    this.#offset = offset;
    this.pos = 0;
    this.keyLength = 0;
  }

  /** Gives up what is left. */
  clear(): void {
    this.pos = this.#end;
  }

  /** Bytes of entries not yet walked over. */
  get remaining(): number {
    return this.#end - this.pos;
  }

  fail(what: string): SalvageError {
    const offset = this.#offset;
    return corruptError(`table block at 0x${offset.toString(16)}: ${what} at +${this.pos}`, {
      structure: 'table block',
      offset,
    });
  }

  /** A varint32. Bounds are those of the typed array: what is missing reads as the end. */
  #varint(): number {
    const { bytes } = this;
    let value = bytes[this.pos]!;
    if (value < 0x80) {
      this.pos++;
      return value;
    }
    value &= 0x7f;
    for (let i = 1, factor = 0x80; i < 5; i++, factor *= 0x80) {
      const byte = bytes[this.pos + i];
      if (byte === undefined) break;
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) {
        this.pos += i + 1;
        return value;
      }
    }
    throw this.fail('bad length');
  }

  /** Steps to the next entry; false at the end. @throws CORRUPT */
  next(): boolean {
    if (!this.step(true)) return false;
    const { bytes, keyLength, ownStart } = this;
    if (keyLength > this.key.length) this.#grow(keyLength);
    const { key } = this;
    for (let from = ownStart, to = this.shared; to < keyLength; from++, to++)
      key[to] = bytes[from]!;
    return true;
  }

  /**
   * `next` without the key, of which only the length is told: not to be mixed with it.
   * @param valueLength false for delta-encoded index entries, whose value reaches to an end only
   * its reader knows; it must then set `pos`
   * @throws CORRUPT
   */
  step(valueLength: boolean): boolean {
    if (this.pos >= this.#end) return false;
    const shared = this.#varint();
    const own = this.#varint();
    const value = valueLength ? this.#varint() : 0;
    const start = this.pos;
    const middle = start + own;
    if (shared > this.keyLength || middle + value > this.#end) throw this.fail('bad entry');
    this.shared = shared;
    this.ownStart = start;
    this.keyLength = shared + own;
    this.valueStart = middle;
    this.valueEnd = middle + value;
    this.pos = this.valueEnd;
    return true;
  }

  #grow(length: number): void {
    const room = new Uint8Array(Math.max(length, this.key.length * 2));
    room.set(this.key);
    this.key = room;
  }
}

/** All entries of a small block, copied. @throws CORRUPT */
export function* blockEntries(
  block: Uint8Array,
  offset: number,
): Generator<{ key: Uint8Array; value: Uint8Array }> {
  const entries = new BlockEntries();
  entries.load(block, offset);
  while (entries.next()) {
    const key = entries.key.slice(0, entries.keyLength);
    yield { key, value: block.slice(entries.valueStart, entries.valueEnd) };
  }
}
