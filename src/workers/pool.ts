import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { Piscina } from 'piscina';
import { deserializeError, type SerializedError, sourceIoError } from '../errors/salvage-error.ts';
import { type BadBlocks, knownBadBlocks } from '../io/bad-blocks.ts';
import { coreCount } from '../io/device-lanes.ts';
import { PulseWatch } from '../io/heartbeat.ts';
import type { TaskRunner } from '../io/ports.ts';
import { sawStuckThread } from './stuck-threads.ts';

/** A worker's answer: errors are data, because a posted `Error` loses its class and fields. */
export type Answer<T> = ({ ok: true; value: T } | { ok: false; error: SerializedError }) & {
  /** what turned out damaged in the stores that were read */
  damage: string[];
};

/** What a worker is sent: the task, and where it shows that it is alive. */
export interface Message<Task> {
  task: Task;
  pulse: SharedArrayBuffer;
  /** what the operator knows to be bad */
  bad: readonly BadBlocks[];
}

// Tests run the sources themselves; threads need built code either way. Bundled, this module has a
// bundled worker beside it.
const SOURCES = import.meta.url.endsWith('.ts');
const BUILT = SOURCES ? '../../dist/workers/worker.js' : './worker.js';
const WORKER = fileURLToPath(new URL(BUILT, import.meta.url));
/** Threads cost about 10 MiB each and a fifth of a second: kept while work may still come. */
const IDLE_TIMEOUT_MS = 5_000;
/** How often the threads' pulses are looked at. */
const LOOK_MS = 500;
/** Longer than what a disk's own recovery and the kernel's retries take for one bad sector. */
export const READ_TIMEOUT_S = 90;
/** Longer than a thread takes that can still be stopped. */
const CLOSE_MS = 5_000;
/** Damage told of: threads come and go, and each finds it anew. */
const KEPT_DAMAGE = 200;

/** What tasks allocate dies young; more of it only makes each thread larger (15 MB, measured). */
const YOUNG_MIB = 4;

/** Tasks whose threads are watched. */
class Watch {
  readonly #running = new Map<PulseWatch, () => void>();
  readonly #limitMs: number;
  #timer: NodeJS.Timeout | undefined;

  constructor(limitMs: number) {
    this.#limitMs = limitMs;
  }

  add(pulse: PulseWatch, onStuck: () => void): void {
    this.#running.set(pulse, onStuck);
    this.#timer ??= setInterval(() => this.#look(performance.now()), LOOK_MS);
  }

  remove(pulse: PulseWatch): void {
    this.#running.delete(pulse);
    if (this.#running.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #look(now: number): void {
    for (const [pulse, onStuck] of this.#running) {
      if (pulse.stuckFor(now) >= this.#limitMs) onStuck();
    }
  }
}

/** More threads than this only compete for memory. */
export const MAX_THREADS = 64;

/**
 * A scan has V8 optimise late, since it does that while the work waits for the same processor (.ci/start.cjs). That is no
 * gain where a processor is left over in any case: from here on V8 does as for other commands, in all threads.
 * @param most threads that there may be
 * @returns what threads are told of the command: the bundle's loader has compiled code for a scan, which is good for late
 * optimising only, and for everything else
 */
function prepareFor(most: number): string[] {
  const [, , command] = process.argv;
  if (command === undefined) return [];
  if (command !== 'scan' || most >= Math.min(coreCount(), MAX_THREADS)) return [command];
  // The same V8s and the same number as in .ci/start.cjs, or V8 refuses the compiled code.
  if (process.versions.v8.startsWith('11.3.')) setFlagsFromString('--interrupt-budget=200000');
  return [];
}

/**
 * A pool of `threads` worker threads. They start at once, while the caller still prepares; more, up to
 * `most`, where that many tasks are run at once. A task
 * whose thread is in one read of a source for longer than `readTimeoutS` fails (SOURCE_IO,
 * ETIMEDOUT), and its thread is given up: what it may still write is never written, since it is
 * stopped as the call returns.
 */
export function startPool(
  threads: number,
  readTimeoutS = READ_TIMEOUT_S,
  most = threads,
): TaskRunner {
  const pool = new Piscina({
    filename: WORKER,
    // Each thread asks for one task before the first comes: without a name for one that is not there.
    name: 'scan',
    minThreads: threads,
    maxThreads: most,
    idleTimeout: IDLE_TIMEOUT_MS,
    argv: prepareFor(most),
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MIB },
    // Callers hold back by themselves: a queue that refused would only be a second bound.
    maxQueue: Number.POSITIVE_INFINITY,
  });
  const watch = new Watch(readTimeoutS * 1000);
  const damage = new Set<string>();
  return {
    damage,
    spare: most - threads,
    async run<Value>(name: string, task: unknown, transfer: readonly object[] = []) {
      const pulse = new PulseWatch();
      const stop = new AbortController();
      let stuck = false;
      watch.add(pulse, () => {
        stuck = true;
        sawStuckThread();
        stop.abort();
      });
      try {
        const message: Message<unknown> = { task, pulse: pulse.shared, bad: knownBadBlocks() };
        const options = { name, transferList: transfer as never, signal: stop.signal };
        const answer = (await pool.run(message, options)) as Answer<Value>;
        for (const text of answer.damage) if (damage.size < KEPT_DAMAGE) damage.add(text);
        if (answer.ok) return answer.value;
        throw deserializeError(answer.error);
      } catch (error) {
        if (!stuck) throw error;
        const text = `no answer from the disk for ${readTimeoutS} s`;
        const { device, owner } = pulse;
        const whose = { ...(device && { device }), ...(owner && { owner }) };
        throw sourceIoError(text, { errno: 'ETIMEDOUT', ...whose });
      } finally {
        watch.remove(pulse);
      }
    },
    async close() {
      // A thread in a call that never returns would be waited for without end.
      const late = delay(CLOSE_MS, true, { ref: false });
      if (await Promise.race([pool.destroy().then(() => false), late])) sawStuckThread();
    },
  };
}
