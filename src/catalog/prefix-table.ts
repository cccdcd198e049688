import { lastWord, viewOf } from '../bytes/words.ts';

/**
 * Numbers the distinct (prefix, tail) pairs of data objects, looked up by bytes: an open-addressing
 * table, since a string per object would cost more than the whole scan. Bytes are hashed and
 * compared a word at a time; the last word overlaps the one before it.
 */
export class PrefixTable {
  readonly prefixes: Buffer[] = [];
  /** for each slot: number of the prefix, -1 for none; its length; where its words begin */
  #slots = emptySlots(1024);
  /** the words of all prefixes, one after the other */
  #words = new Int32Array(1024);
  #wordsEnd = 0;

  /** Number of the prefix in bytes [start, end) of `view`, or -1 when it is new. */
  find(view: DataView, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const length = end - start;
    for (let at = (hash(view, start, end) * SLOT) & mask; ; at = (at + SLOT) & mask) {
      const group = slots[at]!;
      if (group < 0) return -1;
      if (slots[at + 1] === length && this.#equals(slots[at + 2]!, view, start, end)) return group;
    }
  }

  #equals(words: number, view: DataView, start: number, end: number): boolean {
    const all = this.#words;
    let i = words;
    // The last word first: that is where ids differ.
    if (all[i++] !== lastWord(view, start, end)) return false;
    for (let at = start; at < end - 4; at += 4) {
      if (all[i++] !== view.getInt32(at, true)) return false;
    }
    return true;
  }

  add(view: DataView, start: number, end: number): number {
    const prefix = Buffer.from(new Uint8Array(view.buffer, view.byteOffset + start, end - start));
    const group = this.prefixes.push(prefix) - 1;
    if (this.prefixes.length * 2 * SLOT > this.#slots.length) this.#grow();
    else this.#place(group, this.#keepWords(viewOf(prefix)));
    return group;
  }

  /** Appends the words that `#equals` compares. @returns where they begin */
  #keepWords(view: DataView): number {
    const words = [lastWord(view, 0, view.byteLength)];
    for (let at = 0; at < view.byteLength - 4; at += 4) words.push(view.getInt32(at, true));
    const from = this.#wordsEnd;
    this.#wordsEnd += words.length;
    if (this.#wordsEnd > this.#words.length) {
      const larger = new Int32Array(2 * this.#wordsEnd);
      larger.set(this.#words);
      this.#words = larger;
    }
    this.#words.set(words, from);
    return from;
  }

  #place(group: number, words: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const prefix = this.prefixes[group]!;
    let at = (hash(viewOf(prefix), 0, prefix.length) * SLOT) & mask;
    while (slots[at]! >= 0) at = (at + SLOT) & mask;
    slots[at] = group;
    slots[at + 1] = prefix.length;
    slots[at + 2] = words;
  }

  #grow(): void {
    this.#slots = emptySlots((this.#slots.length / SLOT) * 4);
    this.#wordsEnd = 0;
    for (const [group, prefix] of this.prefixes.entries()) {
      this.#place(group, this.#keepWords(viewOf(prefix)));
    }
  }
}

/** Numbers of a slot: a power of two, of which one is not used. */
const SLOT = 4;
const emptySlots = (n: number): Int32Array => new Int32Array(n * SLOT).fill(-1);

// All of it: format 1 prefixes often end alike (rb.0.<id>.6b8b4567), format 2 ones begin alike.
function hash(view: DataView, start: number, end: number): number {
  let h = end - start;
  let factor = 0x9e3779b1;
  for (let at = start; at < end - 4; at += 4) {
    h = (h + Math.imul(view.getInt32(at, true), factor)) | 0;
    factor = Math.imul(factor, 0x85ebca6b);
  }
  h = (h + Math.imul(lastWord(view, start, end), factor)) | 0;
  h ^= h >>> 15;
  // Small enough to count slots without leaving whole numbers.
  return (Math.imul(h, 0x2c1b3c6d) >>> 8) & 0xffffff;
}
