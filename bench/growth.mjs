// How a scan and the opening of its catalog grow with objects and with images: see README.md.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { measure, spread } from './lib/measure.mjs';
import { plot } from './lib/plot.mjs';
import { saveResults } from './lib/results.mjs';
import { loadImages } from './lib/synthetic-catalog.mjs';
import { BENCH, options, WORK } from './lib/tools.mjs';
import { makeTree } from './make-tree.mjs';

const DEFAULTS = {
  /** object copies with 10 images, and images with the middle number of copies */
  copies: '100000,1000000,10000000',
  images: '1,10,100',
  rounds: 3,
  jobs: 2,
  program: path.join(BENCH, '..'),
  name: 'growth',
  /** internal: open this catalog and print what it cost */
  open: '',
};
const IMAGES = 10;

const self = fileURLToPath(import.meta.url);
const given = options(DEFAULTS);
const bin = path.join(given.program, 'bin/rbd-salvage.js');
const numbers = (list) => list.split(',').map(Number);

async function runOnce({ paths }, file) {
  fs.rmSync(file, { force: true });
  const scan = [process.execPath, bin, 'scan', '--osd', ...paths, '--catalog', file];
  const scanned = await measure([...scan, '--jobs', String(given.jobs), '-q']);
  const refreshed = await measure([...scan, '--jobs', String(given.jobs), '-q']);
  const ls = await measure([process.execPath, bin, 'ls', '-l', '--catalog', file], {
    mayFail: true,
  });
  const opened = await measure([
    process.execPath,
    self,
    '--open',
    file,
    '--program',
    given.program,
  ]);
  const { loads } = JSON.parse(opened.stdout);
  return {
    scan: scanned,
    refresh: refreshed,
    ls,
    image: { ...loads[0], rss: opened.rss },
    bytes: fs.statSync(file).size,
  };
}

/** One image exported: its objects are empty, so that what is measured is what each costs whatever is in it. */
async function exportImage(file) {
  const out = path.join(WORK, 'growth.raw');
  const left = ['', '.map', '.report.json', '.partial'].map((name) => out + name);
  const remove = () => {
    for (const name of left) fs.rmSync(name, { force: true });
  };
  remove();
  const options = ['--force', '--no-space-check', '-q'];
  // No PG metadata vouches for them.
  const cost = await measure(
    [process.execPath, bin, 'export', '2/image0', out, '--catalog', file, ...options],
    { mayFail: true },
  );
  remove();
  if (cost.status !== 3) throw new Error(`export of image0: status ${cost.status}`);
  return cost;
}

async function measureSize(copies, images) {
  const tree = await makeTree({ copies, osds: 3, size: 1, images });
  const file = path.join(WORK, 'growth.catalog');
  const runs = [];
  for (let round = 0; round <= given.rounds; round++) {
    const run = await runOnce(tree, file);
    if (round > 0) runs.push(run);
  }
  // Once: a million objects take a minute.
  const exported = await exportImage(file);
  fs.rmSync(file);
  return { copies, images, runs, exported };
}

const median = (runs, of) => spread(runs.map(of)).median;
const megabytes = (bytes) => String(Math.round(bytes / 1e6));

function row({ copies, images, runs, exported }) {
  const cpu = ({ user, sys }) => user + sys;
  const { rows } = runs[0].image;
  return [
    copies.toLocaleString('en-US'),
    String(images),
    median(runs, ({ scan }) => scan.wall).toFixed(2),
    ((median(runs, ({ scan }) => cpu(scan)) / copies) * 1e6).toFixed(2),
    megabytes(median(runs, ({ scan }) => scan.rss)),
    (runs[0].bytes / copies).toFixed(2),
    median(runs, ({ refresh }) => refresh.wall).toFixed(2),
    median(runs, ({ ls }) => ls.wall).toFixed(2),
    megabytes(median(runs, ({ ls }) => ls.rss)),
    String(rows),
    (median(runs, ({ image }) => image.seconds) * 1000).toFixed(1),
    exported.wall.toFixed(2),
    ((exported.wall / rows) * 1e6).toFixed(0),
    megabytes(exported.rss),
  ];
}

function table(sizes) {
  const head = [
    ...['copies', 'images', 'scan s', 'scan CPU µs/copy', 'scan peak MB', 'catalog B/copy'],
    ...['refresh s', '`ls -l` s', '`ls -l` peak MB', 'rows of one image', 'to load them ms'],
    ...['to export it s', 'µs/object', 'export peak MB'],
  ];
  return [head, head.map(() => '---'), ...sizes.map(row)]
    .map((cells) => `| ${cells.join(' | ')} |`)
    .join('\n');
}

function charts(byCopies, byImages) {
  const line = (name, list, x, of) => ({
    name,
    points: list.map((s) => [s[x], median(s.runs, of)]),
  });
  const seconds = (list, x) => [
    line('scan', list, x, ({ scan }) => scan.wall),
    line('refresh', list, x, ({ refresh }) => refresh.wall),
    line('ls -l', list, x, ({ ls }) => ls.wall),
    line('load one image', list, x, ({ image }) => image.seconds),
    { name: 'export it', points: list.map((s) => [s[x], s.exported.wall]) },
  ];
  const memory = (list, x) => [
    line('scan', list, x, ({ scan }) => scan.rss / 1e6),
    line('ls -l', list, x, ({ ls }) => ls.rss / 1e6),
    { name: 'export', points: list.map((s) => [s[x], s.exported.rss / 1e6]) },
  ];
  return plot([
    { title: `${IMAGES} images`, x: 'object copies', y: 's', lines: seconds(byCopies, 'copies') },
    { title: `${IMAGES} images`, x: 'object copies', y: 'MB', lines: memory(byCopies, 'copies') },
    {
      title: `${byImages[0].copies} copies`,
      x: 'images',
      y: 's',
      lines: seconds(byImages, 'images'),
    },
  ]);
}

async function main() {
  const sizes = numbers(given.copies);
  const middle = sizes[sizes.length >> 1];
  const byCopies = [];
  for (const copies of sizes) byCopies.push(await measureSize(copies, IMAGES));
  const byImages = [];
  for (const images of numbers(given.images)) {
    const same = images === IMAGES ? byCopies.find(({ copies }) => copies === middle) : undefined;
    byImages.push(same ?? (await measureSize(middle, images)));
  }
  const all = [...new Set([...byCopies, ...byImages])];
  const title = `${given.rounds} rounds, medians, --jobs ${given.jobs}; 3 OSDs, 1 copy of each object`;
  const file = saveResults(given.name, { sizes: all }, `${title}\n\n${table(all)}`);
  fs.writeFileSync(`${file}.svg`, charts(byCopies, byImages));
}

if (given.open === '') await main();
else process.stdout.write(JSON.stringify(await loadImages(given.program, given.open, 1)));
