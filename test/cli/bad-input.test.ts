import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageRowJson } from '../../src/cli/render/image-rows.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import {
  BIN,
  isOneLine,
  type Outcome,
  salvage,
  salvageJson,
  scanned,
  sha256,
  start,
} from '../helpers/program.ts';

const work = workDirectory();
afterAll(() => work.dispose());
const at = (name: string) => path.join(work.path, name);
let catalog: string;
beforeAll(async () => {
  catalog = await scanned(work.path, [fixtureOsds('basic')]);
  mkdirSync(at('empty'));
  mkdirSync(at('other/photos'), { recursive: true });
  writeFileSync(at('other/photos/cat.jpg'), 'not an OSD');
  writeFileSync(at('file'), 'some text\n');
});

function failsWith({ status, stdout, stderr }: Outcome, wanted: number, says: RegExp): void {
  expect(stderr).toMatch(says);
  expect(isOneLine(stderr)).toBe(true);
  expect(status).toBe(wanted);
  expect(stdout.length).toBe(0);
}

/** Root may read everything, so that the program has to run as somebody else. */
const asNobody = (argv: readonly string[]) => {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath];
  return process.getuid?.() === 0
    ? start('setpriv', [...nobody, BIN, ...argv]).ended
    : start(process.execPath, [BIN, ...argv]).ended;
};

/** A checkout in somebody's home is no place where nobody can run it. */
function canRunAsNobody(): boolean {
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, BIN, '-V'];
  return process.getuid?.() !== 0 || spawnSync('setpriv', nobody).status === 0;
}

describe('--osd', () => {
  it.each([
    ['a path that is not there', 'nope', /nope: no such file or directory/],
    ['an empty directory', 'empty', /empty: an empty directory/],
    ['a file', 'file', /file: /],
    ['a directory without an OSD', 'other', /other: /],
    ['a glob that matches nothing', 'nope*', /nope\*: matches nothing/],
  ])('fails on %s, naming it', async (_, name, says) => {
    for (const argv of [
      ['ls', '--osd', at(name)],
      ['scan', '--osd', at(name), '--catalog', at('none')],
      ['export', 'rbd/plain', at('out'), '--osd', at(name)],
    ]) {
      const outcome = await salvage(argv);
      failsWith(outcome, 1, says);
      expect(outcome.stderr).toContain(at(name));
    }
    expect(readdirSync(work.path)).not.toContain('none');
    expect(readdirSync(work.path)).not.toContain('out');
  });

  it.skipIf(!canRunAsNobody())('fails on what may not be read, saying that', async () => {
    chmodSync(work.path, 0o755);
    cpSync(at('other'), at('locked'), { recursive: true });
    chmodSync(at('locked'), 0o000);
    for (const name of ['locked', 'locked/photos']) {
      const outcome = await asNobody(['ls', '--osd', at(name)]);
      failsWith(outcome, 1, /: .*permission denied/);
      expect(outcome.stderr).toContain(at(name));
    }
    chmodSync(at('locked'), 0o755);
  });

  it('goes on with the OSDs that there are, names the rest and says so in its status', async () => {
    const osd = path.join(fixtureOsds('basic'), '0');
    const argv = ['scan', '--osd', at('nope'), at('empty'), osd, '--catalog', at('some')];
    const { status, stderr } = await salvage(argv);
    expect(stderr).toMatch(/nope: no such file or directory/);
    expect(stderr).toMatch(/empty: an empty directory/);
    expect(stderr).toMatch(/osd\.0: [1-9]/);
    expect(status).toBe(3);
  });

  it('counts an OSD once that is given twice', async () => {
    const osds = fixtureOsds('basic');
    const link = at('same-osd');
    const once = await salvageJson<{ osds: { objects: number }[] }>(
      ...['scan', '--osd', path.join(osds, '0'), '--catalog', at('once')],
    );
    symlinkSync(path.join(osds, '0'), link);
    const twice = await salvageJson<{ osds: { objects: number }[] }>(
      ...['scan', '--osd', path.join(osds, '0'), path.join(osds, '0/current'), link],
      ...['--osd', `${osds}/[0]`, '--catalog', at('twice')],
    );
    expect(twice.json.osds.map(({ objects }) => objects)).toEqual(
      once.json.osds.map(({ objects }) => objects),
    );
    expect(twice.status).toBe(0);
  });
});

describe('image specs', () => {
  const exporting = (spec: string) => salvage(['export', spec, at('out'), '--catalog', catalog]);

  it.each(['', '/', 'rbd/', '/plain', '@s', 'rbd/plain@', 'rbd//plain', 'a/b/c/d'])(
    'refuses the malformed spec "%s"',
    async (spec) => failsWith(await exporting(spec), 2, /is not an image spec/),
  );

  it.each([
    ['pool', 'nope/plain', /no pool "nope" \(.*rbd/],
    ['image', 'rbd/nope', /no image "nope" in rbd \(.*rbd\/base, .*rbd\/child/],
    ['namespace', 'rbd/nope/plain', /no image "plain" in rbd\/nope/],
    ['image in a namespace', 'rbd/tenant/nope', /\(there are: rbd\/tenant\/plain\)/],
    ['snapshot', 'rbd/snaps@nope', /no snapshot "nope" \(there are: s1, s2, s3-grown, s4-shrunk\)/],
    ['snapshot where there is none', 'rbd/plain@nope', /no snapshot "nope" \(it has none\)/],
    ['image that was removed', 'rbd/removed', /no image "removed"/],
  ])('says what there is for an unknown %s', async (_, spec, says) => {
    failsWith(await exporting(spec), 1, says);
    expect(readdirSync(work.path)).not.toContain('out');
  });

  it('says which pools there are when ls is asked for another', async () => {
    failsWith(
      await salvage(['ls', 'nope', '--catalog', catalog]),
      1,
      /no pool "nope" \(.*data.*\)/,
    );
    failsWith(await salvage(['ls', 'rbd/a/b', '--catalog', catalog]), 2, /POOL/);
  });
});

describe('the OSDs of two clusters', () => {
  const basic = truthOf('basic');
  const stale = truthOf('stale');
  let both: string;
  beforeAll(async () => {
    both = await scanned(work.path, [fixtureOsds('basic'), fixtureOsds('stale')], 'both');
  });
  const exporting = (...argv: string[]) => salvage(['export', ...argv, '--catalog', both]);

  it('are told apart: a name that both have is ambiguous', async () => {
    const outcome = await exporting('rbd/plain', '-');
    failsWith(outcome, 2, /--cluster/);
    for (const { fsid } of [basic, stale]) expect(outcome.stderr).toContain(fsid);
  });

  it('give the image of the one that --cluster picks', async () => {
    for (const { fsid, images } of [basic, stale]) {
      // Written before any OSD of `stale` went away, and not since.
      const { sha256: wanted } = images['rbd/base@gold']!;
      const { status, stdout } = await exporting('rbd/base@gold', '-', '--cluster', fsid);
      expect(sha256(stdout)).toBe(wanted);
      expect(status).toBe(0);
    }
  });

  it('need no choice for a name that only one has', async () => {
    const { status, stdout } = await exporting('rbd/odd-size', '-');
    expect(sha256(stdout)).toBe(basic.images['rbd/odd-size']!.sha256);
    expect(status).toBe(0);
  });

  it('name each other where --cluster fits neither', async () => {
    const outcome = await exporting('rbd/plain', '-', '--cluster', 'ffffffff-0000');
    failsWith(outcome, 1, /no OSD of cluster ffffffff-0000/);
    for (const { fsid } of [basic, stale]) expect(outcome.stderr).toContain(fsid);
  });

  it('are both listed, or the one that --cluster picks', async () => {
    const images = async (...more: string[]) =>
      (await salvageJson<ImageRowJson[]>('ls', '--catalog', both, ...more)).json;
    const live = (rows: ImageRowJson[]) =>
      rows.filter(({ image }) => image === 'plain').map(({ id }) => id);
    const ids = [basic.images['rbd/plain']!.id, basic.images['rbd/tenant/plain']!.id];
    expect(live(await images('--cluster', basic.fsid)).sort()).toEqual([...ids].sort());
    const all = [...ids, stale.images['rbd/plain']!.id];
    expect(live(await images()).sort()).toEqual(all.sort());
  });
});

describe('the command line', () => {
  it.each([
    ['an unknown option', ['ls', '--nope']],
    ['an unknown command', ['rescue']],
    ['no command', []],
    ['no SOURCE', ['ls']],
    ['export without an image', ['export', '--catalog', 'x']],
    ['scan without a catalog', ['scan', '--osd', 'x']],
    ['scan without OSDs', ['scan', '--catalog', 'x']],
    ['an unknown format', ['ls', '--catalog', 'x', '--format', 'xml']],
    ['an unknown way to verify', ['export', 'a', 'b', '--catalog', 'x', '--verify', 'maybe']],
    ['a number that is none', ['ls', '--catalog', 'x', '--jobs', 'many']],
    ['too many arguments', ['info', 'a', 'b', '--catalog', 'x']],
    ['specs beside --all', ['export', 'a', 'b', '--all', '--catalog', 'x']],
  ])('exits with 2 on %s', async (_, argv) => {
    const { status, stdout, stderr } = await salvage(argv);
    expect(status).toBe(2);
    expect(stdout.length).toBe(0);
    expect(stderr).not.toBe('');
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  it.each([
    ['--help'],
    ['help'],
    ['scan', '--help'],
    ['ls', '--help'],
    ['info', '-h'],
    ['export', '--help'],
  ])('explains itself with %s %s', async (...argv) => {
    const { status, stdout, stderr } = await salvage(argv.filter(Boolean));
    expect(stdout.toString()).toMatch(/^Usage: rbd-salvage/);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  it('lists the exit statuses in its help', async () => {
    const { stdout } = await salvage(['--help']);
    for (const status of [0, 1, 2, 3, 130]) {
      expect(stdout.toString()).toMatch(new RegExp(`^  ${status} +[a-z]`, 'm'));
    }
  });
});

it('reads what is left of an OSD that lost its identity files', async () => {
  const osd = path.join(at('bare'), '0');
  mkdirSync(at('bare'));
  copyTree(path.join(fixtureOsds('basic'), '0'), osd);
  for (const name of readdirSync(osd))
    if (name !== 'current' && name !== 'journal') rmSync(path.join(osd, name), { recursive: true });
  const { status, stdout } = await salvage(['export', 'rbd/plain', '-', '--osd', osd]);
  expect(sha256(stdout)).toBe(truthOf('basic').images['rbd/plain']!.sha256);
  expect(status).toBe(0);
});
