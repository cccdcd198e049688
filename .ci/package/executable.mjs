import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';

/** Node looks for this in its own binary; from its documentation of single executables. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
const START = fileURLToPath(new URL('./start.cjs', import.meta.url));
/** Of no use inside an executable, whose reader has the archive for them. */
const LEFT_OUT = /^(docs|completions|rbd-salvage$)/;

/** A tree as one brotli stream: a line of JSON, `[[path, length], ...]`, then the files' bytes. */
function packTree(tree) {
  const names = fs
    .readdirSync(tree, { recursive: true, encoding: 'utf8' })
    .filter((name) => !LEFT_OUT.test(name) && fs.statSync(path.join(tree, name)).isFile())
    .sort();
  const files = names.map((name) => fs.readFileSync(path.join(tree, name)));
  const index = JSON.stringify(names.map((name, i) => [name, files[i].length]));
  const all = Buffer.concat([Buffer.from(`${index}\n`), ...files]);
  return zlib.brotliCompressSync(all, {
    params: {
      [zlib.constants.BROTLI_PARAM_QUALITY]: 9,
      [zlib.constants.BROTLI_PARAM_LGWIN]: 24,
    },
  });
}

/**
 * One file that is Node and the program (docs/adr/0005-offline-packages.md).
 * @param node the Node binary to put it into, of any architecture, of the version that runs this
 */
export async function makeExecutable({ tree, node, file, scratch, mtime }) {
  const packed = path.join(scratch, 'tree.br');
  fs.writeFileSync(packed, packTree(tree));
  const blob = path.join(scratch, 'blob');
  const config = path.join(scratch, 'sea.json');
  const what = { main: START, output: blob, assets: { tree: packed } };
  const how = { disableExperimentalSEAWarning: true, useSnapshot: false, useCodeCache: false };
  fs.writeFileSync(config, JSON.stringify({ ...what, ...how }));
  execFileSync(process.execPath, ['--experimental-sea-config', config], { stdio: 'ignore' });
  fs.copyFileSync(node, file);
  fs.chmodSync(file, 0o755);
  const { inject } = await import('postject');
  await quietly(() => inject(file, 'NODE_SEA_BLOB', fs.readFileSync(blob), { sentinelFuse: FUSE }));
  fs.utimesSync(file, mtime, mtime);
}

/** postject's ELF library warns of section names that it does not know. */
async function quietly(run) {
  const { warn, log, error } = console;
  Object.assign(console, { warn() {}, log() {}, error() {} });
  try {
    await run();
  } finally {
    Object.assign(console, { warn, log, error });
  }
}
