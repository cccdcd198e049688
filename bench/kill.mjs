// How much is read again by an export that is killed (SIGKILL) again and again: see README.md.
import { spawn, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { saveResults } from './lib/results.mjs';
import { BENCH, options, WORK } from './lib/tools.mjs';
import { makeImages } from './make-images.mjs';

const given = options({ mib: 5120, osds: 3, kills: 50, dest: WORK, seed: 1, name: '' });
await makeImages({ mib: given.mib, osds: given.osds });
const catalog = path.join(WORK, 'export.catalog');
const bin = path.join(BENCH, '../bin/rbd-salvage.js');
const place = fs.mkdtempSync(path.join(given.dest, 'kill-'));
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));
const out = path.join(place, 'out.raw');
const argv = (dest, ...more) => [
  bin,
  'export',
  '2/plain',
  dest,
  '--catalog',
  catalog,
  '-q',
  ...more,
];

/** Bytes that a process has read so far, by all its threads. */
const bytesRead = (pid) =>
  Number(/^rchar: (\d+)/m.exec(fs.readFileSync(`/proc/${pid}/io`, 'latin1'))[1]);

/** Runs until `ms` are over, stops all threads, counts, kills. @returns undefined when it was done before */
async function killed(ms) {
  const child = spawn(process.execPath, argv(out), { stdio: 'inherit' });
  let over = false;
  const ended = new Promise((resolve) => child.on('exit', resolve)).then((status) => {
    over = true;
    if (status !== 0 && status !== null) throw new Error(`exit ${status}`);
  });
  await Promise.race([ended, delay(ms)]);
  if (over) return undefined;
  child.kill('SIGSTOP');
  await delay(20);
  const read = bytesRead(child.pid);
  child.kill('SIGKILL');
  await ended;
  return read;
}

/** Bytes read by a run that is not disturbed. */
async function undisturbed(...args) {
  const child = spawn(process.execPath, args, { stdio: 'ignore' });
  let read = 0;
  const timer = setInterval(() => {
    try {
      read = Math.max(read, bytesRead(child.pid));
    } catch {}
  }, 2);
  await new Promise((resolve) => child.on('exit', resolve));
  clearInterval(timer);
  return read;
}

let seed = given.seed;
const random = () => {
  seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
  return seed / 2 ** 32;
};

const once = path.join(place, 'once.raw');
const started = performance.now();
const whole = await undisturbed(...argv(once));
const wholeMs = performance.now() - started;
// What every start reads: the program, the catalog, attributes.
const start = await undisturbed(...argv(out, '--dry-run'));

let kills = 0;
let read = 0;
while (kills < given.kills) {
  // Spread over the whole export, whatever a start costs.
  const bytes = await killed(300 + (random() * 2 * wholeMs) / given.kills);
  if (bytes === undefined) break;
  kills++;
  read += bytes - start;
}
if (fs.existsSync(`${out}.partial`)) read += (await undisturbed(...argv(out))) - start;
const same = spawnSync('cmp', [out, once], { encoding: 'utf8' });
if (same.status !== 0) throw new Error(`the image is wrong: ${same.stdout}${same.stderr}`);
const again = read - (whole - start);
const percent = (100 * again) / (whole - start);
const text = [
  `An image of ${given.mib} MiB, exported to a disk in ${(wholeMs / 1000).toFixed(1)} s when undisturbed; the same killed`,
  `${kills} times at random moments (SIGKILL) and gone on with: the result is the same byte for byte.`,
  `Read: ${Math.round((whole - start) / 2 ** 20)} MiB undisturbed, ${Math.round(read / 2 ** 20)} MiB with all the kills: ${percent.toFixed(1)} % again,`,
  `${(percent / Math.max(1, kills)).toFixed(2)} % for each kill (starts, of ${(start / 2 ** 20).toFixed(1)} MiB each, not counted).`,
].join('\n');
console.log(text);
saveResults(
  given.name || `kill-${given.mib}`,
  { ...given, dest: path.relative(BENCH, given.dest), whole, start, read, kills, percent },
  text,
);
