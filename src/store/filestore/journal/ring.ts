import { corruptError, sourceIoError } from '../../../errors/salvage-error.ts';
import type { ByteSource } from '../../../io/ports.ts';
import type { JournalHeader } from './header.ts';

/** Where some bytes of the journal lie; they are read when they are wanted. */
export interface JournalExtent {
  at: number;
  length: number;
}

/** Structures read whole: the largest op table of a real transaction has a few kilobytes. */
const MAX_STRUCTURE = 64 << 20;

/**
 * The journal's ring. Positions run on behind its end, where the bytes of an entry that wraps
 * continue at the beginning: `wrap` gives where they lie.
 */
export class JournalRing {
  readonly header: JournalHeader;
  readonly source: ByteSource;
  #window: Uint8Array = new Uint8Array(0);
  #windowAt = 0;

  constructor(source: ByteSource, header: JournalHeader) {
    this.source = source;
    this.header = header;
  }

  get path(): string {
    return this.source.path;
  }
  /** bytes of the ring */
  get length(): number {
    return this.header.maxSize - this.header.blockSize;
  }

  wrap(position: number): number {
    return position < this.header.maxSize ? position : position - this.length;
  }

  /** Fills `target`. @throws SOURCE_IO, also where the journal ends too early */
  read(target: Uint8Array, position: number): void {
    const at = this.wrap(position);
    const first = Math.min(target.length, this.header.maxSize - at);
    this.#readPlain(target.subarray(0, first), at);
    if (first < target.length) this.#readPlain(target.subarray(first), this.header.blockSize);
  }

  #readPlain(target: Uint8Array, at: number): void {
    const n = this.source.read(target, at);
    if (n === target.length) return;
    const data = { path: this.path, offset: at + n };
    throw sourceIoError(`${this.path}: journal is cut short at ${at + n}`, data);
  }

  /**
   * A view of `length` bytes, valid until the next call.
   * @param ahead bytes to read at once, where they will be wanted next
   */
  bytes(position: number, length: number, ahead = length): Uint8Array {
    const from = position - this.#windowAt;
    if (from < 0 || from + length > this.#window.length) this.#refill(position, length, ahead);
    const start = position - this.#windowAt;
    return this.#window.subarray(start, start + length);
  }

  #refill(position: number, length: number, ahead: number): void {
    if (length > MAX_STRUCTURE || length > this.length) {
      throw corruptError(`journal: a structure of ${length} bytes`, {
        path: this.path,
        offset: position,
      });
    }
    const wanted = Math.max(length, Math.min(ahead, this.length));
    // No further than the ring's end: bytes behind it belong to whoever wrapped.
    const room = Math.max(length, this.header.maxSize - this.wrap(position));
    const window = new Uint8Array(Math.min(wanted, room));
    this.#window = new Uint8Array(0);
    this.read(window, position);
    this.#window = window;
    this.#windowAt = position;
  }

  close(): void {
    this.source.close();
  }
}
