// Slow disks scanned side by side and in turn: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { slowDisks, whyNoSlowDisks } from './lib/slow-disk.mjs';
import { BENCH, options, tool, WORK } from './lib/tools.mjs';
import { makeTree } from './make-tree.mjs';

const DEFAULTS = {
  disks: 4,
  copies: 200_000,
  /** KiB that each disk reads in a second */
  rate: 1024,
  rounds: 3,
  program: path.join(BENCH, '..'),
  name: '',
};
const ROOM_MIB = 256;

const given = options(DEFAULTS);
const reason = whyNoSlowDisks();
if (reason !== undefined) {
  process.stdout.write(`slow disks: left out, ${reason}\n`);
  process.exit(0);
}
const { disks, copies, rate } = given;
const place = path.join(WORK, `slow-scan-${disks}-${copies}`);
const { mounts, remount, slowed } = slowDisks(place, ROOM_MIB, Array(disks).fill(rate << 10));
remount(false);
const places = mounts.map((mount) => path.join(mount, 'osd'));
await makeTree({ copies, osds: disks, size: 1, images: 10 }, places);

const catalog = path.join(WORK, 'slow-scan.catalog');
const scan = (...osds) => [
  ...[process.execPath, path.join(given.program, 'bin/rbd-salvage.js'), 'scan', '-q'],
  ...['--jobs', '1', '--catalog', catalog, '--osd', ...osds],
];

// Its threads share one list of directories: with all disks in it, all of them sit on the same one.
const walkAll = [
  'sh',
  '-c',
  'walk=$0; for osd; do "$walk" 1 "$osd" & done; wait',
  tool('walk'),
  ...places,
];

/** Wall seconds of commands run one after the other, with nothing cached. */
async function cold(commands) {
  fs.rmSync(catalog, { force: true });
  remount(true);
  let wall = 0;
  for (const argv of commands) wall += (await measure(slowed(argv))).wall;
  return wall;
}

const runs = [];
for (let round = 0; round < given.rounds; round++) {
  runs.push({
    walk: await cold([walkAll]),
    inTurn: await cold(places.map((osd) => scan(osd))),
    together: await cold([scan(...places)]),
  });
}

const three = ({ min, median, max }) =>
  `${min.toFixed(2)} / **${median.toFixed(2)}** / ${max.toFixed(2)}`;
const lines = [
  ['', 'seconds', ''],
  ['---', '---', '---'],
  ['one disk after the other', three(spread(runs.map((run) => run.inTurn))), ''],
  [
    'all at once, one reader each',
    three(spread(runs.map((run) => run.together))),
    `${three(spread(runs.map((run) => run.inTurn / run.together)))} times as fast (target: ${(0.9 * disks).toFixed(1)})`,
  ],
  ['C walker, a process for each disk', three(spread(runs.map((run) => run.walk))), ''],
];
const title = `${disks} disks of ${rate} KiB/s (blkio throttle on loop devices), ${copies} object copies in all, caches emptied; ${given.rounds} rounds`;
saveResults(
  given.name || `slow-scan-${disks}`,
  { disks, copies, rate, runs },
  `${title}\n\n${lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`,
);
