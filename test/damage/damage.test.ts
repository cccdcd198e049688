import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { UNPACKED, workDirectory } from '../helpers/fixtures.ts';
import { BIN } from '../helpers/program.ts';
import { clustersIn } from './clusters.ts';
import { runTrial, untold } from './trial.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const clusters = clustersIn(ROOT, UNPACKED);
const work = workDirectory();
afterAll(work.dispose);
const setting = { bin: BIN, work: work.path, truth: new Map<string, Buffer>() };

/** `npm run damage` takes others, and all images. */
const SEEDS = [1, 2];
const IMAGES = 2;

/** A machine that is busy with other things takes its time for some ten processes. */
const TIMEOUT = 240_000;

describe.each(clusters)('$name, damaged', (cluster) => {
  it.each(SEEDS)(
    'gives what it gave, or says what it does not (%i)',
    async (seed) => {
      const { corruptions, problems } = await runTrial(setting, { cluster, seed, images: IMAGES });
      expect({ corruptions, problems }).toEqual({ corruptions, problems: [] });
      expect(corruptions.length).toBeGreaterThan(0);
    },
    TIMEOUT,
  );
});

describe('the comparison', () => {
  const truth = Buffer.alloc(3 * 4096, 7);
  it('finds a wrong byte that is not told of, and none that is', () => {
    const wrong = Buffer.from(truth);
    wrong[5000] = 8;
    expect(untold(truth, truth, [])).toEqual([]);
    expect(untold(wrong, truth, [])).toEqual([4096]);
    expect(untold(wrong, truth, [{ offset: 0, length: 4096 }])).toEqual([4096]);
    expect(untold(wrong, truth, [{ offset: 4096, length: 4096 }])).toEqual([]);
  });
  it('finds what is missing at the end, and what is too much', () => {
    expect(untold(truth.subarray(0, 8192), truth, [])).toEqual([8192]);
    expect(untold(truth, truth.subarray(0, 8192), [])).toEqual([8192]);
  });
});
