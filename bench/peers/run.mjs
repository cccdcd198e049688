// Other ways to get an image back, on the same input in the same rounds: see ../README.md.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, spread } from '../lib/measure.mjs';
import { saveResults } from '../lib/results.mjs';
import { BENCH, options, tool, WORK } from '../lib/tools.mjs';
import { makeImages } from '../make-images.mjs';

const DEFAULTS = {
  mib: 512,
  rounds: 3,
  dest: '/dev/shm',
  program: path.join(BENCH, '..'),
  /** a live cluster: its ceph.conf, POOL/IMAGE (4 MiB objects), the only OSD's directory, how to stop it */
  conf: '',
  image: '',
  osd: '',
  stop: '',
  name: 'peers',
};

const HERE = path.dirname(fileURLToPath(import.meta.url));
const OBJECT = 4 << 20;
const given = options(DEFAULTS);
const place = fs.mkdtempSync(path.join(given.dest, 'rbd-salvage-bench-'));
process.on('exit', () => fs.rmSync(place, { recursive: true, force: true }));
process.on('SIGINT', () => process.exit(130));
const out = path.join(place, 'out.raw');
const script = (name) => path.join(HERE, name);
const has = (command) => spawnSync('which', [command], { stdio: 'ignore' }).status === 0;
const salvage = (...args) => [
  process.execPath,
  path.join(given.program, 'bin/rbd-salvage.js'),
  ...args,
];

async function timed(argv, env) {
  fs.rmSync(out, { force: true });
  const { stdout: _, ...cost } = await measure(argv, { env });
  for (const left of ['.report.json', '.map']) fs.rmSync(out + left, { force: true });
  return cost;
}

/** What all of them must have written. */
function check(name, expected) {
  const wrong = spawnSync('cmp', [expected, out], { encoding: 'utf8' });
  if (wrong.status !== 0) throw new Error(`${name}: ${wrong.stdout}${wrong.stderr}`);
}

/** Lines of OFFSET PATH for the copier in C. */
function writeList(id, directories) {
  const found = execFileSync(
    'find',
    [...directories, '-type', 'f', '-name', `*udata.${id}.*__head_*`],
    { maxBuffer: 1 << 28 },
  ).toString();
  const lines = found.split('\n').filter(Boolean);
  const offset = (file) => parseInt(/([0-9a-f]{16})__head/.exec(file)[1], 16) * OBJECT;
  const list = path.join(WORK, 'peers.list');
  fs.writeFileSync(
    list,
    lines
      .map((file) => `${offset(file)} ${file}\n`)
      .sort((a, b) => parseInt(a, 10) - parseInt(b, 10))
      .join(''),
  );
  return list;
}

/** The ways that need nothing but an OSD's files. */
function offline({ id, size, spec, osds }) {
  const list = writeList(id, osds);
  const catalog = path.join(WORK, 'peers.catalog');
  const currents = osds.map((osd) => path.join(osd, 'current'));
  const source = ['--catalog', catalog, '-q'];
  return [
    {
      name: 'copier in C',
      argv: [
        'sh',
        '-c',
        'exec "$0" "$1" 262144 <"$2" && truncate -s "$3" "$1"',
        tool('copy'),
        out,
        list,
        String(size),
      ],
    },
    { name: 'rbd-salvage export', argv: salvage('export', spec, out, ...source), catalog },
    {
      name: 'rbd-salvage scan and export',
      argv: salvage('export', spec, out, '-q', '--osd', ...osds),
    },
    { name: 'find, dd bs=4M', argv: [script('dd4m.sh'), id, String(size), out, ...currents] },
    {
      name: 'find, copy, dd bs=512',
      argv: [script('dd512.sh'), id, String(size), out, ...currents],
    },
  ];
}

async function scan(osds) {
  const catalog = path.join(WORK, 'peers.catalog');
  fs.rmSync(catalog, { force: true });
  await measure(salvage('scan', '--osd', ...osds, '--catalog', catalog, '-q'));
}

async function rounds(ways, expected, count = given.rounds) {
  const runs = Object.fromEntries(ways.map(({ name }) => [name, []]));
  for (let round = 0; round <= count; round++) {
    for (const { name, argv, env, unchecked } of ways) {
      const cost = await timed(argv, env);
      if (round > 0) runs[name].push(cost);
      else if (expected !== undefined && !unchecked) check(name, expected);
    }
  }
  return runs;
}

async function synthetic() {
  const tree = await makeImages({ mib: given.mib });
  const shape = {
    id: '10206b8b4567',
    size: tree.objects.plain * OBJECT,
    spec: '2/plain',
    osds: tree.paths,
  };
  await scan(tree.paths);
  const expected = path.join(place, 'expected.raw');
  const ways = offline(shape);
  await timed(ways[0].argv);
  fs.renameSync(out, expected);
  ways.push({
    name: 'cp --sparse of the finished image',
    argv: ['cp', '--sparse=always', expected, out],
  });
  const runs = await rounds(ways, expected);
  fs.rmSync(expected);
  return {
    title: `${given.mib} MiB in ${tree.objects.plain} objects on ${tree.paths.length} FileStore OSDs, made for this`,
    runs,
  };
}

/** First what asks the cluster, then, once it is stopped, what reads its OSD. */
async function real() {
  const why = ['rbd', 'ceph-objectstore-tool']
    .filter((command) => !has(command))
    .map((command) => `no ${command} here`);
  if (given.conf === '') why.push('no --conf of a live cluster given');
  if (why.length > 0) return { title: `A real cluster: left out, ${why.join(', ')}`, runs: {} };
  const env = { CEPH_CONF: given.conf };
  const rbd = (...args) =>
    execFileSync('rbd', args, { env: { ...process.env, ...env } }).toString();
  const info = JSON.parse(rbd('info', '--format', 'json', given.image));
  const id = info.block_name_prefix.replace(/^rbd_data\./, '');
  const expected = path.join(place, 'expected.raw');
  const live = await rounds([
    {
      name: 'rbd export (live cluster)',
      argv: ['rbd', 'export', '--no-progress', given.image, out],
      env,
    },
  ]);
  fs.renameSync(out, expected);
  execFileSync('sh', ['-c', given.stop], { stdio: 'ignore' });
  await scan([given.osd]);
  const ways = offline({ id, size: info.size, spec: given.image, osds: [given.osd] });
  const runs = await rounds(ways, expected);
  const slow = {
    name: 'ceph-objectstore-tool get-bytes',
    argv: [script('objectstore-tool.sh'), 'filestore', id, String(info.size), out, given.osd],
    env,
  };
  // It starts the store anew for each object: once is enough.
  runs[slow.name] = [await timed(slow.argv, env)];
  check(slow.name, expected);
  return {
    title: `${info.size / 2 ** 20} MiB, ${info.objects} objects, on one FileStore OSD of a real cluster`,
    runs: { ...runs, ...live },
  };
}

const fixed = (value) => value.toFixed(2);
function ratios(own, base, of) {
  const { min, median, max } = spread(own.map((run, i) => of(run) / of(base[i % base.length])));
  return own.length === 1
    ? `**${fixed(median)}**`
    : `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;
}

function table({ title, runs }) {
  const base = runs['copier in C'];
  const salvaged = runs['rbd-salvage export'];
  const cpu = ({ user, sys }) => user + sys;
  const rows = Object.entries(runs).map(([name, own]) => [
    name,
    spread(own.map(({ wall }) => wall)).median.toFixed(2),
    ratios(own, base, ({ wall }) => wall),
    ratios(own, base, cpu),
    ratios(own, salvaged, ({ wall }) => wall),
  ]);
  if (rows.length === 0) return title;
  const head = [
    'way',
    'wall s (median)',
    'wall, of the copier in C',
    'CPU of the process, of it',
    'wall, of rbd-salvage export',
  ];
  return `${title}\n\n${[head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n')}`;
}

const parts = [await synthetic(), await real()];
saveResults(
  given.name,
  { parts },
  `All write into ${given.dest} what was compared byte for byte once; sources in the page cache; ${given.rounds} rounds. The CPU of \`rbd export\` leaves out that of the cluster's daemons.\n\n${parts.map(table).join('\n\n')}`,
);
