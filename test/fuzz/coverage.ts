import { Session } from 'node:inspector';

interface Taken {
  result: {
    url: string;
    functions: {
      functionName: string;
      ranges: { startOffset: number; endOffset: number; count: number }[];
    }[];
  }[];
}

type Ranges = Taken['result'][number]['functions'][number]['ranges'];

/** Which parts of the program have run, as V8 counts them. */
export class Coverage {
  readonly #session = new Session();
  readonly #isWanted: (url: string) => boolean;
  /** by script: 1 for each character of it that has run */
  readonly #ran = new Map<string, Uint8Array>();

  /** @param isWanted the scripts that count, by url */
  constructor(isWanted: (url: string) => boolean) {
    this.#isWanted = isWanted;
  }

  #post<T>(method: string, parameters: object = {}): T {
    let answer: T | undefined;
    // With a session of the same thread the answer is there at once.
    this.#session.post(method, parameters, (error, result) => {
      if (error !== null) throw error;
      answer = result as T;
    });
    return answer!;
  }

  start(): void {
    this.#session.connect();
    this.#post('Profiler.enable');
    // Counts start anew with each look: without them V8 would tell of a block but once.
    this.#post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
  }

  #take(): Taken['result'] {
    const { result } = this.#post<Taken>('Profiler.takePreciseCoverage');
    return result.filter(({ url }) => this.#isWanted(url));
  }

  /** How many characters of the program ran since the last call, and never before. */
  news(): number {
    let found = 0;
    for (const { url, functions } of this.#take()) {
      for (const { ranges } of functions) found += this.#add(url, ranges);
    }
    return found;
  }

  /** Did anything run since the last call that never ran before? Does not count it in. */
  hasNews(): boolean {
    return this.#take().some(({ url, functions }) =>
      functions.some(({ ranges }) => this.#add(url, ranges, false) > 0),
    );
  }

  #ranOf(url: string, length: number): Uint8Array {
    const known = this.#ran.get(url);
    if (known !== undefined && known.length >= length) return known;
    const longer = new Uint8Array(length);
    if (known !== undefined) longer.set(known);
    this.#ran.set(url, longer);
    return longer;
  }

  /** Inner ranges come behind those around them. */
  #add(url: string, ranges: Ranges, mark = true): number {
    const { startOffset: start, endOffset: end } = ranges[0]!;
    const now = new Uint8Array(end - start);
    for (const { startOffset, endOffset, count } of ranges) {
      now.fill(count > 0 ? 1 : 0, startOffset - start, endOffset - start);
    }
    const ran = this.#ranOf(url, end);
    let found = 0;
    for (let i = 0; i < now.length; i++) {
      if (now[i] === 1 && ran[start + i] === 0) {
        if (mark) ran[start + i] = 1;
        found++;
      }
    }
    return found;
  }

  /** Names of functions that ran since the last look, by script. */
  functions(): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    for (const { url, functions } of this.#take()) {
      const names = functions.filter(({ ranges }) => ranges[0]!.count > 0);
      found.set(url, new Set(names.map(({ functionName }) => functionName)));
    }
    return found;
  }

  stop(): void {
    this.#post('Profiler.stopPreciseCoverage');
    this.#session.disconnect();
  }
}
