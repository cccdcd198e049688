// Becomes dist/start/main.js and dist/start/worker.js. Runs the bundle beside it, NAME.bundle.js, and spares V8 the
// compiling where `npm run build` left the result of that, *.cache, for just this Node and this source.
// Without it, or with one that does not fit, everything is the same but for the time.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const name = path.basename(__filename, '.js');

// A scan's threads are told which command they are for: src/workers/pool.ts.
const isScan = process.argv[2] === 'scan';

// V8 optimises in each thread anew what has run for some time: on few cores the work itself waits for that. Three times the
// usual time costs nothing where much JavaScript runs; of a scan nearly all is the kernel's and WebAssembly's, however long it
// takes. Compiled code is good for equal flags only, so this comes first, and scans have code of their own.
// Node 20's V8; that of Node 22 and later knows no such option, and would say so.
if (name === 'main' && process.versions.v8.startsWith('11.3.')) {
  require('node:v8').setFlagsFromString(`--interrupt-budget=${isScan ? 1_000_000 : 200_000}`);
}
const compiledFile = path.join(__dirname, `${name}${isScan ? '-scan' : ''}.cache`);

const file = path.join(__dirname, `${name}.bundle.js`);
// No bundle has other characters: one byte for each, here and in V8's memory.
const source = fs.readFileSync(file);

/**
 * Compiled code is only good for the very binary that made it. V8 looks at its version and flags and at the
 * source's length; two builds of one Node may differ in more than that.
 */
function identity() {
  const { versions, arch, execPath } = process;
  return Buffer.from(`${versions.node} ${versions.v8} ${arch} ${fs.statSync(execPath).size}\n`);
}

const CHUNK = 64 * 1024;

/** Are these the bytes at `position`? Read piece by piece, since each thread does it. */
function holds(fd, position, bytes) {
  const chunk = Buffer.allocUnsafe(CHUNK);
  for (let at = 0; at < bytes.length; at += CHUNK) {
    const part = bytes.subarray(at, at + CHUNK);
    const read = fs.readSync(fd, chunk, 0, part.length, position + at);
    if (!chunk.subarray(0, read).equals(part)) return false;
  }
  return true;
}

/**
 * NAME.cache or NAME-scan.cache: the identity, the source itself, and twice what V8 made of it. V8 does not notice a flipped bit, and any
 * checksum would take longer than to compare.
 * @returns undefined when any of it does not fit
 */
function compiled() {
  let fd;
  try {
    fd = fs.openSync(compiledFile);
    const mine = identity();
    const begin = mine.length + source.length;
    const length = (fs.fstatSync(fd).size - begin) / 2;
    if (!holds(fd, 0, mine) || !holds(fd, mine.length, source)) return undefined;
    const code = Buffer.allocUnsafeSlow(length);
    fs.readSync(fd, code, 0, length, begin);
    return holds(fd, begin + length, code) ? code : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== undefined) fs.closeSync(fd);
  }
}

const script = new vm.Script(source.latin1Slice(), { filename: file, cachedData: compiled() });
script.runInThisContext().call(exports, exports, require, module, __filename, __dirname);
