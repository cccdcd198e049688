import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { run } from '../../src/cli/main.ts';

export const BIN = fileURLToPath(new URL('../../bin/rbd-salvage.js', import.meta.url));

export interface Outcome {
  /** null where a signal ended a child */
  status: number | null;
  signal?: NodeJS.Signals | null;
  stdout: Buffer;
  stderr: string;
}

/** A stream that keeps what is written to it. */
export class Kept extends Writable {
  readonly chunks: Buffer[] = [];
  onChunk: (text: string) => void = () => {};

  override _write(chunk: Buffer | string, _: BufferEncoding, done: () => void): void {
    this.chunks.push(Buffer.from(chunk));
    this.onChunk(chunk.toString());
    done();
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

/** Runs the program in this process; `watch` sees what it says on stderr as it says it. */
export async function salvage(
  argv: readonly string[],
  watch: (text: string) => void = () => {},
): Promise<Outcome> {
  const stdout = new Kept();
  const stderr = new Kept();
  stderr.onChunk = watch;
  const status = await run(argv, { stdout, stderr });
  return { status, stdout: stdout.bytes, stderr: stderr.bytes.toString() };
}

/** Runs it and parses the one JSON document that has to be on stdout. */
export async function salvageJson<T>(...argv: string[]): Promise<{ status: number; json: T }> {
  const { status, stdout, stderr } = await salvage([...argv, '--format', 'json']);
  try {
    return { status: status!, json: JSON.parse(stdout.toString()) as T };
  } catch {
    throw new Error(`no JSON on stdout, exit ${status}: ${stderr}`);
  }
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Outcome>;
}

/** Starts a program; what it writes is gathered. It is killed after `limit` milliseconds. */
export function start(command: string, argv: readonly string[], limit = 30_000): Running {
  const child = spawn(command, [...argv], { stdio: ['ignore', 'pipe', 'pipe'] });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => stderr.push(chunk));
  const timer = setTimeout(() => child.kill('SIGKILL'), limit);
  const ended = new Promise<Outcome>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status, signal) => {
      clearTimeout(timer);
      const said = Buffer.concat(stderr).toString();
      resolve({ status, signal, stdout: Buffer.concat(stdout), stderr: said });
    });
  });
  return { child, ended };
}

/** Starts the program itself, as an operator would. */
export const startSalvage = (argv: readonly string[]): Running =>
  start(process.execPath, [BIN, ...argv]);

/** Runs a shell command line in which "$@" is the program and `argv`. */
export const shell = (line: string, argv: readonly string[]): Promise<Outcome> =>
  start('bash', ['-c', line, 'bash', process.execPath, BIN, ...argv]).ended;

export const sha256 = (bytes: Uint8Array): string =>
  createHash('sha256').update(bytes).digest('hex');

export async function sha256OfFile(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest('hex');
}

function* below(directory: Buffer): Generator<Buffer> {
  yield directory;
  for (const entry of readdirSync(directory, { withFileTypes: true, encoding: 'buffer' })) {
    const file = Buffer.concat([directory, Buffer.from('/'), entry.name]);
    if (entry.isDirectory()) yield* below(file);
    else yield file;
  }
}

/** Everything below a directory with what a write to it would change. */
export function fingerprint(directory: string): string {
  const lines = [...below(Buffer.from(directory))].map((file) => {
    const { ino, mode, size, mtimeNs, ctimeNs } = lstatSync(file, { bigint: true });
    return `${file.toString('latin1')} ${ino} ${mode} ${size} ${mtimeNs} ${ctimeNs}`;
  });
  return sha256(Buffer.from(lines.sort().join('\n')));
}

/** One complaint, in one line, without a stack trace. */
export const isOneLine = (stderr: string): boolean =>
  /^rbd-salvage: [^\n]+\n$/.test(stderr) && !/a bug in rbd-salvage|\n\s+at /.test(stderr);

/** Scans OSDs into a new catalog in `directory`. */
export async function scanned(directory: string, osds: readonly string[], name = 'catalog') {
  const catalog = path.join(directory, name);
  const { status, stderr } = await salvage(['scan', '--osd', ...osds, '--catalog', catalog]);
  if (status !== 0) throw new Error(`scan ended with ${status}: ${stderr}`);
  return catalog;
}
