// What an export makes of a disk that stops answering in the middle of it: see README.md.
import { spawn } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { saveResults } from './lib/results.mjs';
import { slowDisks, whyNoSlowDisks } from './lib/slow-disk.mjs';
import { BENCH, options, WORK } from './lib/tools.mjs';
import { makeImages } from './make-images.mjs';

const given = options({
  disks: 3,
  mib: 480,
  /** MiB/s of each disk */
  rate: 20,
  /** seconds until one hangs, and until it is given up */
  after: 2,
  timeout: 4,
  dest: '/dev/shm',
  program: path.join(BENCH, '..'),
  name: 'hang',
});
const reason = whyNoSlowDisks();
if (reason !== undefined) {
  process.stdout.write(`a hanging disk: left out, ${reason}\n`);
  process.exit(0);
}
const { disks, mib, rate } = given;
const HANGS = 1;
const place = fs.mkdtempSync(path.join(given.dest, 'rbd-salvage-bench-'));
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));
const program = (...args) => [
  process.execPath,
  path.join(given.program, 'bin/rbd-salvage.js'),
  ...args,
];

/** Runs a command; `meanwhile` may do something to its disks. */
async function run(argv, meanwhile = async () => {}) {
  const began = performance.now();
  const child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] });
  const [out, err] = [child.stdout, child.stderr].map((stream) => {
    const parts = [];
    stream.on('data', (part) => parts.push(part));
    return parts;
  });
  const ended = new Promise((resolve) => child.on('close', resolve));
  await meanwhile(child.pid);
  const status = await ended;
  const seconds = (performance.now() - began) / 1000;
  return {
    status,
    seconds,
    out: Buffer.concat(out).toString(),
    err: Buffer.concat(err).toString(),
  };
}

/** Has it ended but for threads that the kernel does not let go? Its parent cannot tell. */
const isZombie = (pid) => {
  try {
    return fs.readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].startsWith('Z');
  } catch {
    return false;
  }
};

/** Ranges of `file` that are not what `truth` holds, in blocks of 4 KiB. */
function differences(file, truth) {
  const block = 4096;
  const [a, b] = [file, truth].map((name) => fs.openSync(name));
  const [left, right] = [Buffer.alloc(1 << 20), Buffer.alloc(1 << 20)];
  const { size } = fs.fstatSync(b);
  const found = [];
  for (let at = 0; at < size; at += left.length) {
    const n = fs.readSync(b, right, 0, right.length, at);
    left.fill(0);
    fs.readSync(a, left, 0, n, at);
    if (left.compare(right, 0, n, 0, n) === 0) continue;
    for (let i = 0; i < n; i += block) {
      if (left.compare(right, i, i + block, i, i + block) !== 0) found.push(at + i);
    }
  }
  for (const fd of [a, b]) fs.closeSync(fd);
  return { found, size, sameSize: fs.statSync(file).size === size };
}

async function measureCopies(copies) {
  const room = Math.ceil((mib * copies) / disks) * 2 + 256;
  const speeds = Array.from({ length: disks }, () => rate * 2 ** 20);
  const home = path.join(WORK, `hang-${disks}x${copies}-${mib}`);
  const { mounts, remount, slowed, hang, release } = slowDisks(home, room, speeds);
  remount(false);
  const paths = mounts.map((mount, i) => path.join(mount, `osd.${i}`));
  await makeImages({ mib, osds: disks, copies, images: 'plain' }, paths);
  remount(true);
  const catalog = path.join(place, 'catalog');
  const truth = path.join(place, 'truth.raw');
  const out = path.join(place, 'out.raw');
  const exported = (dest, ...more) =>
    program('export', '2/plain', dest, '--catalog', catalog, '--format', 'json', ...more);
  for (const name of fs.readdirSync(place)) fs.rmSync(path.join(place, name));
  await run(program('scan', '--osd', ...paths, '--catalog', catalog, '-q'));
  remount(true);
  const undisturbed = await run(slowed(exported(truth)));
  remount(true);
  const timeout = ['--read-timeout', String(given.timeout)];
  let lingered = false;
  const began = performance.now();
  let over = 0;
  const hung = await run(slowed(exported(out, ...timeout)), async (pid) => {
    await delay(given.after * 1000);
    hang(HANGS);
    // What cannot be killed is let go, so that its status can be had.
    const look = setInterval(() => {
      if (fs.existsSync(`/proc/${pid}`) && !isZombie(pid)) return;
      clearInterval(look);
      over = (performance.now() - began) / 1000;
      lingered = fs.existsSync(`/proc/${pid}`);
      release(HANGS);
    }, 100);
  });
  const { lost = [], doubtful = [] } = JSON.parse(hung.out);
  const named = [...lost, ...doubtful];
  const { found, sameSize } = differences(out, truth);
  const unnamed = found.filter(
    (at) => !named.some(({ offset, length }) => at >= offset && at < offset + length),
  );
  release(HANGS);
  remount(true);
  // Nothing is left to do where nothing was lost.
  const again = hung.status === 0 ? { status: 0, seconds: 0 } : await run(slowed(exported(out)));
  const after = differences(out, truth);
  const bytesOf = (list) => list.reduce((sum, { length }) => sum + length, 0);
  return {
    copies,
    undisturbed: { status: undisturbed.status, seconds: undisturbed.seconds },
    hung: {
      ...{ status: hung.status, seconds: over || hung.seconds, sameSize, lingered },
      ...{ lost: bytesOf(lost), doubtful: bytesOf(doubtful), ranges: named.length },
      ...{ differing: found.length * 4096, unnamed: unnamed.length * 4096 },
      says: hung.err.split('\n').filter((line) => /answer|given up|silent/.test(line)),
    },
    again: {
      ...{ status: again.status, seconds: again.seconds },
      differing: after.found.length * 4096,
    },
  };
}

const results = [];
for (const copies of [2, 1]) results.push(await measureCopies(copies));
const mega = (bytes) => (bytes / 2 ** 20).toFixed(1);
const head = [
  ...[
    'copies',
    'undisturbed: status, s',
    'one disk hangs: status, s',
    'lost, MiB',
    'doubtful, MiB',
  ],
  ...['wrong and named, MiB', 'wrong and not named', 'once it answers: status, s', 'wrong then'],
];
const rows = results.map(({ copies, undisturbed, hung, again }) => [
  String(copies),
  `${undisturbed.status}, ${undisturbed.seconds.toFixed(1)}`,
  `${hung.status}, ${hung.seconds.toFixed(1)}`,
  ...[
    mega(hung.lost),
    mega(hung.doubtful),
    mega(hung.differing - hung.unnamed),
    String(hung.unnamed),
  ],
  `${again.status}, ${again.seconds.toFixed(1)}`,
  String(again.differing),
]);
const table = [head, head.map(() => '---'), ...rows]
  .map((cells) => `| ${cells.join(' | ')} |`)
  .join('\n');
const title =
  `${disks} disks of ${rate} MiB/s, an image of ${mib} MiB; one answers no more after ${given.after} s, ` +
  `--read-timeout ${given.timeout}`;
const { program: _, ...shape } = given;
saveResults(given.name, { ...shape, results }, `${title}\n\n${table}`);
for (const { copies, undisturbed, hung, again } of results) {
  const isRight = hung.unnamed === 0 && hung.sameSize && again.differing === 0;
  // With one copy the disk must have been missed, or it hung too late; with two nothing may be.
  const expected =
    undisturbed.status === 0 && hung.status === (copies === 1 ? 3 : 0) && again.status === 0;
  const wasFelt = hung.seconds > undisturbed.seconds;
  if (!isRight || !expected || !wasFelt) process.exitCode = 1;
}
