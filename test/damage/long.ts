import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Random } from '../fuzz/random.ts';
import { clustersIn } from './clusters.ts';
import { runTrial } from './trial.ts';

/**
 * The long run: `npm run damage -- --minutes 10 [--cluster NAME]... [--seed N]`; with `--trial N`
 * that one again; with `--way NAME --times N` one kind of damage only, so often for each OSD.
 */

const ROOT = process.env.RBD_SALVAGE_ROOT ?? process.cwd();
const PLACES = [path.join(ROOT, 'fixtures/unpacked'), path.join(tmpdir(), 'rbd-salvage-fixtures')];

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(Date.now() % 2 ** 32) },
    cluster: { type: 'string', multiple: true, default: [] },
    trial: { type: 'string' },
    images: { type: 'string', default: '100' },
    way: { type: 'string' },
    times: { type: 'string', default: '20' },
  },
});

const clusters = clustersIn(ROOT, PLACES).filter(
  ({ name }) => values.cluster.length === 0 || values.cluster.includes(name),
);
if (clusters.length === 0) throw new Error(`no cluster ${values.cluster.join(', ')}`);
// On the same file system as the fixtures: xattrs and holes have to survive.
const base = path.join(ROOT, 'test/work');
mkdirSync(base, { recursive: true });
const work = mkdtempSync(path.join(base, 'damage-'));
const setting = { bin: path.join(ROOT, 'bin/rbd-salvage.js'), work, truth: new Map() };
const seeds = new Random(Number(values.seed));
const end = Date.now() + Number(values.minutes) * 60_000;
const { way } = values;
const only = way === undefined ? undefined : { way, times: Number(values.times) };
const totals = { trials: 0, complete: 0, incomplete: 0, refused: 0, problems: 0 };

try {
  do {
    for (const cluster of clusters) {
      const seed = values.trial === undefined ? seeds.u32() : Number(values.trial);
      const { corruptions, problems, counts } = await runTrial(setting, {
        ...{ cluster, seed, images: Number(values.images), thorough: only === undefined, only },
      });
      totals.trials++;
      for (const key of ['complete', 'incomplete', 'refused'] as const) totals[key] += counts[key];
      totals.problems += problems.length;
      if (problems.length === 0 && values.trial === undefined) continue;
      console.log(`${cluster.name} --trial ${seed}: ${JSON.stringify(counts)}`);
      for (const did of corruptions) console.log(`    ${did}`);
      for (const problem of problems) console.log(`  ! ${problem}`);
    }
  } while (Date.now() < end && values.trial === undefined);
} finally {
  rmSync(work, { recursive: true, force: true });
}
console.log(JSON.stringify(totals), `seed ${values.seed}`);
if (totals.problems > 0) process.exitCode = 1;
