import { setImmediate as nextTurn } from 'node:timers/promises';
import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { ofDestination } from '../errors/salvage-error.ts';
import type { FinishedSegment } from './scan-messages.ts';

/** A task's last segment is followed by its answer at once. */
const LATER_MS = 1;

/**
 * Takes in what one task posts: each segment a moment later, so that the thread, whose answer comes right behind its
 * last one, gets its next task before that is stored.
 */
export class SegmentStore {
  /** segments posted and not stored, which the task counts up */
  readonly pending = new SharedArrayBuffer(4);
  /** rejected as soon as a segment cannot be stored; never fulfilled */
  readonly failed: Promise<never>;
  readonly #counter = new Int32Array(this.pending);
  readonly #port: MessagePort;
  readonly #take: (segment: FinishedSegment) => void;
  readonly #waiting: FinishedSegment[] = [];
  #closed = false;
  #fail: (error: unknown) => void = () => {};
  #failure: { error: unknown } | undefined;

  /** @param take stores a segment */
  constructor(port: MessagePort, take: (segment: FinishedSegment) => void) {
    this.#port = port;
    this.#take = take;
    this.failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Nobody may be waiting for it.
    this.failed.catch(() => {});
    port.on('message', (segment: FinishedSegment) => {
      // A port hands out what it has begun to, also once it is closed.
      if (this.#closed) return;
      this.#waiting.push(segment);
      setTimeout(() => this.#flush(), LATER_MS);
    });
  }

  #flush(): void {
    if (this.#failure !== undefined) return;
    try {
      for (const segment of this.#waiting.splice(0)) {
        this.#take(segment);
        Atomics.sub(this.#counter, 0, 1);
        Atomics.notify(this.#counter, 0);
      }
    } catch (error) {
      this.#failure = { error: ofDestination(error) };
      this.#fail(this.#failure.error);
    }
  }

  /** Stores the rest, once the task has answered or been given up; nothing is taken after that. @throws DESTINATION */
  async end(): Promise<void> {
    // What the answer has set going, another task, comes first. Besides, a port must not be asked while it closes, as it does
    // when its other end is closed: Node crashes.
    await nextTurn();
    // All that was posted before the answer is there by now.
    for (let left = this.#receive(); left !== undefined; left = this.#receive()) {
      this.#waiting.push(left);
    }
    this.#flush();
    this.close();
    if (this.#failure !== undefined) throw this.#failure.error;
  }

  #receive(): FinishedSegment | undefined {
    return receiveMessageOnPort(this.#port)?.message as FinishedSegment | undefined;
  }

  /** Lets what is not stored go. */
  close(): void {
    this.#closed = true;
    this.#port.close();
    this.#waiting.length = 0;
  }
}
