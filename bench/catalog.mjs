// What the catalog costs without a disk walk: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, spread } from './lib/measure.mjs';
import { saveResults } from './lib/results.mjs';
import { loadImages, makeCatalog } from './lib/synthetic-catalog.mjs';
import { BENCH, options, WORK } from './lib/tools.mjs';

const DEFAULTS = {
  program: path.join(BENCH, '..'),
  rows: 1_000_000,
  images: 60,
  /** how many of them have a header; -1: all */
  headers: -1,
  rounds: 5,
  name: '',
  step: '',
};
const IMAGES_LOADED = 20;

const self = fileURLToPath(import.meta.url);
const given = options(DEFAULTS);
const { program, rows, images } = given;
const headers = given.headers < 0 ? images : given.headers;
fs.mkdirSync(WORK, { recursive: true });
const kind = headers === images ? '' : `-${headers}-headers`;
const file = path.join(WORK, `rows-${rows}${kind}.catalog`);
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** Each step in a process of its own, since its peak memory is what is asked for. */
const step = async (name) => {
  const cost = await measure([
    process.execPath,
    self,
    '--step',
    name,
    '--program',
    program,
    '--rows',
    String(rows),
    '--images',
    String(images),
    '--headers',
    String(headers),
  ]);
  return { ...cost, ...JSON.parse(cost.stdout) };
};

async function rounds() {
  const runs = { make: [], load: [], names: [], ls: [] };
  const bin = path.join(program, 'bin/rbd-salvage.js');
  const list = (...options) =>
    measure([process.execPath, bin, 'ls', ...options, '--catalog', file], { mayFail: true });
  for (let round = 0; round < given.rounds; round++) {
    runs.make.push(await step('make'));
    runs.load.push(await step('load'));
    runs.names.push(await list());
    runs.ls.push(await list('-l'));
  }
  return runs;
}

const seconds = (values) => spread(values).median.toFixed(3);
const megabytes = (values) => Math.round(spread(values).max / 1e6);

function table({ make, load, names, ls }) {
  const all = (list, key) => list.map((run) => run[key]);
  const loads = load.flatMap((run) => run.loads);
  const { min, median, max } = spread(loads.map((l) => l.seconds * 1000));
  const lines = [
    ['catalog bytes per row', (make[0].bytes / rows).toFixed(2)],
    ['gather and pack, s', seconds(all(make, 'gatherAndPack'))],
    ['write, s', seconds(all(make, 'write'))],
    ['peak RSS while making it, MB', megabytes(all(make, 'rss'))],
    ['open, heads of all segments, s', seconds(all(load, 'opened'))],
    [
      `rows of one image (${loads[0].rows}), ms`,
      `${min.toFixed(1)} / ${median.toFixed(1)} / ${max.toFixed(1)}`,
    ],
    ['peak RSS while loading, MB', megabytes(all(load, 'rss'))],
    ['`ls`, s', seconds(all(names, 'wall'))],
    ['`ls`, peak RSS, MB', megabytes(all(names, 'rss'))],
    ['`ls -l`, s', seconds(all(ls, 'wall'))],
    ['`ls -l`, peak RSS, MB', megabytes(all(ls, 'rss'))],
  ];
  const head = [
    `${rows} rows, ${images} images, ${headers} with a header`,
    `median of ${make.length} (peaks: the highest)`,
  ];
  return [head, ['---', '---'], ...lines].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

if (given.step === 'make') print(await makeCatalog(program, file, { rows, images, headers }));
else if (given.step === 'load') print(await loadImages(program, file, IMAGES_LOADED));
else {
  const runs = await rounds();
  saveResults(given.name || `catalog-${rows}${kind}`, { rows, images, headers, runs }, table(runs));
}
