import { execFile, execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf } from '../helpers/fixtures.ts';
import { sha256OfFile } from '../helpers/program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const SPEC = 'rbd/vm-disk';
const EXPORT = (osds: string, out: string) => ['export', SPEC, out, '--osd', osds, '--quiet'];

let work: string;
let unpacked: string;
let executable: string;

/** A distribution's Node that is a small program and a library cannot hold another one. */
const canHold = readFileSync(process.execPath).includes('NODE_SEA_FUSE_');

/** Nothing of the checkout is reachable but the fixture: no node_modules above, no PATH, no network. */
const BARE = { PATH: '/nowhere', HOME: '/nowhere' };

/** Where root runs the tests, they also run without a network. */
const canUnshare = spawnSync('unshare', ['-n', 'true']).status === 0;
const offline = (command: string, argv: readonly string[]): [string, string[]] =>
  canUnshare ? ['unshare', ['-n', command, ...argv]] : [command, [...argv]];

function runBare(command: string, argv: readonly string[], env: Record<string, string> = {}) {
  const [file, all] = offline(command, argv);
  const unshare = file === 'unshare' ? execFileSync('which', ['unshare']).toString().trim() : file;
  const options = {
    cwd: work,
    env: { ...BARE, ...env },
    encoding: 'utf8',
    timeout: 120_000,
  } as const;
  return spawnSync(unshare, all, options);
}

beforeAll(async () => {
  // Not below the checkout, where Node would find its node_modules.
  work = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-bare-'));
  const make = ['.ci/package.mjs', '--platform', 'current', '--out', work];
  if (!canHold) make.push('--no-executable');
  await promisify(execFile)(process.execPath, make, { cwd: ROOT });
  const names = readdirSync(work);
  const archive = names.find((name) => name.endsWith('.tar.gz'))!;
  executable = path.join(work, names.find((name) => name.endsWith(`linux-${process.arch}`)) ?? '');
  execFileSync('tar', ['-xzf', archive], { cwd: work });
  unpacked = path.join(work, archive.replace(/-linux-.*/, ''));
}, 600_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));

const everything = (directory: string): string[] =>
  readdirSync(directory, { recursive: true, encoding: 'utf8' });

describe('the archive', () => {
  it('recovers an image from a bare directory', async () => {
    const out = path.join(work, 'bare.raw');
    const argv = [path.join(unpacked, 'bin/rbd-salvage.js'), ...EXPORT(fixtureOsds('basic'), out)];
    const { status, stderr } = runBare(process.execPath, argv);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(await sha256OfFile(out)).toBe(truthOf('basic').images[SPEC]!.sha256);
  });

  it('is started by its script, with a Node that lies beside it or that $NODE names', () => {
    const script = path.join(unpacked, 'rbd-salvage');
    const none = runBare('/bin/sh', [script, '--version'], { PATH: '/nowhere' });
    expect(none.status).not.toBe(0);
    const given = runBare('/bin/sh', [script, '--version'], {
      PATH: '/usr/bin:/bin',
      NODE: process.execPath,
    });
    expect(given.stdout).toBe(
      `${JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')).version}\n`,
    );
  });

  it('fits on a FAT stick: no symbolic links, no names that differ in case only or that it forbids', () => {
    const names = everything(unpacked);
    const links = names.filter((name) => lstatSync(path.join(unpacked, name)).isSymbolicLink());
    expect(links).toEqual([]);
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(names.length);
    expect(names.filter((name) => /[:*?"<>|\\]|[. ]$/.test(name))).toEqual([]);
  });

  it('holds what runs, and nothing that only development needs', () => {
    const { dependencies, devDependencies } = JSON.parse(
      readFileSync(path.join(ROOT, 'package.json'), 'utf8'),
    );
    const has = (name: string) => existsSync(path.join(unpacked, 'node_modules', name));
    expect(Object.keys(dependencies).filter((name) => !has(name))).toEqual([]);
    expect(Object.keys(devDependencies).filter(has)).toEqual([]);
    expect(everything(unpacked).filter((name) => name.endsWith('.node')).length).toBeGreaterThan(1);
    expect(existsSync(path.join(unpacked, 'docs/man/rbd-salvage.1'))).toBe(true);
    const bash = readFileSync(path.join(unpacked, 'completions/rbd-salvage.bash'), 'utf8');
    expect(bash).toContain('complete -F _rbd_salvage rbd-salvage');
  });
});

describe.skipIf(!canHold)('the single executable (needs a Node as nodejs.org builds it)', () => {
  it('recovers an image with nothing beside it, and leaves nothing behind', async () => {
    const tmp = path.join(work, 'tmp');
    mkdirSync(tmp);
    const out = path.join(work, 'single.raw');
    const { status, stderr } = runBare(executable, EXPORT(fixtureOsds('basic'), out), {
      RBD_SALVAGE_TMPDIR: tmp,
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(await sha256OfFile(out)).toBe(truthOf('basic').images[SPEC]!.sha256);
    expect(readdirSync(tmp)).toEqual([]);
  });

  it('says so in one line each where there is no place to unpack to', () => {
    const { status, stderr } = runBare(executable, ['--version'], {
      RBD_SALVAGE_TMPDIR: '/nowhere',
    });
    expect(status).toBe(1);
    expect(stderr).toContain('no place to unpack to (/nowhere: ENOENT)');
  });

  it('takes away what it unpacked when a signal ends it', () => {
    const tmp = path.join(work, 'interrupted');
    mkdirSync(tmp);
    const fifo = path.join(work, 'fifo');
    execFileSync('mkfifo', [fifo]);
    // Nobody reads the FIFO: the export waits until it is interrupted.
    const argv = EXPORT(fixtureOsds('basic'), fifo).join(' ');
    const line = `${executable} ${argv} & sleep 4; ls ${tmp} | wc -l; kill -HUP $!; wait $!; echo $?`;
    const { stdout } = spawnSync('bash', ['-c', line], {
      env: { ...process.env, RBD_SALVAGE_TMPDIR: tmp },
      encoding: 'utf8',
    });
    // An export takes a closed terminal for a Ctrl-C.
    expect(stdout).toBe('1\n130\n');
    expect(readdirSync(tmp)).toEqual([]);
  });
});

const isRoot = process.getuid?.() === 0;
const canChroot = isRoot && spawnSync('chroot', ['/', 'true']).status === 0;

describe.skipIf(!canChroot || !canHold)(
  'in a root that holds nothing but libc (needs root)',
  () => {
    let jail: string;

    beforeAll(() => {
      jail = path.join(work, 'jail');
      for (const directory of ['tmp', 'out'])
        mkdirSync(path.join(jail, directory), { recursive: true });
      const libraries = execFileSync('ldd', [process.execPath], { encoding: 'utf8' }).match(
        /\/\S+/g,
      )!;
      for (const library of libraries) {
        mkdirSync(path.join(jail, path.dirname(library)), { recursive: true });
        copyFileSync(library, path.join(jail, library));
      }
      copyTree(fixtureOsds('basic'), path.join(jail, 'osd'));
      copyTree(unpacked, path.join(jail, 'program'));
      copyFileSync(process.execPath, path.join(jail, 'node'));
      copyFileSync(executable, path.join(jail, 'rbd-salvage'));
    });

    it.each([
      ['the archive with a Node', ['/node', '/program/bin/rbd-salvage.js']],
      ['the single executable', ['/rbd-salvage']],
    ])('%s recovers an image', async (name, program) => {
      const out = `/out/${name.replaceAll(' ', '-')}`;
      const inJail = ['-n', 'chroot', jail, ...program, ...EXPORT('/osd', out)];
      const { status, stderr } = spawnSync('unshare', inJail, {
        env: { PATH: process.env.PATH },
        encoding: 'utf8',
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(await sha256OfFile(path.join(jail, out))).toBe(truthOf('basic').images[SPEC]!.sha256);
      expect(readdirSync(path.join(jail, 'tmp'))).toEqual([]);
    });
  },
);
