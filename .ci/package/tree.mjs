import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

/** What npm is told to install for; musl is Alpine's. */
const targetsOf = (arch) => [
  { cpu: arch, libc: 'glibc' },
  { cpu: arch, libc: 'musl' },
];

/** Sources and maps of dependencies: nothing loads them. Licences and readmes stay. */
const DEAD_WEIGHT = /\.(ts|mts|cts|map|cc|h|hh|S|asm|inc|def)$/;

/**
 * Packages that run, at the versions and with the checksums of the lock file: `npm ci` refuses what
 * does not match. The targets differ in the packages with binaries only.
 */
function installFromRegistry({ root, scratch, arches }, target) {
  for (const { cpu, libc } of arches.flatMap(targetsOf)) {
    const stage = path.join(scratch, `install-${cpu}-${libc}`);
    if (!fs.existsSync(stage)) {
      fs.mkdirSync(stage);
      for (const file of ['package.json', 'package-lock.json']) {
        fs.copyFileSync(path.join(root, file), path.join(stage, file));
      }
      const platform = ['--os=linux', `--cpu=${cpu}`, `--libc=${libc}`];
      const argv = ['ci', '--omit=dev', '--ignore-scripts', '--no-audit', '--no-fund', ...platform];
      execFileSync('npm', argv, { cwd: stage, stdio: ['ignore', 'ignore', 'inherit'] });
    }
    copyPackages(path.join(stage, 'node_modules'), target);
  }
}

/** The packages that run, out of what is installed here: this platform's. */
function copyInstalled({ root }, target) {
  const lock = JSON.parse(fs.readFileSync(path.join(root, 'package-lock.json'), 'utf8'));
  for (const [name, entry] of Object.entries(lock.packages)) {
    if (name === '' || entry.dev || entry.devOptional) continue;
    const from = path.join(root, name);
    if (!fs.existsSync(from)) {
      if (entry.optional) continue;
      throw new Error(`${name} is not installed: npm ci`);
    }
    const { version } = JSON.parse(fs.readFileSync(path.join(from, 'package.json'), 'utf8'));
    if (version !== entry.version) throw new Error(`${name} is ${version}, not ${entry.version}`);
    copyPackages(from, path.join(target, path.relative('node_modules', name)), true);
  }
}

/** Without `.bin`, whose symbolic links a USB stick with FAT cannot hold. */
function copyPackages(from, to, withoutNested = false) {
  fs.cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (file) => {
      const within = path.relative(from, file);
      if (withoutNested && within.startsWith('node_modules')) return false;
      return !/(^|\/)\.(bin|package-lock\.json)$/.test(within) && !DEAD_WEIGHT.test(within);
    },
  });
}

const LAUNCHER = `#!/bin/sh
# Starts rbd-salvage from wherever it was unpacked. Needs Node 20.12 or later: in the PATH, as $NODE, or
# copied beside this script as "node".
self=$(readlink -f -- "$0") || self=$0
here=$(dirname -- "$self")
for node in "$NODE" "$here/node" "$(command -v node)" "$(command -v nodejs)"; do
  if [ -n "$node" ] && [ -x "$node" ]; then exec "$node" "$here/bin/rbd-salvage.js" "$@"; fi
done
echo 'rbd-salvage: no node found: install Node 20.12 or later, or put its binary beside this script' >&2
exit 1
`;

/** Completions and the manual come from the program itself. */
function addCompletions(target) {
  const directory = path.join(target, 'completions');
  fs.mkdirSync(directory);
  const names = { bash: 'rbd-salvage.bash', zsh: '_rbd-salvage', fish: 'rbd-salvage.fish' };
  for (const [shell, name] of Object.entries(names)) {
    const argv = [path.join(target, 'bin/rbd-salvage.js'), 'completion', shell];
    fs.writeFileSync(path.join(directory, name), execFileSync(process.execPath, argv));
  }
}

/**
 * Everything that runs, in `target`: built code, dependencies and their binaries for `arches`, the
 * launcher, documents.
 * @param installed take node_modules as they are instead of asking the registry
 */
export function makeTree({ root, dist, target, scratch, installed, arches }) {
  const request = { root, scratch, arches };
  fs.mkdirSync(target);
  // Maps, and what V8 compiled for the Node that builds.
  const ofNoUse = /\.(map|cache)$/;
  const useful = { recursive: true, filter: (file) => !ofNoUse.test(file) };
  fs.cpSync(dist, path.join(target, 'dist'), useful);
  for (const name of ['bin', 'docs', 'package.json', 'README.md', 'CHANGELOG.md', 'LICENSE']) {
    fs.cpSync(path.join(root, name), path.join(target, name), { recursive: true });
  }
  const modules = path.join(target, 'node_modules');
  if (installed) copyInstalled(request, modules);
  else installFromRegistry(request, modules);
  fs.writeFileSync(path.join(target, 'rbd-salvage'), LAUNCHER, { mode: 0o755 });
  addCompletions(target);
}
