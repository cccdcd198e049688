import { Script } from 'node:vm';
import type { Coverage } from './coverage.ts';
import type { Decoder } from './decoder.ts';
import { judge } from './judge.ts';
import { mutate } from './mutate.ts';
import { Random, seedOf } from './random.ts';

/** Inputs between two looks at what code they reached, and at the clock. */
const BATCH = 64;
/** Milliseconds after which a decoder counts as one that never ends. */
const HANG_MS = 20_000;
/** What is kept of a decoder's inputs beyond its seeds. */
const MAX_POOL = 2000;
const MAX_KEPT_BYTES = 1 << 15;

export interface Finding {
  decoder: string;
  bytes: Uint8Array;
  failure: string;
}

export interface Options {
  name: string;
  decoder: Decoder;
  seeds: readonly Uint8Array[];
  seed: number;
  /** told of each input before it is decoded */
  before?: (bytes: Uint8Array) => void;
  /** told of inputs that reached code that none before them had */
  interesting?: (bytes: Uint8Array) => void;
  coverage?: Coverage | undefined;
}

/** Runs `action`; false when it had to be interrupted. Nothing else can end a loop without end. */
const guarded = new Script('globalThis.fuzzAction()');
function within(ms: number, action: () => void): boolean {
  (globalThis as { fuzzAction?: () => void }).fuzzAction = action;
  try {
    guarded.runInThisContext({ timeout: ms });
    return true;
  } catch (error) {
    if ((error as { code?: string }).code === 'ERR_SCRIPT_EXECUTION_TIMEOUT') return false;
    throw error;
  }
}

/** Tries changed inputs on one decoder. Same seeds, same number: same inputs, unless guided. */
export class Fuzzer {
  readonly findings: Finding[] = [];
  inputs = 0;
  /** inputs that were decoded, not refused */
  accepted = 0;
  readonly #options: Options;
  readonly #random: Random;
  readonly #pool: Uint8Array[];
  readonly #failures = new Set<string>();
  #current: Uint8Array = new Uint8Array(0);

  constructor(options: Options) {
    this.#options = options;
    this.#random = new Random(seedOf(options.name, options.seed));
    this.#pool = options.seeds.length > 0 ? [...options.seeds] : [new Uint8Array(0)];
  }

  get poolSize(): number {
    return this.#pool.length;
  }

  #judge(bytes: Uint8Array): void {
    const { decoder, before } = this.#options;
    this.#current = bytes;
    before?.(bytes);
    this.inputs++;
    const { accepted, failure } = judge(decoder, bytes);
    if (accepted) this.accepted++;
    if (failure !== undefined) this.#found(bytes, failure);
  }

  /** Each way to fail is told once: by its text without numbers. */
  #found(bytes: Uint8Array, failure: string): void {
    const kind = failure.replace(/\d+/g, 'N');
    if (this.#failures.has(kind)) return;
    this.#failures.add(kind);
    this.findings.push({ decoder: this.#options.name, bytes, failure });
  }

  #next(): Uint8Array {
    const random = this.#random;
    const input = random.pick(this.#pool);
    const bytes = mutate(random, input, this.#pool);
    const { repair } = this.#options.decoder;
    if (repair !== undefined && !random.chance(3)) repair(bytes);
    return bytes;
  }

  /** The seeds as they are: what is in the corpus must not fail. */
  runSeeds(): void {
    this.#guarded(() => {
      for (const bytes of this.#options.seeds) this.#judge(bytes);
    });
    this.#options.coverage?.news();
  }

  /** One batch of changed inputs; those that reach new code are changed further. */
  runBatch(size = BATCH): void {
    const batch = Array.from({ length: size }, () => this.#next());
    const whole = this.#guarded(() => {
      for (const bytes of batch) this.#judge(bytes);
    });
    if (whole && this.#options.coverage?.hasNews()) this.#keepNew(batch);
  }

  /** Looks for the inputs that reach new code, by halves: each look at the counts takes its time. */
  #keepNew(batch: readonly Uint8Array[]): void {
    const { coverage, decoder } = this.#options;
    this.#guarded(() => {
      for (const bytes of batch) judge(decoder, bytes);
    });
    if (batch.length > 1) {
      if (!coverage!.hasNews()) return;
      const middle = batch.length >> 1;
      this.#keepNew(batch.slice(0, middle));
      this.#keepNew(batch.slice(middle));
    } else if (coverage!.news() > 0) this.#keep(batch[0]!);
  }

  #keep(bytes: Uint8Array): void {
    if (bytes.length > MAX_KEPT_BYTES) return;
    if (this.#pool.length < MAX_POOL) this.#pool.push(bytes);
    else this.#pool[this.#random.below(MAX_POOL)] = bytes;
    this.#options.interesting?.(bytes);
  }

  #guarded(action: () => void): boolean {
    if (within(HANG_MS, action)) return true;
    this.#found(this.#current, `does not end within ${HANG_MS} ms`);
    return false;
  }
}
