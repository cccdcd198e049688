import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const LOADER = fileURLToPath(new URL('./start.cjs', import.meta.url));

/** Goes on where start.cjs ends, with its variables: keeps what has been compiled by the time the process or a task is over. */
const RECORDER = `
const keep = () => {
  const code = script.createCachedData();
  const all = Buffer.concat([identity(), source, code, code]);
  // Threads keep theirs at the same time.
  const { threadId } = require('node:worker_threads');
  fs.writeFileSync(compiledFile + threadId, all);
  fs.renameSync(compiledFile + threadId, compiledFile);
};
if (name === 'main') process.on('exit', keep);
else {
  const tasks = Object.entries(module.exports);
  const kept = ([task, run]) => [task, async (message) => { const answer = await run(message); keep(); return answer; }];
  module.exports = { __esModule: true, ...Object.fromEntries(tasks.map(kept)) };
}
`;

/** A FileStore of nothing but names, as little as a scan and an export will take. */
function makeSource(directory) {
  const collection = path.join(directory, 'osd/current/1.0_head');
  fs.mkdirSync(collection, { recursive: true });
  fs.mkdirSync(path.join(directory, 'osd/current/meta'));
  for (const [name, text] of [
    ['type', 'filestore\n'],
    ['whoami', '0\n'],
    ['fsid', '4b1c7c1e-0d5c-4f6c-8a3b-2f6d1c9e7a10\n'],
    ['ceph_fsid', '9a2f5d64-33f1-4e0a-b0a1-6c1d2e3f4a5b\n'],
  ]) {
    fs.writeFileSync(path.join(directory, 'osd', name), text);
  }
  for (let i = 0; i < 8; i++) {
    const name = `rbd\\udata.1234.000000000000000${i}__head_0000000${i}__1`;
    fs.writeFileSync(path.join(collection, name), Buffer.alloc(8192, i));
  }
}

/**
 * The first leaves in worker.cache what threads of a scan need that optimise as those of other commands do. It changes V8's flags
 * on its way, so that its main-scan.cache is good for nothing: the second, a scan like any other, writes that anew.
 */
const RUNS = [
  ['scan', '--osd', 'osd', '--catalog', 'again', '--jobs', '1'],
  ['scan', '--osd', 'osd', '--catalog', 'catalog'],
  ['ls', '-l', '--catalog', 'catalog'],
  ['info', '--pool', '1', '--id', '1234', '--catalog', 'catalog'],
  ['export', '--pool', '1', '--id', '1234', '--size', '33554432', 'out', '--catalog', 'catalog'],
];

/**
 * Leaves beside the bundles in `start` what V8 compiled while the program did its usual work. All of it, compiled
 * beforehand, would be three times as much to load. Nothing depends on it: where a run fails, less is kept.
 */
export function recordCompiled(start) {
  const loader = fs.readFileSync(LOADER, 'utf8') + RECORDER;
  for (const name of ['main', 'worker']) fs.writeFileSync(path.join(start, `${name}.js`), loader);
  const directory = fs.mkdtempSync(path.join(os.tmpdir(), 'rbd-salvage-record-'));
  const run =
    'require(process.argv[1]).run(process.argv.slice(2), process).then((s) => { process.exitCode = s; })';
  try {
    makeSource(directory);
    for (const argv of RUNS) {
      const node = ['-e', run, path.join(start, 'main.js'), ...argv];
      try {
        execFileSync(process.execPath, node, { cwd: directory, stdio: 'pipe', timeout: 60_000 });
      } catch (error) {
        // 3: parts are lost or doubtful, as they have to be here.
        if (error.status !== 3)
          process.stderr.write(`not recorded: ${argv[0]}: ${error.message}\n`);
      }
    }
  } finally {
    fs.rmSync(directory, { recursive: true, force: true });
  }
}
