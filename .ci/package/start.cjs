// Main script of the single executable: unpacks the program into a directory of its own, which goes again
// when the process ends, and runs it there. Threads and native modules need real files.
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');
const sea = require('node:sea');
const zlib = require('node:zlib');
const { createRequire } = require('node:module');

function unpack(directory) {
  const bytes = zlib.brotliDecompressSync(Buffer.from(sea.getRawAsset('tree')));
  const headEnd = bytes.indexOf('\n');
  let at = headEnd + 1;
  for (const [name, length] of JSON.parse(bytes.subarray(0, headEnd).toString())) {
    const file = path.join(directory, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    fs.writeFileSync(file, bytes.subarray(at, at + length), { mode: 0o700 });
    at += length;
  }
}

/** A file system mounted noexec holds the files, but gives no native module. */
function isExecutable(directory) {
  try {
    createRequire(path.join(directory, 'bin/x.js'))('koffi');
    return true;
  } catch {
    return false;
  }
}

function places() {
  const { RBD_SALVAGE_TMPDIR: wanted } = process.env;
  if (wanted !== undefined) return [wanted];
  const beside = path.dirname(process.execPath);
  return [os.tmpdir(), '/tmp', '/var/tmp', '/dev/shm', '/run', beside];
}

/** @returns the directory, or undefined and why the places will not do */
function prepare() {
  const reasons = [];
  for (const place of new Set(places())) {
    let directory;
    try {
      directory = fs.mkdtempSync(path.join(place, 'rbd-salvage-'));
      unpack(directory);
      if (isExecutable(directory)) return { directory, reasons };
      reasons.push(`${place}: programs may not run from there`);
    } catch (error) {
      reasons.push(`${place}: ${error.code ?? error.message}`);
    }
    if (directory !== undefined) fs.rmSync(directory, { recursive: true, force: true });
  }
  return { directory: undefined, reasons };
}

const { directory, reasons } = prepare();
if (directory === undefined) {
  console.error(`rbd-salvage: no place to unpack to (${reasons.join('; ')})`);
  console.error('rbd-salvage: name one with RBD_SALVAGE_TMPDIR=DIR; it needs 10 MiB');
  process.exit(1);
}
const clean = () => fs.rmSync(directory, { recursive: true, force: true });
process.on('exit', clean);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  const onSignal = () => {
    // A command that saves its work has a listener of its own, and ends by itself.
    if (process.listenerCount(signal) > 1) return;
    clean();
    process.off(signal, onSignal);
    process.kill(process.pid, signal);
  };
  process.on(signal, onSignal);
}
// An import here would be the executable's own, which knows builtin modules only.
const start = path.join(directory, 'start.cjs');
fs.writeFileSync(start, "import('./bin/rbd-salvage.js');\n");
createRequire(start)('./start.cjs');
