// Other ways to get an image back, on the same input in the same rounds: see ../README.md.
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { getMemory, measure, spread } from '../lib/measure.mjs';
import { saveResults } from '../lib/results.mjs';
import { BENCH, options, tool, WORK } from '../lib/tools.mjs';
import { makeImages } from '../make-images.mjs';

const DEFAULTS = {
  /** of the image made for this; enough for starting Node not to weigh */
  mib: 4096,
  rounds: 3,
  dest: '/dev/shm',
  program: path.join(BENCH, '..'),
  /** `make`: a real cluster is made, with an image of so many MiB, and thrown away in the end (root, Ceph's daemons) */
  cluster: '',
  'cluster-mib': 1024,
  /** objects that ceph-objectstore-tool is asked for; the others are extrapolated, it takes about a second for each */
  'tool-objects': 16,
  /** another live cluster: its ceph.conf, POOL/IMAGE (4 MiB objects), the only OSD's directory, how to stop it */
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
// What was made goes however it ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(130));
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
  getMemory(given.mib);
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

const sparseCopy = (expected) => ({
  name: 'cp --sparse of the finished image',
  argv: ['cp', '--sparse=always', expected, out],
});

async function synthetic() {
  const tree = await makeImages({ mib: given.mib, images: 'plain' });
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
  ways.push(sparseCopy(expected));
  const runs = await rounds(ways, expected);
  fs.rmSync(expected);
  return {
    title: `${given.mib} MiB in ${tree.objects.plain} objects on ${tree.paths.length} FileStore OSDs, made for this`,
    runs,
  };
}

const CLUSTER = path.join(WORK, 'peers-cluster');
const liveCluster = (...args) => execFileSync(script('live-cluster.py'), args).toString();

function stopMade() {
  if (!fs.existsSync(CLUSTER)) return;
  liveCluster('stop', CLUSTER);
  fs.rmSync(CLUSTER, { recursive: true, force: true });
}

/** Why there is no cluster to ask; undefined: there is one, or one can be made. */
function whyNoCluster() {
  const commands = ['rbd', 'ceph-objectstore-tool'];
  if (given.cluster === 'make') commands.push('ceph-mon', 'ceph-mgr', 'ceph-osd');
  const why = commands.filter((command) => !has(command)).map((command) => `no ${command} here`);
  if (given.cluster === 'make' && process.getuid() !== 0) why.push('making one needs root');
  if (given.cluster === '' && given.conf === '')
    why.push('neither --cluster make nor --conf given');
  return why.length > 0 ? why.join(', ') : undefined;
}

/** The live cluster to ask: where its parts are, and how to stop it. */
function cluster() {
  if (given.cluster !== 'make') {
    const { conf, image, osd } = given;
    return {
      conf,
      image,
      osd,
      stop: () => execFileSync('sh', ['-c', given.stop], { stdio: 'ignore' }),
    };
  }
  stopMade();
  process.on('exit', stopMade);
  const made = JSON.parse(liveCluster('up', CLUSTER, String(given['cluster-mib'])));
  return { ...made, stop: () => liveCluster('stop', CLUSTER) };
}

/** Objects of the image that `out` has must be right. */
function checkObjects(name, expected, size, step) {
  const [a, b] = [expected, out].map((file) => fs.openSync(file));
  const [right, found] = [Buffer.alloc(OBJECT), Buffer.alloc(OBJECT)];
  for (let at = 0; at < size; at += OBJECT * step) {
    const n = fs.readSync(a, right, 0, OBJECT, at);
    if (fs.readSync(b, found, 0, OBJECT, at) !== n || !right.equals(found))
      throw new Error(`${name}: wrong bytes at ${at}`);
  }
  for (const fd of [a, b]) fs.closeSync(fd);
}

/** Ceph's own tool starts the store anew for each object: some of them tell what all would take. */
async function objectstoreTool({ id, size, objects, osd, env }, expected) {
  const step = Math.max(1, Math.floor(objects / given['tool-objects']));
  const count = Math.ceil(objects / step);
  const argv = [script('objectstore-tool.sh'), 'filestore', id, String(size), out, osd];
  await timed([...argv, '0'], env); // the first start may have a journal to go through
  const runs = [];
  for (let round = 0; round < given.rounds; round++) {
    const listed = await timed([...argv, '0'], env);
    const some = await timed([...argv, String(step)], env);
    checkObjects('ceph-objectstore-tool', expected, size, step);
    const all = (cost) => listed[cost] + ((some[cost] - listed[cost]) / count) * objects;
    const measured = { listed, some, count };
    runs.push({ wall: all('wall'), user: all('user'), sys: all('sys'), rss: some.rss, measured });
  }
  const part = count < objects ? ` (extrapolated from ${count} of ${objects} objects)` : '';
  return [`ceph-objectstore-tool get-bytes${part}`, runs];
}

/** First what asks the cluster, then, once it is stopped, what reads its OSD. */
async function real() {
  const why = whyNoCluster();
  if (why !== undefined) return { title: `A real cluster: left out, ${why}`, runs: {} };
  const { conf, image, osd, stop } = cluster();
  const env = { CEPH_CONF: conf };
  const rbd = (...args) =>
    execFileSync('rbd', args, { env: { ...process.env, ...env } }).toString();
  const {
    size,
    objects,
    block_name_prefix: prefix,
  } = JSON.parse(rbd('info', '--format', 'json', image));
  const id = prefix.replace(/^rbd_data\./, '');
  const expected = path.join(place, 'expected.raw');
  const live = await rounds([
    {
      name: 'rbd export (live cluster)',
      argv: ['rbd', 'export', '--no-progress', image, out],
      env,
    },
  ]);
  fs.renameSync(out, expected);
  stop();
  await scan([osd]);
  const ways = offline({ id, size, spec: image, osds: [osd] });
  ways.push(sparseCopy(expected));
  const runs = await rounds(ways, expected);
  const [name, tool] = await objectstoreTool({ id, size, objects, osd, env }, expected);
  return {
    title: `${size / 2 ** 20} MiB, ${objects} objects, on one FileStore OSD of a real cluster (${cephVersion()})`,
    runs: { ...runs, [name]: tool, ...live },
  };
}

const cephVersion = () => /ceph version \S+/.exec(execFileSync('rbd', ['--version']).toString())[0];

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
