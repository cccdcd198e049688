/**
 * How a thread shows that it is not stuck in a source. A read of a failing disk may never come back,
 * and the thread that waits for it cannot be asked; so each one counts up, in memory that its pool
 * watches, when it goes into a system call on a source and when it comes back. Odd: it is in one.
 */
const BYTES = 12;
let pulse = new Int32Array(new SharedArrayBuffer(BYTES));

/** From now on this thread counts there. */
export function beatInto(shared: SharedArrayBuffer): void {
  pulse = new Int32Array(shared);
}

/** The device of the OSD that this thread works for just now; 0: not told. */
let onBehalf = 0;

/** Calls on sources meanwhile are for an OSD whose device this is, whichever of its devices they go to; 0: of any. */
export function onBehalfOf<T>(device: number, work: () => T): T {
  const before = onBehalf;
  onBehalf = device;
  try {
    return work();
  } finally {
    onBehalf = before;
  }
}

/**
 * A call on a source, during which the thread may get stuck.
 * @param device the number of the device that is asked, as `stat` gives it; 0 where it is not known
 */
export function inSource<T>(device: number, call: () => T): T {
  pulse[1] = device;
  pulse[2] = onBehalf;
  pulse[0] = (pulse[0]! + 1) | 1;
  try {
    return call();
  } finally {
    pulse[0] = (pulse[0]! + 1) & ~1;
  }
}

/** Watches one thread's pulse. */
export class PulseWatch {
  readonly shared = new SharedArrayBuffer(BYTES);
  readonly #pulse = new Int32Array(this.shared);
  #seen = 0;
  #since = 0;

  /** The device that was asked last; undefined where that is not known. */
  get device(): number | undefined {
    return this.#number(1);
  }

  /** The device of the OSD on whose behalf that was; undefined where that was not told. */
  get owner(): number | undefined {
    return this.#number(2);
  }

  #number(at: number): number | undefined {
    const device = Atomics.load(this.#pulse, at) >>> 0;
    return device === 0 ? undefined : device;
  }

  /** Milliseconds that it has been in the same call at `now`; 0 when it is in none. */
  stuckFor(now: number): number {
    const beat = Atomics.load(this.#pulse, 0);
    if (beat !== this.#seen || (beat & 1) === 0) {
      this.#seen = beat;
      this.#since = now;
    }
    return now - this.#since;
  }
}
