// Indexing a BlueStore OSD with many objects, and reading their data: see README.md.
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { makeDevice } from './lib/bluestore.mjs';
import { getMemory, measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { BENCH, options, tool, WORK } from './lib/tools.mjs';

const OBJECT = 4 << 20;
const given = options({
  program: path.join(BENCH, '..'),
  onodes: 1_000_000,
  /** of the image that is exported */
  mib: 1024,
  rounds: 3,
  warm: 1,
  /** where it is written to: memory, so that only the source and the copying count */
  dest: '/dev/shm',
});
const { program, onodes, mib, rounds, warm } = given;
const dataObjects = Math.ceil(mib / 4);
const dataBytes = dataObjects * OBJECT;
const bin = [process.execPath, path.join(program, 'bin/rbd-salvage.js')];
const device = path.join(WORK, `bluestore-3-${onodes}-${mib}.img`);
const about = `${device}.json`;
const list = `${device}.list`;
const catalog = path.join(WORK, 'bluestore.catalog');
const place = fs.mkdtempSync(path.join(given.dest, 'rbd-salvage-bench-'));
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const image = path.join(place, 'image.raw');
const copied = path.join(place, 'copied.raw');

fs.mkdirSync(WORK, { recursive: true });
if (!fs.existsSync(about)) {
  const { cephStrHashRjenkins: hash } = await import('../dist/ceph/placement.js');
  const { reverseBits32 } = await import('../dist/ceph/hobject.js');
  const made = makeDevice(device, { onodes, dataObjects, hash, reverseBits32 });
  fs.writeFileSync(about, JSON.stringify(made));
}
const { databaseBytes, dataAt } = JSON.parse(fs.readFileSync(about, 'utf8'));
const places = Array.from({ length: dataObjects }, (_, i) => i * OBJECT);
fs.writeFileSync(list, places.map((at) => `${at} ${dataAt + at} ${OBJECT} ${device}\n`).join(''));

const MIB = 2 ** 20;
const readDatabase = [
  ...['dd', `if=${device}`, 'of=/dev/null', 'bs=1M', 'status=none'],
  ...[`count=${Math.ceil(databaseBytes / MIB)}`, 'skip=16'],
];
const copyC = ['sh', '-c', 'exec "$0" "$1" 262144 <"$2"', tool('copy'), copied, list];
const scan = (jobs) => [...bin, 'scan', '--osd', device, '--jobs', jobs, '--catalog', catalog];
const exported = (...options) => [
  ...[...bin, 'export', '--catalog', catalog, '--pool', '2', '--id', '10000'],
  ...['--force', '-q', ...options, image],
];
/** Each has memory got beforehand. */
async function toMemory(argv) {
  for (const left of [copied, image, `${image}.map`, `${image}.report.json`]) {
    fs.rmSync(left, { force: true });
  }
  getMemory(mib);
  return measure(argv);
}

const workloads = {
  'read-database': () => measure(readDatabase),
  'scan-1': () => measure(scan('1')),
  'scan-2': () => measure(scan('2')),
  'copy-c': () => toMemory(copyC),
  'none-1': () => toMemory(exported('--jobs', '1', '--verify', 'none')),
  'digest-1': () => toMemory(exported('--jobs', '1')),
  none: () => toMemory(exported('--verify', 'none')),
  digest: () => toMemory(exported()),
};

const runs = Object.fromEntries(Object.keys(workloads).map((name) => [name, []]));
for (let round = 0; round < warm + rounds; round++) {
  for (const [name, run] of Object.entries(workloads)) {
    if (name.startsWith('scan')) fs.rmSync(catalog, { force: true });
    const cost = await run();
    if (round >= warm) runs[name].push(cost);
  }
}
// The bytes of both must be the same, whatever the times are.
await toMemory(copyC);
await measure(exported());
execFileSync('cmp', [copied, image]);

const cpu = ({ user, sys }) => user + sys;
const median = (name, of) => spread(runs[name].map(of)).median;
const ratios = (name, of) => {
  const { min, median, max } = spread(runs[name].map((run, i) => of(run) / of(runs['copy-c'][i])));
  return `${min.toFixed(2)} / **${median.toFixed(2)}** / ${max.toFixed(2)}`;
};
const SCANS = ['read-database', 'scan-1', 'scan-2'];
const rows = Object.keys(workloads).map((name) => {
  const seconds = median(name, cpu);
  const wall = median(name, (run) => run.wall);
  const each = SCANS.includes(name)
    ? `${Math.round(onodes / wall)} onodes/s, ${((seconds * 1e6) / onodes).toFixed(2)} us CPU each`
    : `${ratios(name, (run) => run.wall)} of copy-c; CPU ${ratios(name, cpu)}`;
  const peak = Math.round(spread(runs[name].map((run) => run.rss)).max / 1e6);
  return [name, wall.toFixed(2), seconds.toFixed(2), peak, each];
});
const head = [
  `${onodes} onodes, ${Math.round(databaseBytes / 1e6)} MB; ${mib} MiB of data`,
  'wall, s',
  'CPU, s',
  'peak RSS, MB',
  '',
];
const table = [head, head.map(() => '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
saveResults(`bluestore-${onodes}-${mib}`, { onodes, databaseBytes, dataBytes, runs }, table);
