// Two revisions in the same rounds: node bench/compare.mjs REV [options of run.mjs]. See README.md.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { cpu, ratios, savedResults, seconds, table } from './lib/summary.mjs';
import { BENCH, WORK } from './lib/tools.mjs';

const ROOT = path.join(BENCH, '..');
const [revision, ...rest] = process.argv.slice(2);
if (revision === undefined || revision.startsWith('-')) {
  process.stderr.write('usage: npm run bench:compare REV [-- options of bench/run.mjs]\n');
  process.exit(2);
}
// Some machines have each Node read a bundle of certificates as it starts: see lib/measure.mjs.
delete process.env.NODE_EXTRA_CA_CERTS;
const inRoot = { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] };
const git = (...args) => execFileSync('git', args, inRoot).toString().trim();

/** A worktree of the revision with its own packages, built; kept for the next time. @returns its path */
function built(commit) {
  const place = path.join(WORK, `revision-${commit}`);
  const done = path.join(place, 'dist/built');
  if (fs.existsSync(done)) return place;
  fs.mkdirSync(WORK, { recursive: true });
  if (!fs.existsSync(place)) {
    // One that was deleted by hand is still known to git.
    git('worktree', 'prune');
    git('worktree', 'add', '--detach', place, commit);
  }
  const run = (...args) => execFileSync('npm', args, { cwd: place, stdio: ['ignore', 2, 2] });
  run('ci', '--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund');
  run('run', 'build');
  fs.writeFileSync(done, '');
  return place;
}

const commit = git('rev-parse', '--short=12', `${revision}^{commit}`);
const against = built(commit);

/** Scans and exports; each workload of the one build is followed by the same of the other. */
const SCAN_ONLY = 'walk-1,scan-1,scan-1-against,walk-2,scan-2,scan-2-against';
const EXPORT_ONLY = 'copy-c,digest-1,digest-1-against';
const scan = ['--copies', '200000', '--size', '3', '--only', SCAN_ONLY];
const benches =
  rest.length > 0
    ? [
        [
          'run.mjs',
          `against-${commit}`,
          [...(rest.includes('--only') ? [] : ['--only', SCAN_ONLY]), ...rest],
        ],
      ]
    : [
        ['run.mjs', `against-${commit}`, scan],
        ['export.mjs', `export-against-${commit}`, ['--only', EXPORT_ONLY]],
      ];

const rows = [];
for (const [script, name, given] of benches) {
  const argv = [path.join(BENCH, script), '--against', against, '--name', name, ...given];
  const since = Date.now();
  execFileSync(process.execPath, argv, { stdio: 'inherit' });
  const named = given.includes('--name') ? given[given.indexOf('--name') + 1] : name;
  const { runs } = savedResults(named, since);
  for (const [workload, own] of Object.entries(runs)) {
    const other = runs[`${workload}-against`];
    if (other === undefined || own.length === 0 || other.length === 0) continue;
    rows.push([
      workload,
      seconds(own),
      seconds(other),
      ratios(own, other),
      ratios(own, other, cpu),
    ]);
  }
}
const head = ['workload', 'this checkout', commit, 'ratio of walls, min / median / max', 'of CPU'];
process.stdout.write(`\nThis checkout against ${revision} (${commit})\n\n${table(head, rows)}\n`);
