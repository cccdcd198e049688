import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readManifest, unpackFixture } from '../../fixtures/unpack.mjs';
import { UNPACKED, unpackedName } from './fixtures.ts';

/** vitest's globalSetup: what tests need before any of them runs. */

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const BUILT = path.join(ROOT, 'dist/workers/worker.js');
const KERNEL = path.join(ROOT, 'src/wasm/scan-kernel.bytes.ts');

/** Is it younger than all that is in a directory of sources? */
function isFresh(file: string, sources: string): boolean {
  if (!existsSync(file)) return false;
  const directory = path.join(ROOT, sources);
  const made = statSync(file).mtimeMs;
  return readdirSync(directory, { recursive: true, encoding: 'utf8' }).every(
    (entry) => statSync(path.join(directory, entry)).mtimeMs < made,
  );
}

/** Worker threads and the command line run built code. */
function build(): void {
  if (!isFresh(KERNEL, 'src/wasm/assembly')) compileKernel();
  if (!isFresh(BUILT, 'src')) compileSources();
}

function compileKernel(): void {
  const script = path.join(ROOT, '.ci/wasm.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`the scan kernel does not compile:\n${stderr}`);
}

function compileSources(): void {
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  // Type errors do not keep tsc from writing: `npm run types` is there to fail on them.
  if (!existsSync(BUILT)) throw new Error(`tsc failed:\n${stdout}`);
  if (status !== 0) console.warn(`tsc found errors, tests run what it made of it:\n${stdout}`);
  bundle();
}

/** What operators run, and what the guards count the calls of. */
function bundle(): void {
  const script = path.join(ROOT, '.ci/bundle.mjs');
  const { status, stderr } = spawnSync(process.execPath, [script], { cwd: ROOT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`the program cannot be bundled:\n${stderr}`);
}

/** Unpacks beside the final place and renames: another run may be doing the same. */
function unpackInto(place: string, name: string, directory: string): void {
  mkdirSync(place, { recursive: true });
  const made = mkdtempSync(path.join(place, 'unpacking-'));
  try {
    unpackFixture(name, made);
    renameSync(made, path.join(place, directory));
  } catch (error) {
    rmSync(made, { recursive: true, force: true });
    if (!existsSync(path.join(place, directory))) throw error;
  }
}

function unpackOnce(name: string, directory: string): void {
  if (UNPACKED.some((place) => existsSync(path.join(place, directory)))) return;
  const [first, fallback] = UNPACKED as [string, string];
  try {
    unpackInto(first, name, directory);
  } catch {
    // A checkout on a file system without user xattrs, or one that is read-only.
    unpackInto(fallback, name, directory);
  }
}

export default function setup(): void {
  build();
  for (const [name, fixture] of Object.entries(readManifest().fixtures)) {
    unpackOnce(name, unpackedName(name, fixture));
  }
}
