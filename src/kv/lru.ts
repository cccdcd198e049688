/** Keeps the most recently used values, up to a total weight. */
export class Lru<K, V> {
  readonly #limit: number;
  readonly #weigh: (value: V) => number;
  readonly #dropped: (value: V) => void;
  readonly #values = new Map<K, V>();
  #weight = 0;

  /** @param dropped called with every value that leaves, also by `clear` */
  constructor(limit: number, weigh: (value: V) => number, dropped: (value: V) => void = () => {}) {
    this.#limit = limit;
    this.#weigh = weigh;
    this.#dropped = dropped;
  }

  get(key: K): V | undefined {
    const value = this.#values.get(key);
    if (value === undefined) return undefined;
    // Maps keep the order of insertion: the first is the one unused for longest.
    this.#values.delete(key);
    this.#values.set(key, value);
    return value;
  }

  set(key: K, value: V): void {
    this.#values.set(key, value);
    this.#weight += this.#weigh(value);
    for (const [oldest, old] of this.#values) {
      if (this.#weight <= this.#limit || oldest === key) break;
      this.#remove(oldest, old);
    }
  }

  #remove(key: K, value: V): void {
    this.#values.delete(key);
    this.#weight -= this.#weigh(value);
    this.#dropped(value);
  }

  clear(): void {
    for (const [key, value] of this.#values) this.#remove(key, value);
  }
}
