#!/usr/bin/env node
'use strict';

// Plain words instead of a syntax error, before anything is loaded that an old Node cannot read.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  process.stderr.write(
    `rbd-salvage: Node ${process.versions.node} is too old: it needs 20.12 or later\n`,
  );
  process.exit(1);
}

const fs = require('node:fs');
const path = require('node:path');

// This file is CommonJS, and goes to the bundle by itself: Node takes 8 ms to get its loader of ES modules
// ready. tsc alone puts its own module where the bundle's reference was, so no bundle outlives its sources.
const main = path.join(__dirname, '../dist/cli/main.js');
const isBundled = fs.readFileSync(main, 'latin1').startsWith('// bundled');

async function start() {
  const { run } = isBundled
    ? require('../dist/start/main.js')
    : await import('../dist/cli/main.js');
  process.exitCode = await run(process.argv.slice(2), process);
}

// Until it is known better: nothing left to wait for is no success.
process.exitCode = 1;
start();
