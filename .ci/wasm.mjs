// node .ci/wasm.mjs [DIST]
// Compiles src/wasm/assembly (AssemblyScript) to DIST/wasm/scan-kernel.wasm. Without its runtime: the kernel manages its
// memory itself, and needs nothing of whoever loads it.
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const OPTIONS = ['--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'bulk-memory'];
const OPTIMISE = ['-O3', '--converge'];
/** Pages of 64 KiB: what a small scan needs. */
const MEMORY = ['--initialMemory', '24'];

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = path.resolve(process.argv[2] ?? path.join(root, 'dist'));
const target = path.relative(root, path.join(dist, 'wasm/scan-kernel.wasm'));
const files = ['src/wasm/assembly/index.ts', '--outFile', target];
const { error, stderr } = await asc.main(
  [...files, '--baseDir', root, ...OPTIONS, ...OPTIMISE, ...MEMORY],
  {},
);
if (error !== null) {
  process.stderr.write(stderr.toString());
  throw error;
}
