// A small version of every benchmark, one after the other, in a few minutes: npm run bench. See README.md.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { BENCH } from './lib/tools.mjs';

/** Script and options, small enough for all of them to take less than five minutes. */
const BENCHES = [
  ['run.mjs', '--copies', '200000', '--size', '3', '--rounds', '5', '--name', 'small-scan'],
  ['catalog.mjs', '--rows', '1000000', '--rounds', '3', '--name', 'small-catalog'],
  ['growth.mjs', '--copies', '10000,100000,400000', '--rounds', '2', '--name', 'small-growth'],
  ['export.mjs', '--mib', '512', '--rounds', '3'],
  ['slow-scan.mjs', '--copies', '80000', '--rounds', '2', '--name', 'small-slow-scan'],
];

let failed = 0;
const started = performance.now();
for (const [script, ...args] of BENCHES) {
  process.stdout.write(`\n## ${script} ${args.join(' ')}\n\n`);
  const { status } = spawnSync(process.execPath, [path.join(BENCH, script), ...args], {
    stdio: 'inherit',
  });
  if (status !== 0) failed++;
}
const seconds = Math.round((performance.now() - started) / 1000);
process.stdout.write(`\n${BENCHES.length} benchmarks in ${seconds} s, ${failed} failed\n`);
process.exitCode = failed > 0 ? 1 : 0;
