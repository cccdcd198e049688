import { fork } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { keep, load } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { DECODERS } from './decoders/index.ts';
import { type Finding, Fuzzer } from './fuzz.ts';

/**
 * The long run: `npm run fuzz -- --minutes 10 [--decoder NAME]... [--seed N]`. What fails is kept in
 * `test/work/failures`; move it to `corpus` once it is understood. What reached new code is kept in
 * `test/work/inputs` and taken up by the next run.
 */

const ROOT = process.env.RBD_SALVAGE_ROOT ?? process.cwd();
const CORPUS = path.join(ROOT, 'test/fuzz/corpus');
const INPUTS = path.join(ROOT, 'test/work/inputs');
const FAILURES = path.join(ROOT, 'test/work/failures');
/** What a decoder works on now: all that is left of it when memory runs out. */
const CURRENT = path.join(ROOT, 'test/work/current');
const HEAP_MB = 512;
/** Milliseconds for one decoder before it is the next one's turn. */
const TURN = 2000;

function options() {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string', default: '10' },
      seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
      decoder: { type: 'string', multiple: true, default: [] },
      child: { type: 'boolean', default: false },
    },
  });
  const names = values.decoder.length > 0 ? values.decoder : Object.keys(DECODERS);
  for (const name of names) if (DECODERS[name] === undefined) throw new Error(`no decoder ${name}`);
  return { minutes: Number(values.minutes), seed: Number(values.seed), names, child: values.child };
}

function tell({ decoder, bytes, failure }: Finding): void {
  const file = keep(FAILURES, decoder, bytes);
  console.log(`FAILED ${decoder} (${bytes.length} bytes, ${file}): ${failure}`);
}

/** Writes the input to a file that outlives this process. */
function noteCurrent(fd: number, name: string, bytes: Uint8Array): void {
  const head = Buffer.alloc(64);
  head.write(`${name}\n`);
  head.writeUInt32LE(bytes.length, 60);
  writeSync(fd, Buffer.concat([head, bytes]), 0, 64 + bytes.length, 0);
}

function fuzzersOf(
  names: readonly string[],
  seed: number,
  coverage: Coverage,
  fd: number,
): Fuzzer[] {
  return names.map((name) => {
    const seeds = [...load(CORPUS, name), ...load(INPUTS, name)].map(({ bytes }) => bytes);
    const fuzzer = new Fuzzer({
      ...{ name, decoder: DECODERS[name]!, seeds, seed, coverage },
      before: (bytes) => noteCurrent(fd, name, bytes),
      interesting: (bytes) => keep(INPUTS, name, bytes),
    });
    fuzzer.runSeeds();
    return fuzzer;
  });
}

function run(): void {
  const { minutes, seed, names } = options();
  const end = Date.now() + minutes * 60_000;
  const coverage = new Coverage((url) => url.includes('/src/'));
  coverage.start();
  const fd = openSync(CURRENT, 'w');
  const fuzzers = fuzzersOf(names, seed, coverage, fd);
  const told = new Map<Fuzzer, number>();
  while (Date.now() < end) {
    for (const fuzzer of fuzzers) {
      for (const until = Date.now() + TURN; Date.now() < Math.min(until, end); ) fuzzer.runBatch();
      for (const finding of fuzzer.findings.slice(told.get(fuzzer) ?? 0)) tell(finding);
      told.set(fuzzer, fuzzer.findings.length);
    }
  }
  closeSync(fd);
  for (const [i, { inputs, accepted, poolSize, findings }] of fuzzers.entries()) {
    console.log(
      `${names[i]!.padEnd(28)} ${inputs} inputs, ${accepted} decoded, ${poolSize} kept, ${findings.length} failed`,
    );
  }
  const inputs = fuzzers.reduce((sum, fuzzer) => sum + fuzzer.inputs, 0);
  const failed = fuzzers.reduce((sum, fuzzer) => sum + fuzzer.findings.length, 0);
  console.log(`${inputs} inputs in ${minutes} minutes (seed ${seed}): ${failed} failed`);
  if (failed > 0) process.exitCode = 1;
}

/** Keeps the input that the process before died of. */
function postMortem(how: string): void {
  if (!existsSync(CURRENT)) return;
  const all = readFileSync(CURRENT);
  const decoder = all.subarray(0, all.indexOf(10)).toString();
  const bytes = all.subarray(64, 64 + all.readUInt32LE(60));
  tell({ decoder, bytes, failure: `the process ended with ${how}` });
}

if (options().child) run();
else {
  mkdirSync(path.dirname(CURRENT), { recursive: true });
  rmSync(CURRENT, { force: true });
  const child = fork(fileURLToPath(import.meta.url), [...process.argv.slice(2), '--child'], {
    execArgv: [`--max-old-space-size=${HEAP_MB}`],
  });
  child.on('exit', (status, signal) => {
    if (signal !== null || (status ?? 0) > 1) postMortem(signal ?? `exit status ${status}`);
    process.exitCode = signal === null ? (status ?? 1) : 1;
  });
}
