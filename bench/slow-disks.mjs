// Exports from slow disks against their bandwidth: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { slowDisks, whyNoSlowDisks } from './lib/slow-disk.mjs';
import { BENCH, options, tool, WORK } from './lib/tools.mjs';
import { makeImages } from './make-images.mjs';

const DEFAULTS = {
  disks: 4,
  copies: 3,
  /** of the image, and what each disk reads in a second */
  mib: 640,
  rate: 20,
  rounds: 3,
  dest: '/dev/shm',
  program: path.join(BENCH, '..'),
  against: '',
  only: '',
  name: '',
};

const given = options(DEFAULTS);
const reason = whyNoSlowDisks();
if (reason !== undefined) {
  process.stdout.write(`slow disks: left out, ${reason}\n`);
  process.exit(0);
}
const { disks, copies, mib, rate } = given;
const place = path.join(WORK, `slow-${disks}x${copies}-${mib}`);
const room = Math.ceil((mib * copies) / disks) * 2 + 256;
const { mounts, remount, slowed } = slowDisks(place, disks, room, rate << 20);
remount(false);
const paths = mounts.map((mount, i) => path.join(mount, `osd.${i}`));
const tree = await makeImages({ mib, osds: disks, copies, images: 'plain' }, paths);
remount(true);

const catalog = path.join(WORK, 'slow.catalog');
const out = path.join(fs.mkdtempSync(path.join(given.dest, 'rbd-salvage-bench-')), 'out.raw');
process.on('exit', () => fs.rmSync(path.dirname(out), { recursive: true, force: true }));
const program = (root, ...args) => [
  process.execPath,
  path.join(root, 'bin/rbd-salvage.js'),
  ...args,
];
const exported = (root, dest, ...args) =>
  program(root, 'export', '2/plain', dest, '--force', '--catalog', catalog, '-q', ...args);
const shell = (command, ...args) => ['sh', '-c', command, 'sh', ...args];
const list = path.join(tree.root, 'plain.list');

/** Starting the program and opening the catalog: what an image of any size pays once. */
const START = 'start';
const WORKLOADS = [
  // What the disks can do: each read from end to end by a process of its own.
  {
    name: 'all disks',
    argv: shell(
      'for d; do find "$d" -type f -size +1M -exec cat {} + >/dev/null & done; wait',
      ...paths,
    ),
    whole: true,
  },
  {
    name: 'first copy, image order',
    argv: shell(`exec "$1" "$2" 262144 <"$3"`, tool('copy'), out, list),
  },
  { name: START, argv: program(given.program, 'ls', '--catalog', catalog) },
  { name: 'export', argv: exported(given.program, out) },
  given.against && { name: 'export-against', argv: exported(given.against, out) },
  { name: 'export, 2 readers a disk', argv: exported(given.program, out, '--jobs', '2') },
  { name: 'export to -', argv: shell('"$@" >/dev/null', ...exported(given.program, '-')) },
  given.against && {
    name: 'export to - against',
    argv: shell('"$@" >/dev/null', ...exported(given.against, '-')),
  },
].filter((w) => w && (given.only === '' || given.only.split(',').includes(w.name)));

fs.rmSync(catalog, { force: true });
await measure(program(given.program, 'scan', '--osd', ...paths, '--catalog', catalog, '-q'));

/** Bytes of the objects that are there, holes left out; on all disks or of one copy. */
const allocated = (files) => files.reduce((sum, file) => sum + fs.statSync(file).blocks * 512, 0);
const files = (directory) =>
  fs
    .readdirSync(directory, { recursive: true })
    .map((name) => path.join(directory, name))
    .filter((file) => file.includes('udata'));
const once = allocated(
  fs
    .readFileSync(list, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.replace(/^\d+ /, '')),
);
const all = paths.map((osd) => allocated(files(path.join(osd, 'current'))));

const runs = Object.fromEntries(WORKLOADS.map(({ name }) => [name, []]));
for (let round = 0; round < given.rounds; round++) {
  for (const { name, argv } of WORKLOADS) {
    for (const old of ['', '.report.json', '.map']) fs.rmSync(out + old, { force: true });
    remount(true);
    const { stdout: _, ...cost } = await measure(slowed(argv));
    runs[name].push(cost);
  }
}

const fixed = (value) => value.toFixed(2);
const three = ({ min, median, max }) => `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;
/** The slowest disk ends last: that is what reading all of them takes. */
const sum = runs['all disks']
  ? disks * (Math.max(...all) / spread(runs['all disks'].map(({ wall }) => wall)).median)
  : disks * (rate << 20);
const rows = WORKLOADS.map(({ name, whole }) => {
  const own = runs[name];
  const bytes = whole ? all.reduce((a, b) => a + b) : once;
  const speed = own.map(({ wall }) => bytes / wall);
  const first = runs['first copy, image order'];
  const starts = runs[START] && name.startsWith('export') ? runs[START] : undefined;
  const wall = spread(own.map((run) => run.wall)).median.toFixed(2);
  if (name === START) return [name, wall, '', '', '', '', ''];
  return [
    name,
    wall,
    (spread(speed).median / 2 ** 20).toFixed(1),
    three(spread(speed.map((s) => s / sum))),
    starts ? three(spread(own.map((run, i) => bytes / (run.wall - starts[i].wall) / sum))) : '',
    whole || !first ? '' : three(spread(own.map((run, i) => first[i].wall / run.wall))),
    String(Math.round(spread(own.map((run) => run.rss)).median / 1e6)),
  ];
});
const head = [
  'workload',
  'wall s (median)',
  'MiB/s',
  'of the sum of the disks',
  'less the start',
  'times as fast as first copy',
  'peak RSS MB',
];
const table = [head, head.map(() => '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
saveResults(
  given.name || `slow-disks-${disks}x${copies}`,
  { shape: { disks, copies, mib, rate }, once, all, sum, runs },
  `${disks} disks of ${rate} MiB/s (measured: ${(sum / 2 ** 20).toFixed(1)} together), an image of ${mib} MiB with ${copies} copies of each object, all current; nothing cached; ${given.rounds} rounds\n\n${table}`,
);
