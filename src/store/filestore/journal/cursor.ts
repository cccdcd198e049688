import { ByteReader } from '../../../bytes/byte-reader.ts';
import { corruptError, type SalvageError } from '../../../errors/salvage-error.ts';
import type { JournalExtent, JournalRing } from './ring.ts';

/** An object's encoding is shorter: name, key and namespace have a few kilobytes at most. */
const MAX_ITEM = 1 << 16;

/**
 * Steps through a payload that stays on the disk: small items are decoded, large ones become
 * extents that are passed over unread.
 */
export class PayloadCursor {
  at: number;
  readonly end: number;
  readonly #ring: JournalRing;
  readonly #ahead: number;

  constructor(ring: JournalRing, { at, length }: JournalExtent, ahead: number) {
    this.#ring = ring;
    this.at = at;
    this.end = at + length;
    this.#ahead = ahead;
  }

  get remaining(): number {
    return this.end - this.at;
  }

  fail(message: string): SalvageError {
    const offset = this.#ring.wrap(this.at);
    return corruptError(`journal transaction: ${message}`, { path: this.#ring.path, offset });
  }

  /** The next `length` bytes as an extent, passed over. */
  extent(length: number): JournalExtent {
    if (length > this.remaining) throw this.fail(`need ${length} bytes, ${this.remaining} remain`);
    const found = { at: this.at, length };
    this.at += length;
    return found;
  }

  /** A view of the next bytes, valid until the next call of anything here. */
  bytes(length: number): Uint8Array {
    const { at } = this.extent(length);
    return this.#ring.bytes(at, length, this.#ahead);
  }

  u32(): number {
    // Lengths are most of what is read: too many for a reader each.
    const b = this.bytes(4);
    return (b[0]! | (b[1]! << 8) | (b[2]! << 16) | (b[3]! << 24)) >>> 0;
  }

  u64(): number {
    return new ByteReader(this.bytes(8), 'journal transaction').size();
  }

  /** u32 length, then that many bytes. */
  blob(): JournalExtent {
    return this.extent(this.u32());
  }

  /** A cursor over the next `length` bytes, which are thereby passed over. */
  sub(length: number): PayloadCursor {
    return new PayloadCursor(this.#ring, this.extent(length), this.#ahead);
  }

  /** Decodes an item whose length shows only while decoding. */
  item<T>(decode: (reader: ByteReader) => T): T {
    const view = this.#ring.bytes(this.at, Math.min(this.remaining, MAX_ITEM), this.#ahead);
    const reader = new ByteReader(view, 'journal transaction', this.#ring.wrap(this.at));
    const value = decode(reader);
    this.at += reader.pos;
    return value;
  }

  /** Passes over u32 count and that many elements of `parts` blobs each; all of it as an extent. */
  skipBlobs(parts: 1 | 2): JournalExtent {
    const { at } = this;
    const count = this.u32();
    if (count * 4 * parts > this.remaining) throw this.fail(`${count} elements claimed`);
    for (let i = 0; i < count * parts; i++) this.blob();
    return { at, length: this.at - at };
  }
}
