import { readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { load } from './corpus.ts';
import { Coverage } from './coverage.ts';
import { DECODERS } from './decoders/index.ts';
import { functionsOfBytes } from './exports.ts';
import { Fuzzer } from './fuzz.ts';
import { flipEach } from './judge.ts';

const CORPUS = fileURLToPath(new URL('corpus', import.meta.url));
const SRC = fileURLToPath(new URL('../../src', import.meta.url));
const SEED = 20_090_717;
/** Changed inputs for each decoder; `npm run fuzz` has no such limit. */
const BATCHES = 4;

const NAMES = Object.keys(DECODERS);
/** Put the base64 into a file of the corpus once the failure is mended. */
const told = ({ findings }: Fuzzer) =>
  findings.map(({ failure, bytes }) => [failure, Buffer.from(bytes).toString('base64')]);

const seedsOf = (name: string) => load(CORPUS, name).map(({ bytes }) => bytes);

it('has a folder of inputs for every decoder, and for nothing else', () => {
  expect(readdirSync(CORPUS).sort()).toEqual([...NAMES].sort());
});

describe.each(NAMES)('%s', (name) => {
  const decoder = DECODERS[name]!;
  const seeds = seedsOf(name);

  it('takes what it is to take, and nothing else than refuses what is damaged', () => {
    const fuzzer = new Fuzzer({ name, decoder, seeds, seed: SEED });
    fuzzer.runSeeds();
    expect(told(fuzzer)).toEqual([]);
    expect(fuzzer.accepted).toBeGreaterThan(0);
    for (let n = 0; n < BATCHES; n++) fuzzer.runBatch();
    expect(told(fuzzer)).toEqual([]);
  });

  it.runIf(decoder.vouches !== undefined)('notices any flipped bit that a checksum guards', () => {
    let noticed = 0;
    for (const bytes of seeds) {
      const result = flipEach(decoder, bytes);
      expect(result).not.toHaveProperty('failure');
      if ('noticed' in result) noticed += result.noticed;
    }
    expect(noticed).toBeGreaterThan(0);
  });
});

/** Functions that take bytes and need no decoder here, and why. */
const EXEMPT: Record<string, string> = {
  'bytes/wasm-module.ts: instantiate': 'the bytes are code that we wrote',
  'bytes/xxhash.ts: xxhash64': 'a checksum: takes any bytes',
  'rbd/diff-stream.ts: fromSnapshotRecord': 'writes',
  'rbd/diff-stream.ts: toSnapshotRecord': 'writes',
  'rbd/names.ts: rbdIdObject': 'makes a name',
  'rbd/names.ts: v1HeaderObject': 'makes a name',
  'ec/linear-map.ts: applyMap': 'arithmetic on buffers that its caller has made',
  'store/filestore/journal/overlay.ts: logOf': 'looks up a name in what has been read',
  'catalog/catalog.ts: owned': 'writes',
};

describe('every function that takes bytes', () => {
  const coverage = new Coverage((url) => url.includes('/src/'));
  const ran = new Set<string>();
  beforeAll(() => {
    coverage.start();
    for (const name of NAMES) {
      const fuzzer = new Fuzzer({
        name,
        decoder: DECODERS[name]!,
        seeds: seedsOf(name),
        seed: SEED,
      });
      fuzzer.runSeeds();
    }
    for (const [url, functions] of coverage.functions()) {
      const module = path.relative(SRC, url.replace(/^file:\/\//, ''));
      for (const name of functions) ran.add(`${module}: ${name}`);
    }
  });
  afterAll(() => coverage.stop());

  it('is reached by a decoder, or has a reason not to be', () => {
    const all = functionsOfBytes(SRC).map(({ module, name }) => `${module}: ${name}`);
    expect(all.length).toBeGreaterThan(100);
    expect(all.filter((name) => !ran.has(name) && EXEMPT[name] === undefined)).toEqual([]);
    expect(Object.keys(EXEMPT).filter((name) => ran.has(name) || !all.includes(name))).toEqual([]);
  });
});
