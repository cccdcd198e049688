import type { DamageReporter } from '../errors/damage.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import { BlockEntries } from './block-entries.ts';
import { compareStretches } from './key-order.ts';
import { KEY_TAIL, type RecordCursor, sequenceAt } from './record.ts';
import type { DataBlock } from './table-blocks.ts';

/** The records of consecutive data blocks; what cannot be decoded is reported and left out. */
export class RunCursor implements RecordCursor {
  valid = false;
  keyBytes: Uint8Array = new Uint8Array();
  readonly keyStart = 0;
  keyLength = 0;
  sequence = 0;
  type = 0;
  origin = 0;
  readonly #blocks: Iterator<DataBlock>;
  readonly #report: DamageReporter;
  readonly #entries = new BlockEntries();
  #block: DataBlock | undefined;

  /** Stands on the first record not below `from`. */
  constructor(blocks: Iterator<DataBlock>, report: DamageReporter, from: Uint8Array | undefined) {
    this.#blocks = blocks;
    this.#report = report;
    this.next();
    if (from === undefined) return;
    const below = () =>
      compareStretches(this.keyBytes, 0, this.keyLength, from, 0, from.length) < 0;
    while (this.valid && below()) this.next();
  }

  next(): void {
    while (!this.#step()) {
      if (!this.#nextBlock()) return;
    }
  }

  #nextBlock(): boolean {
    const { value, done } = this.#blocks.next();
    this.valid = done !== true;
    if (done === true) return false;
    this.#block = value;
    this.origin = value.number;
    try {
      this.#entries.load(value.bytes, value.offset);
    } catch (error) {
      this.#damaged(error, value.bytes.length);
    }
    return true;
  }

  #step(): boolean {
    const entries = this.#entries;
    try {
      if (!entries.next()) return false;
      if (entries.keyLength < KEY_TAIL) throw entries.fail('key too short');
    } catch (error) {
      this.#damaged(error, entries.remaining);
      return false;
    }
    const { key } = entries;
    const length = entries.keyLength - KEY_TAIL;
    this.keyBytes = key;
    this.keyLength = length;
    this.type = key[length]!;
    this.sequence = sequenceAt(key, length);
    return true;
  }

  /** Gives up the rest of the block. */
  #damaged(error: unknown, dropped: number): void {
    if (!isSourceFault(error)) throw error;
    const { path, offset } = this.#block!;
    this.#report({ path, offset, dropped, reason: errorText(error) });
    this.#entries.clear();
  }

  value(): Uint8Array {
    const { bytes, valueStart, valueEnd } = this.#entries;
    return bytes.subarray(valueStart, valueEnd);
  }
}
