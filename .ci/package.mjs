// npm run package [-- --platform current] [--out DIR] [--dist DIR] [--no-executable]
// Makes what runs where there is no internet (docs/adr/0005-offline-packages.md):
//   rbd-salvage-VERSION-linux.tar.xz, .tar.gz   needs Node, for x64 and arm64, glibc and musl
//   rbd-salvage-VERSION-linux-ARCH              needs nothing but glibc
//   SHA256SUMS
// `--platform current` takes the installed node_modules and this Node: no registry, one platform.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { archive } from './package/archive.mjs';
import { makeExecutable } from './package/executable.mjs';
import { fetchNode } from './package/node-binary.mjs';
import { makeTree } from './package/tree.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const ARCHES = ['x64', 'arm64'];

const { values: options } = parseArgs({
  options: {
    platform: { type: 'string', default: 'all' },
    out: { type: 'string', default: path.join(ROOT, 'release') },
    dist: { type: 'string' },
    'no-executable': { type: 'boolean', default: false },
  },
});
if (!['all', 'current'].includes(options.platform)) {
  throw new Error(`--platform is all or current, not ${options.platform}`);
}

function built(scratch) {
  if (options.dist !== undefined) return options.dist;
  // Not dist/, which may still hold what a source removed since then was built into.
  const made = path.join(scratch, 'dist');
  execFileSync(process.execPath, [path.join(ROOT, '.ci/wasm.mjs')], { stdio: 'inherit' });
  const tsc = path.join(ROOT, 'node_modules/typescript/bin/tsc');
  const argv = [tsc, '-p', 'tsconfig.build.json', '--outDir', made];
  execFileSync(process.execPath, argv, { cwd: ROOT, stdio: 'inherit' });
  const bundle = [path.join(ROOT, '.ci/bundle.mjs'), made, '--elsewhere'];
  execFileSync(process.execPath, bundle, { cwd: ROOT, stdio: 'inherit' });
  return made;
}

/** The time of the last commit, so that the same commit gives the same archive. */
function commitTime() {
  if (process.env.SOURCE_DATE_EPOCH !== undefined) return Number(process.env.SOURCE_DATE_EPOCH);
  try {
    const git = ['log', '-1', '--format=%ct'];
    return Number(execFileSync('git', git, { cwd: ROOT, stdio: ['ignore', 'pipe', 'ignore'] }));
  } catch {
    return 0;
  }
}

/** As sha256sum writes and checks it. */
function sumLine(file) {
  const sum = createHash('sha256').update(fs.readFileSync(file)).digest('hex');
  return `${sum}  ${path.basename(file)}\n`;
}

const scratch = fs.mkdtempSync(path.join(os.tmpdir(), 'rbd-salvage-package-'));
try {
  const { name, version } = JSON.parse(fs.readFileSync(path.join(ROOT, 'package.json'), 'utf8'));
  const full = `${name}-${version}`;
  const only = options.platform === 'current';
  const dist = built(scratch);
  const mtime = commitTime();
  fs.mkdirSync(options.out, { recursive: true });
  const arches = only ? [process.arch] : ARCHES;
  const treeOf = (wanted, target) =>
    makeTree({ root: ROOT, dist, target, scratch, installed: only, arches: wanted });

  const all = path.join(scratch, full);
  treeOf(arches, all);
  const suffix = only ? `linux-${process.arch}` : 'linux';
  const files = (only ? ['gz'] : ['xz', 'gz']).map((kind) =>
    archive(all, path.join(options.out, `${full}-${suffix}.tar.${kind}`), { kind, mtime }),
  );
  for (const arch of options['no-executable'] ? [] : arches) {
    const tree = path.join(scratch, `tree-${arch}`);
    treeOf([arch], tree);
    const node = only ? process.execPath : fetchNode(arch, scratch);
    const file = path.join(options.out, `${full}-linux-${arch}`);
    await makeExecutable({ tree, node, file, scratch, mtime });
    files.push(file);
    if (!only) files.push(archive(file, `${file}.xz`, { kind: 'xz-alone', mtime }));
  }
  const sums = files.map(sumLine).join('');
  fs.writeFileSync(path.join(options.out, 'SHA256SUMS'), sums);
  for (const file of files) {
    console.log(`${file}  ${(fs.statSync(file).size / 1024 ** 2).toFixed(1)} MiB`);
  }
} finally {
  fs.rmSync(scratch, { recursive: true, force: true });
}
