import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';

/** Milliseconds that any one command may take on a small fixture. */
const LIMIT_MS = 90_000;
/** Resident memory that it may take at most. */
const MAX_RSS = 1.5 * 2 ** 30;
const HEAP_MB = 400;

export interface Ended {
  status: number | null;
  stdout: string;
  stderr: string;
  /** what no damage may lead to */
  failure: string | undefined;
}

function residentBytes(pid: number): number {
  try {
    const text = readFileSync(`/proc/${pid}/status`, 'latin1');
    return Number(/VmHWM:\s+(\d+)/.exec(text)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function failureOf(status: number | null, stderr: string, late: boolean, rss: number) {
  if (late) return `did not end within ${LIMIT_MS} ms`;
  if (rss > MAX_RSS) return `took ${rss} bytes of memory`;
  if (status === null || ![0, 1, 2, 3].includes(status)) return `ended with ${status}: ${stderr}`;
  if (/a bug in rbd-salvage|\n\s+at .*:\d+/.test(stderr)) return `crashed: ${stderr}`;
  if (status === 2) return `took damage for wrong usage: ${stderr}`;
  if (status === 1 && stderr.trim() === '') return 'failed without a word';
  return undefined;
}

/** Runs the program as its users do, within limits. */
export function runProgram(bin: string, argv: readonly string[]): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [`--max-old-space-size=${HEAP_MB}`, bin, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    let rss = 0;
    let late = false;
    child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
    const watch = setInterval(() => {
      rss = Math.max(rss, residentBytes(child.pid ?? 0));
      if (rss > MAX_RSS) child.kill('SIGKILL');
    }, 50);
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, LIMIT_MS);
    child.on('error', reject);
    child.on('close', (status) => {
      clearInterval(watch);
      clearTimeout(timer);
      const said = Buffer.concat(stderr).toString();
      resolve({
        status,
        stdout: Buffer.concat(stdout).toString(),
        stderr: said,
        failure: failureOf(status, said, late, rss),
      });
    });
  });
}
