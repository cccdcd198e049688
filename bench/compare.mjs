// Two revisions in the same rounds: node bench/compare.mjs REV [options of run.mjs]. See README.md.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { BENCH, WORK } from './lib/tools.mjs';

const ROOT = path.join(BENCH, '..');
const [revision, ...rest] = process.argv.slice(2);
if (revision === undefined) {
  process.stderr.write('usage: npm run bench:compare REV [-- options of bench/run.mjs]\n');
  process.exit(2);
}
const inRoot = { cwd: ROOT, stdio: ['ignore', 'pipe', 'inherit'] };
const git = (...args) => execFileSync('git', args, inRoot).toString().trim();

/** A worktree of the revision, built; kept for the next time. @returns its path */
function built(commit) {
  const place = path.join(WORK, `revision-${commit}`);
  const done = path.join(place, 'dist/built');
  if (fs.existsSync(done)) return place;
  if (!fs.existsSync(place)) git('worktree', 'add', '--detach', '--force', place, commit);
  const lock = (root) => fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8');
  const modules = path.join(place, 'node_modules');
  const run = (...args) => execFileSync('npm', args, { cwd: place, stdio: ['ignore', 2, 2] });
  // The same packages need not be installed again.
  if (lock(place) !== lock(ROOT)) run('ci', '--ignore-scripts', '--no-audit', '--no-fund');
  else if (!fs.existsSync(modules)) fs.symlinkSync(path.join(ROOT, 'node_modules'), modules);
  run('run', 'build');
  fs.writeFileSync(done, '');
  return place;
}

const commit = git('rev-parse', '--short=12', `${revision}^{commit}`);
const against = built(commit);
const given = (name) => rest.includes(`--${name}`);
const defaults = [
  ...(given('copies') ? [] : ['--copies', '200000', '--size', '3']),
  ...(given('only') ? [] : ['--only', 'walk-1,scan-1,scan-1-against,walk-2,scan-2,scan-2-against']),
  ...(given('name') ? [] : ['--name', `against-${commit}`]),
];
const argv = [path.join(BENCH, 'run.mjs'), '--against', against, ...defaults, ...rest];
execFileSync(process.execPath, argv, { stdio: 'inherit' });
