/** Lets at most `limit` holders in at once, at least one; the others wait in order. */
export class Semaphore {
  #limit: number;
  #held = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  /** How many are in. */
  get held(): number {
    return this.#held;
  }

  /** Is nobody in, and does nobody wait? */
  get isIdle(): boolean {
    return this.#held === 0 && this.#waiting.length === 0;
  }

  /** May change while some are in: they are not turned out. */
  set limit(limit: number) {
    this.#limit = limit;
    this.#admit();
  }

  #admit(): void {
    while (this.#waiting.length > 0 && this.#held < Math.max(1, this.#limit)) {
      this.#held++;
      this.#waiting.shift()!();
    }
  }

  async use<T>(work: () => Promise<T>): Promise<T> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
    try {
      return await work();
    } finally {
      this.#held--;
      this.#admit();
    }
  }
}
