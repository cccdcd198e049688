// Exports of a synthetic cluster against their baselines, in interleaved rounds: see README.md.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { getMemory, measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { syscalls } from './lib/syscalls.mjs';
import { BENCH, options, tool, WORK } from './lib/tools.mjs';
import { makeImages, stripesOf } from './make-images.mjs';

const DEFAULTS = {
  mib: 512,
  osds: 3,
  /** size of the images other than `plain`, as a share of it; 1: starting matters as little */
  others: 0.1,
  /** those that are made: without `plain` there is room in memory for the others at their full size */
  images: 'plain,striped,base,child,snaps,empty',
  rounds: 5,
  /** where images are written: memory, so that only the sources and the copying count */
  dest: '/dev/shm',
  /** 1: drop the page cache before each run (root), and have all that is written on disk at its end */
  cold: 0,
  program: path.join(BENCH, '..'),
  against: '',
  only: '',
  name: '',
};

const given = options(DEFAULTS);
const { mib, osds, others, images } = given;
const tree = await makeImages({ mib, osds, others, images });
const catalog = path.join(WORK, 'export.catalog');
const place = fs.mkdtempSync(path.join(given.dest, 'rbd-salvage-bench-'));
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const out = path.join(place, 'out.raw');
const finished = path.join(place, 'finished.raw');
const bin = (root) => [process.execPath, path.join(root, 'bin/rbd-salvage.js')];
const exported = (image, { root = given.program, verify = 'digest', jobs, dest = out } = {}) => [
  ...bin(root),
  ...['export', `2/${image}`, dest, '--force', '--catalog', catalog, '-q', '--verify', verify],
  ...(jobs === undefined ? [] : ['--jobs', String(jobs)]),
];
const copied = (image) => {
  const list = path.join(tree.root, `${image}.list`);
  const args = [262144, ...(stripesOf(image) ?? []), ...(given.cold ? ['sync'] : [])];
  return ['sh', '-c', `exec "$0" "$1" ${args.join(' ')} <"$2"`, tool('copy'), out, list];
};
const sparse = given.cold
  ? ['sh', '-c', 'cp --sparse=always "$0" "$1" && exec sync "$1"', finished, out]
  : ['cp', '--sparse=always', finished, out];

/** What is run in each round, in this order. `of`: the baseline of its ratio. */
const WORKLOADS = [
  { name: 'start', image: 'empty', jobs: 1 },
  { name: 'copy-c', image: 'plain', argv: copied('plain') },
  { name: 'none-1', of: 'copy-c', image: 'plain', verify: 'none', jobs: 1 },
  { name: 'digest-1', of: 'copy-c', also: 'none-1', image: 'plain', jobs: 1 },
  given.against && {
    name: 'digest-1-against',
    of: 'copy-c',
    image: 'plain',
    jobs: 1,
    root: given.against,
  },
  { name: 'none', of: 'copy-c', image: 'plain', verify: 'none' },
  { name: 'digest', of: 'copy-c', also: 'none', image: 'plain' },
  given.against && { name: 'digest-against', of: 'copy-c', image: 'plain', root: given.against },
  { name: 'cp-sparse', of: 'copy-c', argv: sparse },
  ...['striped', 'child', 'snaps@s1'].flatMap((image) => [
    { name: `copy-c ${image}`, image, argv: copied(image) },
    { name: image, of: `copy-c ${image}`, image, jobs: 1 },
    { name: `${image}-none`, of: `copy-c ${image}`, image, verify: 'none', jobs: 1 },
    { name: `${image}-default`, of: `copy-c ${image}`, image },
    { name: `${image}-none-default`, of: `copy-c ${image}`, image, verify: 'none' },
    given.against && {
      name: `${image}-against`,
      of: `copy-c ${image}`,
      image,
      jobs: 1,
      root: given.against,
    },
  ]),
]
  .filter((w) => w && (given.only === '' || given.only.split(',').includes(w.name)))
  .filter(({ image = 'plain' }) => images.split(',').includes(image.replace(/@.*/, '')));
for (const workload of WORKLOADS) workload.argv ??= exported(workload.image, workload);

function dropCaches() {
  execFileSync('sync');
  fs.writeFileSync('/proc/sys/vm/drop_caches', '3');
}

/** Nothing that an earlier run has left may be gone on with. */
function removeOutput() {
  for (const left of ['', '.partial', '.map', '.report.json'])
    fs.rmSync(out + left, { force: true });
}

async function runOnce({ argv }) {
  removeOutput();
  if (given.cold) dropCaches();
  else getMemory(mib);
  const { stdout: _, ...cost } = await measure(argv);
  return cost;
}

async function measureRounds() {
  const runs = Object.fromEntries(WORKLOADS.map(({ name }) => [name, []]));
  if (!given.cold) for (const workload of WORKLOADS) await runOnce(workload);
  for (let round = 0; round < given.rounds; round++) {
    for (const workload of WORKLOADS) runs[workload.name].push(await runOnce(workload));
  }
  return runs;
}

/** The copier in C and the program must write the same bytes. */
async function compare() {
  const compared = new Set(WORKLOADS.map(({ image }) => image).filter((i) => i && i !== 'empty'));
  // `plain` comes last: it is what `cp` copies.
  for (const image of [...compared].sort((a, b) => (a === 'plain') - (b === 'plain'))) {
    await measure(exported(image, { dest: finished }));
    await measure(copied(image));
    execFileSync('cmp', ['-n', String(fs.statSync(out).size), finished, out]);
    removeOutput();
  }
  if (!WORKLOADS.some(({ name }) => name === 'cp-sparse')) fs.rmSync(finished);
}

const fixed = (value) => value.toFixed(2);
const cpu = ({ user, sys }) => user + sys;

function ratios(own, base, of = (run) => run.wall) {
  if (base === undefined) return '';
  const { min, median, max } = spread(own.map((run, i) => of(run) / of(base[i])));
  return `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;
}

/** Wall and CPU of a run without those of an export that has nothing to read. */
const lessStart = (runs) => (run, i) => {
  const start = runs.start?.[i] ?? { wall: 0, user: 0, sys: 0 };
  return {
    wall: run.wall - start.wall,
    user: run.user - start.user,
    sys: run.sys - start.sys,
  };
};

function table(runs, calls) {
  const median = (own, of) => spread(own.map(of)).median;
  const rows = WORKLOADS.map(({ name, of, also }) => {
    const own = runs[name];
    return [
      name,
      median(own, (run) => run.wall).toFixed(3),
      of && runs[of] ? `${ratios(own, runs[of])} of ${of}` : '',
      of && runs[of] ? ratios(own, runs[of], cpu) : '',
      of && runs[of] && !['cp-sparse', 'start'].includes(name)
        ? `${ratios(own.map(lessStart(runs)), runs[of])}; CPU ${ratios(own.map(lessStart(runs)), runs[of], cpu)}`
        : '',
      also && runs[also]
        ? `${ratios(own, runs[also])}; CPU ${ratios(own, runs[also], cpu)} of ${also}`
        : '',
      `${fixed(median(own, (run) => run.user))} / ${fixed(median(own, (run) => run.sys))}`,
      String(Math.round(median(own, (run) => run.rss) / 1e6)),
      calls[name] ?? '',
    ];
  });
  const head = [
    'workload',
    'wall s (median)',
    'wall ratio',
    'CPU ratio',
    'less the start',
    'verification',
    'user / sys s',
    'peak RSS MB',
    'system calls per object',
  ];
  return [head, head.map(() => '---'), ...rows]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

/** By workload, e.g. `32.1: 17.0 pwrite64, 5.1 pread64`. */
function countCalls() {
  const calls = {};
  for (const { name, argv, image } of WORKLOADS) {
    if (image === undefined || image === 'empty' || name.endsWith('against')) continue;
    removeOutput();
    const objects =
      fs.readFileSync(path.join(tree.root, `${image}.list`), 'utf8').split('\n').length - 1;
    const found = syscalls(argv, objects);
    if (found !== undefined) calls[name] = found;
  }
  return calls;
}

fs.rmSync(catalog, { force: true });
await measure([...bin(given.program), 'scan', '--osd', ...tree.paths, '--catalog', catalog, '-q']);
await compare();
const runs = await measureRounds();
fs.rmSync(finished, { force: true });
const calls = countCalls();
const how = given.cold
  ? `page cache dropped before each run, written to disk in ${given.dest}`
  : `sources in the page cache, written to ${given.dest}, memory for it got beforehand`;
saveResults(
  given.name ||
    `export-${given.mib}${others === DEFAULTS.others ? '' : `-${others}`}${given.cold ? '-cold' : ''}`,
  {
    tree: { mib, osds, others, objects: tree.objects },
    dest: given.dest,
    cold: given.cold,
    runs,
    calls,
  },
  `${mib} MiB in ${Math.ceil(mib / 4)} objects, the other images ${others} of it, on ${osds} OSDs, one copy each; ${how}; ${given.rounds} rounds\n\n${table(runs, calls)}`,
);
