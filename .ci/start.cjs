// Becomes dist/start/main.js and dist/start/worker.js. Runs the bundle beside it, NAME.bundle.js, and spares V8 the
// compiling where `npm run build` left the result of that, NAME.cache, for just this Node and this source.
// Without it, or with one that does not fit, everything is the same but for the time.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const vm = require('node:vm');

const name = path.basename(__filename, '.js');
const file = path.join(__dirname, `${name}.bundle.js`);
// No bundle has other characters: one byte for each, here and in V8's memory.
const source = fs.readFileSync(file);

/**
 * Compiled code is only good for the very binary that made it. V8 looks at its version and flags and at the
 * source's length; two builds of one Node may differ in more than that.
 */
function identity() {
  const { versions, arch, execPath } = process;
  return `${versions.node} ${versions.v8} ${arch} ${fs.statSync(execPath).size}\n`;
}

/** NAME.cache: the identity, the source itself, what V8 made of it. undefined when any of it does not fit. */
function compiled() {
  try {
    const cache = fs.readFileSync(path.join(__dirname, `${name}.cache`));
    const head = Buffer.concat([Buffer.from(identity(), 'latin1'), source]);
    return cache.subarray(0, head.length).equals(head) ? cache.subarray(head.length) : undefined;
  } catch {
    return undefined;
  }
}

const wrapped = `(function (exports, require, module, __filename, __dirname) {${source.latin1Slice()}\n})`;
const script = new vm.Script(wrapped, { filename: file, cachedData: compiled() });
script.runInThisContext().call(exports, exports, require, module, __filename, __dirname);
