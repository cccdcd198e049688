/**
 * Memory that workers fill and a stream takes, used again and again: a new one for each range would
 * pile up faster than it is collected.
 */
export class StreamBuffers {
  readonly #free: SharedArrayBuffer[] = [];

  /** One of that many bytes, all of them zero. */
  take(bytes: number): SharedArrayBuffer {
    const last = this.#free.pop();
    if (last?.byteLength !== bytes) return new SharedArrayBuffer(bytes);
    new Uint8Array(last).fill(0);
    return last;
  }

  /** Nobody uses it any more. */
  give(buffer: SharedArrayBuffer): void {
    this.#free.push(buffer);
  }
}
