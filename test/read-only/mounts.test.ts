import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { BIN, sha256OfFile, start } from '../helpers/program.ts';

const isRoot = process.getuid?.() === 0;
const NOBODY = ['--reuid=65534', '--regid=65534', '--clear-groups'];

/** Somebody else has to be able to run the program at all, wherever the checkout lies. */
const asNobody =
  isRoot && spawnSync('setpriv', [...NOBODY, process.execPath, BIN, '--version']).status === 0;
const canMount = isRoot && spawnSync('unshare', ['-m', 'true']).status === 0;

const work = workDirectory();
const at = (name: string): string => path.join(work.path, name);
const SPEC = 'rbd/base@gold';

/** $1 is mounted on itself, read-only, for this process alone; the rest is run. */
const READ_ONLY =
  'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" && ! touch "$1/x" 2>/dev/null && shift && exec "$@"';

beforeAll(() => {
  chmodSync(work.path, 0o755);
  for (const name of ['basic', 'leveldb', 'blue']) {
    copyTree(fixtureOsds(name), at(name));
    // What nobody may read says who may; owner and group stay as the cluster left them.
    spawnSync('chmod', ['-R', 'a+rX', at(name)]);
  }
  for (const name of ['as-root', 'as-nobody']) mkdirSync(at(name));
  if (isRoot) spawnSync('chown', ['65534:65534', at('as-nobody')]);
});

afterAll(() => work.dispose());

/** Scan, list, export: on the catalog made first, and on the spot. */
async function recovers(name: string, place: string, wrap: (argv: string[]) => [string, string[]]) {
  const catalog = path.join(at(place), `${name}.catalog`);
  const out = path.join(at(place), `${name}.raw`);
  const osds = ['--osd', at(name)];
  const steps = [
    ['scan', ...osds, '--catalog', catalog],
    ['ls', '-l', '--catalog', catalog],
    ['export', SPEC, out, '--catalog', catalog, '--verify', 'replicas'],
    ['check', SPEC, '--read', ...osds],
  ];
  for (const step of steps) {
    const [command, argv] = wrap([process.execPath, BIN, ...step, '--quiet']);
    const { status, stderr } = await start(command, argv, 60_000).ended;
    expect({ step: step[0], status, stderr }).toEqual({ step: step[0], status: 0, stderr: '' });
  }
  expect(await sha256OfFile(out)).toBe(truthOf(name).images[SPEC]!.sha256);
}

describe.skipIf(!canMount)('on a read-only mount (needs root)', () => {
  it.each(['basic', 'leveldb', 'blue'])('everything works: %s', (name) =>
    recovers(name, 'as-root', (argv) => [
      'unshare',
      ['-m', 'sh', '-c', READ_ONLY, 'sh', at(name), ...argv],
    ]),
  );
});

describe.skipIf(!asNobody)(
  'as a user who may only read (needs root, and a checkout that all can read)',
  () => {
    it.each(['basic', 'leveldb', 'blue'])('everything works: %s', (name) =>
      recovers(name, 'as-nobody', (argv) => ['setpriv', [...NOBODY, ...argv]]),
    );
  },
);
