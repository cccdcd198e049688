import { execFileSync, spawn } from 'node:child_process';
import { tool } from './tools.mjs';

/**
 * Where this is set, each Node reads a bundle of certificates as it starts: some 60 ms that belong to
 * the machine and not to the program.
 */
const { NODE_EXTRA_CA_CERTS: _, ...OWN_ENV } = process.env;

/**
 * Runs a command to its end. Wall and CPU in seconds, peak RSS in bytes.
 * @param argv command and arguments
 * @param onStart given the process that runs it, whose id is that of its group too
 */
export async function measure(argv, { env = {}, onStart, mayFail = false } = {}) {
  const child = spawn(tool('measure'), argv, {
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: { ...OWN_ENV, ...env },
    detached: true,
  });
  const text = child.stdio.slice(1).map(collect);
  onStart?.(child);
  await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  const [stdout, stderr, cost] = text.map((parts) => Buffer.concat(parts).toString());
  if (cost === '') return { killed: true, stdout };
  const { rssKb, status, ...rest } = JSON.parse(cost);
  if (status !== 0 && !mayFail) throw new Error(`${argv.join(' ')}: status ${status}\n${stderr}`);
  return { ...rest, status, rss: rssKb * 1024, stdout };
}

/** Has the machine's host give so much memory as is going to be written: for what is run at once after this. */
export function getMemory(mib) {
  execFileSync(tool('warm'), [String(Math.ceil(mib * 1.1))]);
}

function collect(stream) {
  const parts = [];
  stream.on('data', (part) => parts.push(part));
  return parts;
}

export function spread(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const median = sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
  return { min: sorted[0], median, max: sorted.at(-1) };
}
