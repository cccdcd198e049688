// Indexing a BlueStore OSD with many objects, and reading their data: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { makeDevice } from './lib/bluestore.mjs';
import { measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { BENCH, options, WORK } from './lib/tools.mjs';

const DATA_OBJECTS = 256;
const DATA_BYTES = DATA_OBJECTS << 22;
const given = options({ program: path.join(BENCH, '..'), onodes: 1_000_000, rounds: 3, warm: 1 });
const { program, onodes, rounds, warm } = given;
const bin = [process.execPath, path.join(program, 'bin/rbd-salvage.js')];
const device = path.join(WORK, `bluestore-${onodes}.img`);
const about = `${device}.json`;
const catalog = path.join(WORK, 'bluestore.catalog');
const image = path.join(WORK, 'bluestore.raw');

fs.mkdirSync(WORK, { recursive: true });
if (!fs.existsSync(about)) {
  fs.writeFileSync(
    about,
    JSON.stringify(makeDevice(device, { onodes, dataObjects: DATA_OBJECTS })),
  );
}
const { databaseBytes, dataAt } = JSON.parse(fs.readFileSync(about, 'utf8'));

const dd = (bytes, skip, of) => [
  'dd',
  `if=${device}`,
  `of=${of}`,
  'bs=1M',
  `count=${Math.ceil(bytes / 2 ** 20)}`,
  `skip=${skip / 2 ** 20}`,
  'status=none',
];
const scan = (jobs) => [...bin, 'scan', '--osd', device, '--jobs', jobs, '--catalog', catalog];
const source = ['--catalog', catalog, '--pool', '2', '--id', '10000', '--size', String(DATA_BYTES)];

const workloads = {
  'read-database': () => measure(dd(databaseBytes, 16 * 2 ** 20, '/dev/null')),
  'scan-1': () => measure(scan('1')),
  'scan-2': () => measure(scan('2')),
  'read-data': () => measure(dd(DATA_BYTES, dataAt, '/dev/null')),
  'copy-data': () => measure(dd(DATA_BYTES, dataAt, image)),
  // No PG metadata vouches for these objects: what is read is right, the status says doubtful.
  export: () => measure([...bin, 'export', ...source, image], { mayFail: true }),
  'export-none': () =>
    measure([...bin, 'export', '--verify', 'none', ...source, image], { mayFail: true }),
};

const runs = Object.fromEntries(Object.keys(workloads).map((name) => [name, []]));
for (let round = 0; round < warm + rounds; round++) {
  for (const [name, run] of Object.entries(workloads)) {
    if (name.startsWith('scan')) fs.rmSync(catalog, { force: true });
    fs.rmSync(image, { force: true });
    const cost = await run();
    if (round >= warm) runs[name].push(cost);
  }
}
fs.rmSync(image, { force: true });

const cpu = ({ user, sys }) => user + sys;
const median = (name, of) => spread(runs[name].map(of)).median;
const rows = Object.keys(workloads).map((name) => {
  const isScan = name.startsWith('scan') || name === 'read-database';
  const seconds = median(name, cpu);
  const wall = median(name, (run) => run.wall);
  const each = isScan
    ? `${Math.round(onodes / wall)} onodes/s, ${((seconds * 1e6) / onodes).toFixed(2)} us CPU each`
    : `${((seconds * 2 ** 30) / DATA_BYTES).toFixed(2)} s CPU/GiB`;
  const peak = Math.round(spread(runs[name].map((run) => run.rss)).max / 1e6);
  return [name, wall.toFixed(2), seconds.toFixed(2), peak, each];
});
const head = [
  `${onodes} onodes, ${Math.round(databaseBytes / 1e6)} MB`,
  'wall, s',
  'CPU, s',
  'peak RSS, MB',
  '',
];
const table = [head, head.map(() => '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
saveResults(`bluestore-${onodes}`, { onodes, databaseBytes, dataBytes: DATA_BYTES, runs }, table);
