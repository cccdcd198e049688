// A small version of every benchmark, one after the other, and one table: npm run bench. See README.md.
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { spread } from './lib/measure.mjs';
import { whyNoSlowDisks } from './lib/slow-disk.mjs';
import { ratios, savedResults, seconds, table, three } from './lib/summary.mjs';
import { BENCH } from './lib/tools.mjs';

/** A row of the table: [workload, figure, baseline, ratio, target]. */
const timed = (runs, name, base, target = '') =>
  runs[name] && runs[base]
    ? [
        name,
        seconds(runs[name]),
        `${base}: ${seconds(runs[base])}`,
        ratios(runs[name], runs[base]),
        target,
      ]
    : undefined;
const median = (values) => spread(values).median;

function scanRows({ runs, tree }) {
  const bytes = median(runs['scan-1'].map(({ catalogBytes }) => catalogBytes));
  return [
    timed(runs, 'scan-1', 'walk-1', '<= 1.35'),
    timed(runs, 'scan-2', 'walk-2', '<= 1.6'),
    timed(runs, 'scan-1-plain', 'walk-1', '<= 2'),
    timed(runs, 'scan-1', 'find', '<= 1'),
    timed(runs, 'scan-2', 'find', '<= 0.67'),
    timed(runs, 'refresh-1', 'scan-1'),
    ['catalog of scan-1', `${(bytes / tree.copies).toFixed(2)} bytes a copy`, '', '', '<= 20'],
  ];
}

function catalogRows({ runs, rows }) {
  const of = (step, field) => median(runs[step].map((run) => run[field]));
  return [
    [`gather and pack ${rows} rows`, `${of('make', 'gatherAndPack').toFixed(3)} s`, '', '', ''],
    ['write them', `${of('make', 'write').toFixed(3)} s`, '', '', ''],
  ];
}

/** All should grow with what is touched: the largest against the one before it. */
function growthRows({ sizes }) {
  const [before, last] = sizes.filter(({ images }) => images === sizes[0].images).slice(-2);
  const row = (name, of, target) => [
    `${name}, ${last.copies} copies`,
    `${median(last.runs.map(of)).toFixed(3)} s`,
    `${before.copies} copies: ${median(before.runs.map(of)).toFixed(3)} s`,
    three(last.runs.map((run, i) => of(run) / of(before.runs[i]))),
    target,
  ];
  const most = `<= ${last.copies / before.copies}`;
  return [
    row('scan', ({ scan }) => scan.wall, most),
    row('ls -l', ({ ls }) => ls.wall, most),
    row('load one image', ({ image }) => image.seconds, most),
  ];
}

const exportRows = ({ runs }) => [
  timed(runs, 'none-1', 'copy-c'),
  timed(runs, 'digest-1', 'copy-c', '<= 1.15'),
  timed(runs, 'digest-1', 'cp-sparse', '<= 1.2'),
  timed(runs, 'digest-1', 'none-1', '<= 1.15'),
  ...['striped', 'child', 'snaps@s1'].map((name) => timed(runs, name, `copy-c ${name}`)),
];

const blueRows = ({ runs }) => [
  timed(runs, 'scan-1', 'read-database'),
  timed(runs, 'digest', 'copy-c'),
];

const killRows = ({ kills, percent }) => [
  [
    `read again after ${kills} kills`,
    `${percent.toFixed(1)} %`,
    'what one undisturbed run reads',
    `${(percent / kills).toFixed(2)} % a kill`,
    '',
  ],
];

function slowScanRows({ disks, runs }) {
  const [together, inTurn] = ['together', 'inTurn'].map((way) => runs.map((run) => run[way]));
  return [
    [
      `scan of ${disks} slow disks at once`,
      `${median(together).toFixed(2)} s`,
      `in turn: ${median(inTurn).toFixed(2)} s`,
      `${three(runs.map((run) => run.inTurn / run.together))} times as fast`,
      `>= ${(0.9 * disks).toFixed(1)}`,
    ],
  ];
}

function slowDiskRows({ shape, once, measured, runs }) {
  const given = `what the disks give: ${(measured / 2 ** 20).toFixed(1)} MiB/s`;
  return ['export', 'export to -'].map((name) => {
    const speeds = runs[name].map((run) => once / run.wall);
    return [
      `${name} from ${shape.disks} slow disks`,
      `${(median(speeds) / 2 ** 20).toFixed(1)} MiB/s`,
      given,
      three(speeds.map((speed) => speed / measured)),
      '>= 0.85',
    ];
  });
}

function peerRows({ parts }) {
  const [{ runs }] = parts;
  const ours = 'rbd-salvage export';
  const others = Object.keys(runs).filter((name) => !name.startsWith('rbd-salvage'));
  return others.map((name) => timed(runs, name, ours));
}

/** Script, options that keep it small, the rows of what it saves, and why it cannot run here. */
const BENCHES = [
  ['run.mjs', 'small-scan', ['--copies', 200000, '--size', 3, '--rounds', 3], scanRows],
  ['catalog.mjs', 'small-catalog', ['--rows', 500000, '--rounds', 2], catalogRows],
  [
    'growth.mjs',
    'small-growth',
    ['--copies', '100000,400000', '--images', '10', '--rounds', 2],
    growthRows,
  ],
  ['export.mjs', 'small-export', ['--mib', 512, '--rounds', 2], exportRows],
  [
    'bluestore.mjs',
    'bluestore-50000-512',
    ['--onodes', 50000, '--mib', 512, '--rounds', 1],
    blueRows,
  ],
  ['kill.mjs', 'small-kill', ['--mib', 512, '--kills', 4], killRows],
  ['peers/run.mjs', 'small-peers', ['--mib', 256, '--rounds', 1], peerRows],
  [
    'slow-scan.mjs',
    'small-slow-scan',
    ['--copies', 80000, '--rounds', 1],
    slowScanRows,
    whyNoSlowDisks,
  ],
  [
    ...['slow-disks.mjs', 'small-slow-disks'],
    ['--mib', 320, '--rounds', 1, '--only', 'all disks,start,export,export to -'],
    ...[slowDiskRows, whyNoSlowDisks],
  ],
];
/** Scripts that give their results a name of their own. */
const NAMES_ITSELF = ['bluestore.mjs'];

// Some machines have each Node read a bundle of certificates as it starts: see lib/measure.mjs.
delete process.env.NODE_EXTRA_CA_CERTS;
const rows = [];
const left = [
  "peers on a real cluster: node bench/peers/run.mjs --cluster make (root, Ceph's daemons; some minutes)",
];
const failed = [];
const started = performance.now();
for (const [script, name, options, rowsOf, whyNot] of BENCHES) {
  const why = whyNot?.();
  if (why !== undefined) {
    left.push(`${script}: ${why}`);
    continue;
  }
  const argv = [...options.map(String), ...(NAMES_ITSELF.includes(script) ? [] : ['--name', name])];
  process.stdout.write(`\n## ${script} ${argv.join(' ')}\n\n`);
  const since = Date.now();
  const from = performance.now();
  const { status } = spawnSync(process.execPath, [path.join(BENCH, script), ...argv], {
    stdio: 'inherit',
  });
  process.stdout.write(`\n(${Math.round((performance.now() - from) / 1000)} s)\n`);
  if (status !== 0) failed.push(script);
  else {
    const own = rowsOf(savedResults(name, since)).filter(Boolean);
    rows.push(
      ...own.map(([workload, ...cells]) => [
        `${path.dirname(script) === '.' ? path.basename(script, '.mjs') : path.dirname(script)}: ${workload}`,
        ...cells,
      ]),
    );
  }
}

const all = table(['workload', 'figure', 'baseline', 'ratio, min / median / max', 'target'], rows);
process.stdout.write(`\n## All of it\n\n${all}\n
Targets are for larger inputs (README.md): at these sizes starting Node weighs.
${left.map((what) => `Left out: ${what}\n`).join('')}${failed.map((what) => `FAILED: ${what}\n`).join('')}
${BENCHES.length} benchmarks in ${Math.round((performance.now() - started) / 1000)} s, ${failed.length} failed\n`);
process.exitCode = failed.length > 0 ? 1 : 0;
