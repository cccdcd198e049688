import fs from 'node:fs';
import path from 'node:path';
import { spread } from './measure.mjs';
import { BENCH } from './tools.mjs';

/** One table of what several benchmarks have found. */

export const wall = (run) => run.wall;
export const cpu = ({ user, sys }) => user + sys;

const fixed = (value) => value.toFixed(2);
export const three = (values) => {
  const { min, median, max } = spread(values);
  return values.length === 1
    ? fixed(median)
    : `${fixed(min)} / **${fixed(median)}** / ${fixed(max)}`;
};
export const seconds = (runs) => `${spread(runs.map(wall)).median.toFixed(2)} s`;

/** Round by round: what counts on a machine that others use too. */
export const ratios = (own, base, of = wall) =>
  three(own.map((run, i) => of(run) / of(base[i % base.length])));

/** The figures that a benchmark has saved last. @param since milliseconds since 1970 */
export function savedResults(name, since) {
  const results = path.join(BENCH, 'results');
  const files = fs.readdirSync(results).map((date) => path.join(results, date, `${name}.json`));
  const age = (file) => fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  const newest = files.reduce((a, b) => (age(b) > age(a) ? b : a));
  if (age(newest) < since) throw new Error(`${name} has saved nothing`);
  return JSON.parse(fs.readFileSync(newest, 'utf8'));
}

export const table = (head, rows) =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
