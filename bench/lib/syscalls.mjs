import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

/** Rarer ones than this a work unit are summed up only. */
const WORTH_NAMING = 0.5;

function hasStrace() {
  return spawnSync('strace', ['-V'], { stdio: 'ignore' }).status === 0;
}

/** System calls of a command, by name; undefined without strace. */
export function countSyscalls(argv) {
  if (!hasStrace()) return undefined;
  const file = path.join(os.tmpdir(), `rbd-salvage-strace-${process.pid}`);
  try {
    execFileSync('strace', ['-f', '-c', '-o', file, ...argv], { stdio: 'ignore' });
    const lines = fs.readFileSync(file, 'utf8').split('\n');
    const rows = lines.map((line) =>
      /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(line),
    );
    return Object.fromEntries(
      rows.filter((row) => row && row[2] !== 'total').map(([, n, name]) => [name, Number(n)]),
    );
  } finally {
    fs.rmSync(file, { force: true });
  }
}

/** The same as a text, per unit of work. */
export function syscalls(argv, units) {
  const calls = countSyscalls(argv);
  if (calls === undefined) return undefined;
  const per = Object.entries(calls)
    .map(([name, n]) => [name, n / units])
    .sort((a, b) => b[1] - a[1]);
  const total = per.reduce((sum, [, n]) => sum + n, 0);
  const named = per
    .filter(([, n]) => n >= WORTH_NAMING)
    .map(([name, n]) => `${n.toFixed(1)} ${name}`);
  return `${total.toFixed(1)}: ${named.join(', ')}`;
}
