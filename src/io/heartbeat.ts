/**
 * How a thread shows that it is not stuck in a source. A read of a failing disk may never come back,
 * and the thread that waits for it cannot be asked; so each one counts up, in memory that its pool
 * watches, when it goes into a system call on a source and when it comes back. Odd: it is in one.
 */
const BYTES = 8;
let pulse = new Int32Array(new SharedArrayBuffer(BYTES));

/** From now on this thread counts there. */
export function beatInto(shared: SharedArrayBuffer): void {
  pulse = new Int32Array(shared);
}

/** The device of the OSD that this thread works for just now; 0: of whichever is asked. */
let onBehalf = 0;

/** Calls on sources meanwhile are put down to this device, whichever of an OSD's they go to; 0: to their own. */
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
  pulse[1] = onBehalf === 0 ? device : onBehalf;
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
    const device = Atomics.load(this.#pulse, 1) >>> 0;
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
