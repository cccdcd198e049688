// Compiles src/wasm/assembly (AssemblyScript) to src/wasm/scan-kernel.bytes.ts, which git does not track: a module like
// any other, so that no file has to be found where the program runs. Without AssemblyScript's runtime: the kernel manages
// its memory itself, and needs nothing of whoever loads it.
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const OPTIONS = ['--runtime', 'stub', '--noAssert', '--use', 'abort=', '--enable', 'bulk-memory'];
const OPTIMISE = ['-O3', '--converge'];
/** Pages of 64 KiB: what a small scan needs. */
const MEMORY = ['--initialMemory', '24'];
const OUT = 'scan-kernel.wasm';

/** AssemblyScript's decorator: other tools take it for an error, so it stands in a comment. */
function decorated(source) {
  const text = source.replaceAll(/^\/\/ @inline$/gm, '@inline');
  if (/\/\/\s*@inline/.test(text)) throw new Error('`// @inline` must stand alone in its line');
  return text;
}

const root = fileURLToPath(new URL('..', import.meta.url));
let bytes;
const { error, stderr } = await asc.main(
  [
    'src/wasm/assembly/index.ts',
    '--outFile',
    OUT,
    '--baseDir',
    root,
    ...OPTIONS,
    ...OPTIMISE,
    ...MEMORY,
  ],
  {
    readFile: (name, directory) => {
      const file = path.resolve(directory, name);
      return fs.existsSync(file) ? decorated(fs.readFileSync(file, 'utf8')) : null;
    },
    writeFile: (name, contents) => {
      if (name === OUT) bytes = Buffer.from(contents);
    },
  },
);
if (error !== null) {
  process.stderr.write(stderr.toString());
  throw error;
}
const file = `${root}/src/wasm/scan-kernel.bytes.ts`;
const text = `// Made by .ci/wasm.mjs of src/wasm/assembly.\nexport const SCAN_KERNEL = '${bytes.toString('base64')}';\n`;
// Left alone where nothing has changed: what was built of it is still fresh.
if (!fs.existsSync(file) || fs.readFileSync(file, 'utf8') !== text) fs.writeFileSync(file, text);
