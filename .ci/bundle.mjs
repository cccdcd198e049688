// Puts few files over many of tsc's in dist/, since a scan of a small cluster would take longer to load 250 modules, in
// each thread anew, than to scan. The entries keep their names, so that what tsc makes alone is whole too, only slower.
import fs from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const CHUNKS = 'chunks';

/**
 * Dependencies stay in node_modules. Those that are CommonJS are required: an `import` of one has its source searched for
 * the names of its exports first, which takes several times as long as running it.
 */
const dependencies = {
  name: 'dependencies',
  setup({ onResolve, onLoad }) {
    const { resolve } = createRequire(new URL('../package.json', import.meta.url));
    onResolve({ filter: /^[^.]/, namespace: 'file' }, ({ path, kind }) => {
      if (kind === 'entry-point') return undefined;
      // What is imported later is taken apart by its names, which `require` would put below `default`.
      if (kind === 'dynamic-import') return { path, external: true };
      const isCommonJs = !path.startsWith('node:') && /\.c?js$/.test(resolve(path));
      return isCommonJs ? { path, namespace: 'required' } : { path, external: true };
    });
    onResolve({ filter: /.*/, namespace: 'required' }, ({ path }) => ({ path, external: true }));
    onLoad({ filter: /.*/, namespace: 'required' }, ({ path }) => ({
      contents: `module.exports = require(${JSON.stringify(path)});`,
    }));
  },
};

fs.rmSync(`${ROOT}/dist/${CHUNKS}`, { recursive: true, force: true });
await build({
  absWorkingDir: ROOT,
  entryPoints: ['src/cli/main.ts', 'src/workers/worker.ts'],
  outbase: 'src',
  outdir: 'dist',
  chunkNames: `${CHUNKS}/[name]-[hash]`,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20',
  sourcemap: true,
  banner: {
    js: "import { createRequire as requireFrom } from 'node:module';\nconst require = requireFrom(import.meta.url);",
  },
  plugins: [dependencies],
});
