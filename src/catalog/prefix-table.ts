/**
 * Numbers the distinct (prefix, tail) pairs of data objects, looked up by bytes: an open-addressing
 * table, since a string per object would cost more than the whole scan.
 */
export class PrefixTable {
  readonly prefixes: Buffer[] = [];
  #slots = new Int32Array(1024).fill(-1);

  /** Number of the prefix in bytes [start, end) of `b`, or -1 when it is new. */
  find(b: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    for (let at = hash(b, start, end) & mask; ; at = (at + 1) & mask) {
      const group = slots[at]!;
      if (group < 0 || equals(this.prefixes[group]!, b, start, end)) return group;
    }
  }

  add(b: Uint8Array, start: number, end: number): number {
    const group = this.prefixes.push(Buffer.from(b.subarray(start, end))) - 1;
    if (this.prefixes.length * 2 > this.#slots.length) this.#grow();
    else this.#place(group);
    return group;
  }

  #place(group: number): void {
    const slots = this.#slots;
    const mask = slots.length - 1;
    const prefix = this.prefixes[group]!;
    let at = hash(prefix, 0, prefix.length) & mask;
    while (slots[at]! >= 0) at = (at + 1) & mask;
    slots[at] = group;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 4).fill(-1);
    for (let group = 0; group < this.prefixes.length; group++) this.#place(group);
  }
}

function hash(b: Uint8Array, start: number, end: number): number {
  let h = end - start;
  // All of it: format 1 prefixes often end alike (rb.0.<id>.6b8b4567), format 2 ones begin alike.
  for (let i = start; i < end; i++) h = (Math.imul(h, 31) + b[i]!) | 0;
  return (h ^ (h >>> 15)) >>> 0;
}

function equals(prefix: Uint8Array, b: Uint8Array, start: number, end: number): boolean {
  if (prefix.length !== end - start) return false;
  // From the end: that is where ids differ.
  for (let i = prefix.length - 1, j = end - 1; i >= 0; i--, j--)
    if (prefix[i] !== b[j]) return false;
  return true;
}
