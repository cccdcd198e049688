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
  /** rates of single disks, where they are not all the same: 20,20,5,20 */
  rates: '',
  rounds: 3,
  /** percent of one core that what is measured gets, as on a busy machine; 0: all there is */
  cpu: 0,
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
const { disks, copies, mib, rate, cpu } = given;
const place = path.join(WORK, `slow-${disks}x${copies}-${mib}`);
const room = Math.ceil((mib * copies) / disks) * 2 + 256;
const rates = given.rates === '' ? [] : given.rates.split(',').map(Number);
const speeds = Array.from({ length: disks }, (_, i) => (rates[i] ?? rate) * 2 ** 20);
const { mounts, remount, slowed, watch } = slowDisks(place, room, speeds, cpu);
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
const ALL = 'all disks';
const FIRST = 'first copy, image order';
const WORKLOADS = [
  // What the disks can do: each read from end to end by a process of its own.
  {
    name: ALL,
    argv: shell(
      'for d; do find "$d" -type f -size +1M -exec cat {} + >/dev/null & done; wait',
      ...paths,
    ),
  },
  {
    name: FIRST,
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
    const seen = watch();
    const { stdout: _, ...cost } = await measure(slowed(argv));
    runs[name].push({ ...cost, idle: seen() });
  }
}

const fixed = (value) => value.toFixed(2);
const three = ({ min, median, max }) => `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;
const total = (list) => list.reduce((sum, value) => sum + value, 0);
const nominal = total(speeds);
/** What each disk gave while it was read from end to end: the throttle itself may differ from what it is told. */
const paceOf = ({ wall, idle }) =>
  total(idle.map(({ bytes, before, after }) => bytes / (wall - before - after)));
const measured = runs[ALL] ? spread(runs[ALL].map(paceOf)).median : nominal;
/** Seconds that a disk was idle, over all disks. */
const idle = (run, when) => total(run.idle.map((disk) => disk[when])) / disks;
const rows = WORKLOADS.map(({ name }) => {
  const own = runs[name];
  const median = (of) => spread(own.map(of)).median;
  const wall = fixed(median((run) => run.wall));
  const rss = String(Math.round(median((run) => run.rss) / 1e6));
  if (name === START) return [name, wall, ...Array(8).fill(''), rss];
  const isExport = name.startsWith('export');
  const bytes = name === ALL ? total(all) : once;
  const first = runs[FIRST];
  const starts = runs[START];
  const share = (sum) => three(spread(own.map((run) => bytes / run.wall / sum)));
  const withoutStart = (run, i) => bytes / (run.wall - starts[i].wall) / measured;
  return [
    name,
    wall,
    (median((run) => bytes / run.wall) / 2 ** 20).toFixed(1),
    // The disks do not hold the same, so reading all of all ends with some of them only.
    name === ALL ? fixed(measured / nominal) : share(nominal),
    name === ALL ? '' : share(measured),
    isExport && starts ? three(spread(own.map(withoutStart))) : '',
    isExport && first ? three(spread(own.map((run, i) => first[i].wall / run.wall))) : '',
    ...['before', 'between', 'after'].map((when) => fixed(median((run) => idle(run, when)))),
    rss,
  ];
});
const head = [
  'workload',
  'wall s (median)',
  'MiB/s',
  'of the nominal sum',
  'of what the disks give',
  'the same, less the start',
  'times as fast as first copy',
  'a disk idle before its first read, s',
  'between',
  'after its last',
  'peak RSS MB',
];
const table = [head, head.map(() => '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
const busy = cpu === 0 ? '' : `; ${cpu} % of one core for what is measured`;
const what =
  given.rates === '' ? `${disks} disks of ${rate} MiB/s` : `disks of ${given.rates} MiB/s`;
saveResults(
  given.name || `slow-disks-${disks}x${copies}`,
  { shape: { disks, copies, mib, rate, rates, cpu }, once, all, nominal, measured, runs },
  `${what} (measured: ${(measured / 2 ** 20).toFixed(1)} together), an image of ${mib} MiB with ${copies} copies of each object, all current; nothing cached; ${given.rounds} rounds${busy}\n\n${table}`,
);
