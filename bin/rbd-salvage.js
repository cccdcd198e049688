#!/usr/bin/env node
// Plain words instead of a syntax error, before anything is loaded that an old Node cannot read.
const [major, minor] = process.versions.node.split('.').map(Number);
if (major < 20 || (major === 20 && minor < 12)) {
  process.stderr.write(
    `rbd-salvage: Node ${process.versions.node} is too old: it needs 20.12 or later\n`,
  );
  process.exit(1);
}

const { run } = await import('../dist/cli/main.js');

process.exitCode = await run(process.argv.slice(2), process);
