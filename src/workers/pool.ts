import { fileURLToPath } from 'node:url';
import { Piscina } from 'piscina';
import { deserializeError, type SerializedError } from '../errors/salvage-error.ts';
import type { TaskRunner } from '../io/ports.ts';

/** A worker's answer: errors are data, because a posted `Error` loses its class and fields. */
export type Answer<T> = { ok: true; value: T } | { ok: false; error: SerializedError };

// Tests run the sources themselves; threads need built code either way.
const BUILT = import.meta.url.endsWith('.ts') ? '../../dist/workers/worker.js' : './worker.js';
const WORKER = fileURLToPath(new URL(BUILT, import.meta.url));
/** Threads cost about 10 MiB each and a fifth of a second: kept while work may still come. */
const IDLE_TIMEOUT_MS = 5_000;

/** A pool of at most `threads` worker threads, started as tasks come. */
export function startPool(threads: number): TaskRunner {
  const pool = new Piscina({
    filename: WORKER,
    minThreads: 0,
    maxThreads: threads,
    idleTimeout: IDLE_TIMEOUT_MS,
    // Callers hold back by themselves: a queue that refused would only be a second bound.
    maxQueue: Number.POSITIVE_INFINITY,
  });
  return {
    async run<Value>(name: string, task: unknown, transfer: readonly object[] = []) {
      const answer = (await pool.run(task, {
        name,
        transferList: transfer as never,
      })) as Answer<Value>;
      if (answer.ok) return answer.value;
      throw deserializeError(answer.error);
    },
    close: () => pool.destroy(),
  };
}
