// node .ci/bundle.mjs [DIST [--elsewhere]]
// Puts two bundles, with their dependencies, over tsc's modules in dist/: a scan of a small cluster would take
// longer to load 300 files, in each thread anew, than to scan (docs/adr/0009-start.md).
//   dist/start/main.js, worker.js      entries: .ci/start.cjs
//   dist/start/*.bundle.js, *.cache    their code, and what V8 compiles it to
//   dist/cli/main.js                   refers to the bundle; what tsc makes alone is whole too, only slower
import fs from 'node:fs';
import { builtinModules, createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { recordCompiled } from './record-compiled.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const DIST = path.resolve(process.argv[2] ?? path.join(ROOT, 'dist'));
const START = path.join(DIST, 'start');
const require = createRequire(path.join(ROOT, 'package.json'));

/** Packages that hold binaries: stay in node_modules. The JavaScript that chooses among them is bundled. */
const BINARIES = ['@koromix/*', '@node-rs/crc32-*', '@napi-rs/nice', '*.node'];
/** Node has them loaded already, or they are used too often to be looked up at each use. */
const AT_ONCE = /^node:(fs|path|url|util|events|buffer|timers|module|os|worker_threads)$/;

/**
 * What sources import from Node and from dependencies is loaded when it is first used, not when the
 * importing module is: an `ls` starts no threads, and most scans hash nothing.
 */
const lazyImports = {
  name: 'lazy-imports',
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^[^./]/ }, ({ path: name, importer, kind }) => {
      if (kind !== 'import-statement' || !importer.startsWith(path.join(ROOT, 'src')))
        return undefined;
      const isNode = builtinModules.includes(name.replace('node:', ''));
      if (isNode && AT_ONCE.test(name)) return undefined;
      return { path: name, namespace: 'lazy', sideEffects: false };
    });
    onLoad({ filter: /.*/, namespace: 'lazy' }, ({ path: name }) => {
      const whole = require(name);
      // A class that is a package has its exports as static members, which are not enumerable.
      const names = Object.getOwnPropertyNames(whole).filter(
        (key) => !/^(default|__esModule|length|name|prototype|arguments|caller)$/.test(key),
      );
      // What is imported as the default is module.exports itself, which may be a function.
      const stub = typeof whole === 'function' ? '(...args) => load()(...args)' : '{}';
      const contents = `
        let loaded;
        const load = () => loaded ??= require(${JSON.stringify(name)});
        module.exports = ${stub};
        for (const key of ${JSON.stringify(names)}) {
          Object.defineProperty(module.exports, key, { get: () => load()[key], enumerable: true });
        }`;
      return { contents, resolveDir: ROOT };
    });
  },
};

/** `createRequire(import.meta.url)(...)` hides from esbuild what it should put into the bundle. */
const plainRequires = {
  name: 'plain-requires',
  setup({ onLoad }) {
    onLoad({ filter: /\/src\/.*\.ts$/ }, ({ path: file }) => ({
      contents: fs
        .readFileSync(file, 'utf8')
        .replaceAll('createRequire(import.meta.url)(', 'require('),
      loader: 'ts',
    }));
  },
};

const bundle = (name, entry) =>
  build({
    absWorkingDir: ROOT,
    ...entry,
    outfile: path.join(START, `${name}.bundle.js`),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    charset: 'ascii',
    // Names and lines stay, so that a stack trace still says where.
    minifyWhitespace: true,
    minifySyntax: true,
    lineLimit: 160,
    legalComments: 'none',
    external: BINARIES,
    define: { 'import.meta.url': 'hereAsUrl' },
    // As Node wraps a module, so that .ci/start.cjs can hand it to V8 as it is.
    banner: {
      js: `(function (exports, require, module, __filename, __dirname) { 'use strict';
const hereAsUrl = require('node:url').pathToFileURL(__filename).href;`,
    },
    footer: { js: '})' },
    plugins: [lazyImports, plainRequires],
  });

fs.rmSync(START, { recursive: true, force: true });
fs.rmSync(path.join(DIST, 'chunks'), { recursive: true, force: true });
fs.mkdirSync(START);
fs.writeFileSync(path.join(START, 'package.json'), '{ "type": "commonjs" }\n');
// Piscina looks for its own worker beside itself, and that one for ours: they are one file.
const piscina = path.join(path.dirname(require.resolve('piscina')), 'worker.js');
const worker = `export * from './src/workers/worker.ts';\nimport ${JSON.stringify(piscina)};\n`;
await bundle('main', { entryPoints: ['src/cli/main.ts'] });
await bundle('worker', { stdin: { contents: worker, resolveDir: ROOT } });
// What V8 made here is of no use to another Node.
if (!process.argv.includes('--elsewhere')) recordCompiled(START);
for (const name of ['main', 'worker']) {
  fs.copyFileSync(path.join(ROOT, '.ci/start.cjs'), path.join(START, `${name}.js`));
}
fs.writeFileSync(
  path.join(DIST, 'cli/main.js'),
  `// bundled
import bundle from '../start/main.js';
export const { makeProgram, run } = bundle;
`,
);
