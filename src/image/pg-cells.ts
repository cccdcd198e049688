/** Part of a pool's hashes: those whose low `bits` are `seed`. */
export interface PgCell {
  seed: number;
  bits: number;
}

/** Copies of PGs by the hashes that they cover: a pool may have as many PGs as 65536. */
export class PgCells<T extends PgCell> {
  readonly #byBits = new Map<number, Map<number, T[]>>();

  add(pg: T): void {
    const bySeed = this.#byBits.get(pg.bits) ?? new Map<number, T[]>();
    this.#byBits.set(pg.bits, bySeed);
    const own = bySeed.get(pg.seed);
    if (own === undefined) bySeed.set(pg.seed, [pg]);
    else own.push(pg);
  }

  /** The finest split there is: within such a cell all hashes have the same copies. */
  get bits(): number {
    return Math.min(32, Math.max(0, ...this.#byBits.keys()));
  }

  get isEmpty(): boolean {
    return this.#byBits.size === 0;
  }

  covering(hash: number): T[] {
    return [...this.#byBits].flatMap(([bits, bySeed]) => bySeed.get(lowBits(hash, bits)) ?? []);
  }
}

export const lowBits = (hash: number, bits: number): number =>
  bits >= 32 ? hash : (hash & (2 ** bits - 1)) >>> 0;
