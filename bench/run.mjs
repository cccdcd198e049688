// Scans of a synthetic cluster against their baselines, in interleaved rounds: see README.md.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { BENCH, options, tool, WORK } from './lib/tools.mjs';
import { makeTree } from './make-tree.mjs';

const DEFAULTS = {
  copies: 1_000_000,
  osds: 3,
  size: 1,
  images: 60,
  rounds: 5,
  /** checkout whose build is measured, and another to compare it with in the same rounds */
  program: path.join(BENCH, '..'),
  against: '',
  only: '',
  name: '',
};

const given = options(DEFAULTS);
const tree = await makeTree(given);
const catalog = path.join(WORK, 'bench.catalog');
const program = (root, ...args) => [
  process.execPath,
  path.join(root, 'bin/rbd-salvage.js'),
  ...args,
];
const scan = (root, jobs, file = catalog) =>
  program(
    root,
    'scan',
    '--osd',
    ...tree.paths,
    '--catalog',
    file,
    ...(jobs === undefined ? [] : ['--jobs', String(jobs)]),
    '--format',
    'json',
    '-q',
  );
const fresh = () => fs.rmSync(catalog, { force: true });
const NO_NATIVE = { RBD_SALVAGE_NO_NATIVE: '1' };

/** What is run in each round, in this order. `of`: the baseline of its ratio. */
const WORKLOADS = [
  { name: 'walk-1', argv: [tool('walk'), '1', ...tree.paths] },
  { name: 'scan-1', of: 'walk-1', argv: scan(given.program, 1), before: fresh },
  given.against && {
    name: 'scan-1-against',
    of: 'walk-1',
    argv: scan(given.against, 1),
    before: fresh,
  },
  {
    name: 'scan-1-plain',
    of: 'walk-1',
    argv: scan(given.program, 1),
    before: fresh,
    env: NO_NATIVE,
  },
  {
    name: 'find',
    of: 'walk-1',
    argv: ['sh', '-c', 'exec find "$@" >/dev/null', 'find', ...tree.paths],
  },
  { name: 'walk-2', of: 'walk-1', argv: [tool('walk'), '2', ...tree.paths] },
  given.against && {
    name: 'scan-2-against',
    of: 'walk-2',
    argv: scan(given.against, 2),
    before: fresh,
  },
  { name: 'scan', of: 'find', argv: scan(given.program), before: fresh },
  given.against && {
    name: 'scan-against',
    of: 'find',
    argv: scan(given.against),
    before: fresh,
  },
  { name: 'scan-2', of: 'walk-2', argv: scan(given.program, 2), before: fresh },
  // On the catalog that scan-2 has just made.
  { name: 'refresh-1', of: 'walk-1', argv: scan(given.program, 1) },
  { name: 'ls', argv: program(given.program, 'ls', '-l', '--catalog', catalog) },
].filter((w) => w && (given.only === '' || given.only.split(',').includes(w.name)));

async function runOnce({ name, argv, before, env }) {
  before?.();
  const { stdout, ...cost } = await measure(argv, { env, mayFail: name === 'ls' });
  const size = fs.statSync(catalog, { throwIfNoEntry: false })?.size;
  const found = /"objects":(\d+)/.exec(stdout)?.[1] ?? /"rows":(\d+)/.exec(stdout)?.[1];
  return {
    ...cost,
    ...(found && { found: Number(found) }),
    ...(/^scan/.test(name) && { catalogBytes: size }),
  };
}

async function measureRounds() {
  const runs = Object.fromEntries(WORKLOADS.map(({ name }) => [name, []]));
  for (const workload of WORKLOADS) await runOnce(workload);
  for (let round = 0; round < given.rounds; round++) {
    for (const workload of WORKLOADS) runs[workload.name].push(await runOnce(workload));
  }
  return runs;
}

/** Directories that the newest scan listed, and all there are. */
async function listed(file) {
  const load = (module) => import(path.join(given.program, 'dist', module));
  const { Catalog } = await load('catalog/catalog.js');
  const { openCatalogForReading } = await load('io/catalog-storage.js');
  const open = new Catalog(openCatalogForReading(file));
  const units = open
    .osds()
    .reduce((n, osd) => n + osd.segments.reduce((m, s) => m + s.units.length, 0), 0);
  open.close();
  return units;
}

/** Kills a scan when its catalog is half as large as it will be, and goes on with it. */
async function resume() {
  const file = path.join(WORK, 'resume.catalog');
  fs.rmSync(file, { force: true });
  await measure(scan(given.program, 1, file));
  const [full, all] = [fs.statSync(file).size, await listed(file)];
  fs.rmSync(file);
  const [command, ...args] = scan(given.program, 1, file);
  const child = spawn(command, args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => child.on('close', (_, signal) => resolve(signal)));
  const watch = setInterval(() => {
    const size = fs.statSync(file, { throwIfNoEntry: false })?.size ?? 0;
    if (size >= full / 2) child.kill('SIGKILL');
  }, 2);
  const signal = await gone;
  clearInterval(watch);
  const kept = await listed(file);
  const again = await measure(scan(given.program, 1, file));
  const relisted = (await listed(file)) - kept;
  const { objects, osds } = JSON.parse(again.stdout);
  const found = objects ?? osds.reduce((n, osd) => n + osd.objects, 0);
  return { signal, directories: all, kept, relisted, wall: again.wall, found };
}

const fixed = (value) => value.toFixed(2);
const three = ({ min, median, max }) => `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;

/** The targets: docs/adr, "How fast is fast enough". Bytes. */
const memoryTarget = (found, workers) => 24 * found + (60 + 20 * (workers - 1)) * 1e6;

function table(runs, resumed) {
  const rows = WORKLOADS.map(({ name, of }) => {
    const own = runs[name];
    const ratios = of && runs[of] ? own.map((run, i) => run.wall / runs[of][i].wall) : undefined;
    const cpu = ({ user, sys }) => user + sys;
    const work = of && runs[of] ? own.map((run, i) => cpu(run) / cpu(runs[of][i])) : undefined;
    const { catalogBytes, found } = own[0];
    const workers = Number(/^scan-(\d)/.exec(name)?.[1] ?? 0);
    return [
      name,
      spread(own.map((run) => run.wall)).median.toFixed(3),
      ratios ? `${three(spread(ratios))} of ${of}` : '',
      work ? three(spread(work)) : '',
      `${fixed(spread(own.map((run) => run.user)).median)} / ${fixed(spread(own.map((run) => run.sys)).median)}`,
      String(Math.round(spread(own.map((run) => run.rss)).median / 1e6)),
      workers ? String(Math.round(memoryTarget(found, workers) / 1e6)) : '',
      catalogBytes ? fixed(catalogBytes / found) : '',
    ];
  });
  const head = [
    'workload',
    'wall s (median)',
    'ratio of walls, min / median / max',
    'ratio of CPU',
    'user / sys s',
    'peak RSS MB',
    'target MB',
    'catalog B/copy',
  ];
  const lines = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`);
  const { kept, relisted, directories, signal } = resumed ?? {};
  if (resumed)
    lines.push(
      '',
      `resume: killed (${signal}) with ${kept} of ${directories} directories kept; listed by the next scan: ${relisted}.`,
    );
  return lines.join('\n');
}

const { copies, osds, size, images, depth, pgNum } = tree;
const runs = await measureRounds();
const resumed = given.only === '' ? await resume() : undefined;
const title = `${copies} object copies, ${osds} OSDs, ${size} copies of each, ${images} images, ${pgNum} PGs, depth ${depth}; ${given.rounds} rounds`;
saveResults(
  given.name || `scan-${copies}`,
  { tree: { copies, osds, size, images, depth, pgNum }, runs, resumed },
  `${title}\n\n${table(runs, resumed)}`,
);
