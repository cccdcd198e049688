import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { BENCH } from './tools.mjs';

const machine = () => ({
  cores: os.availableParallelism(),
  cpu: os.cpus()[0]?.model,
  memoryGiB: Math.round(os.totalmem() / 2 ** 30),
  kernel: os.release(),
  node: process.version,
});

/** Prints a table and keeps it, with all figures, in the folder of the day. @returns its path, less the suffix */
export function saveResults(name, figures, table) {
  const date = new Date().toISOString().slice(0, 10);
  const directory = path.join(BENCH, 'results', date);
  const on = machine();
  const { cores, cpu, memoryGiB, kernel, node } = on;
  const where = `${cores} cores (${cpu}), ${memoryGiB} GiB, Linux ${kernel}, Node ${node}`;
  fs.mkdirSync(directory, { recursive: true });
  const file = path.join(directory, name);
  fs.writeFileSync(`${file}.json`, `${JSON.stringify({ date, machine: on, ...figures })}\n`);
  fs.writeFileSync(`${file}.md`, `${where}\n\n${table}\n`);
  process.stdout.write(`${where}\n\n${table}\n\n${path.relative(process.cwd(), file)}.{json,md}\n`);
  return file;
}
