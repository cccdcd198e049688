import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint, isOneLine, salvage, scanned, sha256OfFile } from '../helpers/program.ts';

const truth = truthOf('basic');
/** 5246464 bytes: no multiple of 4096. */
const SPEC = 'rbd/odd-size';
const { sha256: wanted, size } = truth.images[SPEC]!;

describe('DEST of export', () => {
  const work = workDirectory();
  afterAll(() => work.dispose());
  let catalog: string;
  let directory: string;
  let count = 0;
  beforeAll(async () => {
    catalog = await scanned(work.path, [fixtureOsds('basic')]);
  });
  beforeEach(() => {
    directory = path.join(work.path, `dest-${count++}`);
    mkdirSync(directory);
  });

  const exportTo = (dest: string, ...more: string[]) =>
    salvage(['export', SPEC, dest, '--catalog', catalog, ...more]);

  /** What lies beside DEST, but for the report and the map of an export. */
  const there = () => readdirSync(directory).filter((name) => !/\.(report\.json|map)$/.test(name));

  const refused = async (dest: string, says: RegExp, ...more: string[]) => {
    const outcome = await exportTo(dest, ...more);
    expect(outcome.stderr).toMatch(says);
    expect(isOneLine(outcome.stderr)).toBe(true);
    expect(outcome.status).not.toBe(0);
    return outcome;
  };

  it('refuses a file that exists and leaves it alone', async () => {
    const dest = path.join(directory, 'out.raw');
    writeFileSync(dest, 'mine');
    const { status } = await refused(dest, /exists; with --force/);
    expect(status).toBe(2);
    expect(readFileSync(dest, 'utf8')).toBe('mine');
    expect(there()).toEqual(['out.raw']);
  });

  it.each([
    ['larger', size + 3_000_000],
    ['smaller', 1000],
    ['just as large', size],
  ])('leaves exactly the image with --force over a %s file', async (_, bytes) => {
    const dest = path.join(directory, 'out.raw');
    writeFileSync(dest, Buffer.alloc(bytes, 0xff));
    expect((await exportTo(dest, '--force')).status).toBe(0);
    expect(statSync(dest).size).toBe(size);
    expect(await sha256OfFile(dest)).toBe(wanted);
    expect(there()).toEqual(['out.raw']);
  });

  it('keeps the mode of a file that it replaces', async () => {
    const dest = path.join(directory, 'out.raw');
    writeFileSync(dest, 'mine', { mode: 0o600 });
    expect((await exportTo(dest, '--force')).status).toBe(0);
    expect(statSync(dest).mode & 0o777).toBe(0o600);
  });

  it('writes through a symbolic link to a file', async () => {
    const real = path.join(directory, 'real.raw');
    const dest = path.join(directory, 'link.raw');
    writeFileSync(real, 'mine');
    symlinkSync(real, dest);
    expect((await refused(dest, /exists; with --force/)).status).toBe(2);
    expect((await exportTo(dest, '--force')).status).toBe(0);
    expect(readlinkSync(dest)).toBe(real);
    expect(await sha256OfFile(real)).toBe(wanted);
  });

  it('counts a symbolic link to nothing as a file that exists', async () => {
    const dest = path.join(directory, 'link.raw');
    symlinkSync('nowhere', dest);
    expect((await refused(dest, /exists; with --force.*symbolic link/)).status).toBe(2);
    expect(readlinkSync(dest)).toBe('nowhere');
    expect((await exportTo(dest, '--force')).status).toBe(0);
    expect(lstatSync(dest).isFile()).toBe(true);
    expect(await sha256OfFile(dest)).toBe(wanted);
    expect(there()).toEqual(['link.raw']);
  });

  it('refuses a directory, with --force too', async () => {
    expect((await refused(directory, /is a directory/)).status).toBe(2);
    expect((await refused(directory, /is a directory/, '--force')).status).toBe(2);
    expect((await refused(`${directory}/new/`, /is a directory/)).status).toBe(2);
    expect(there()).toEqual([]);
  });

  it('refuses a file in a directory that is not there', async () => {
    const { status } = await refused(
      path.join(directory, 'no/out.raw'),
      /no such file or directory/,
    );
    expect(status).toBe(1);
    expect(there()).toEqual([]);
  });

  it('refuses a file below a file', async () => {
    writeFileSync(path.join(directory, 'file'), '');
    expect((await refused(path.join(directory, 'file/out.raw'), /not a directory/)).status).toBe(1);
  });

  it('refuses the catalog, by another name too', async () => {
    const before = readFileSync(catalog);
    const other = path.join(directory, 'same');
    linkSync(catalog, other);
    for (const dest of [catalog, other]) {
      expect((await refused(dest, /is the source/, '--force')).status).toBe(2);
    }
    const partial = path.join(directory, 'out.raw.partial');
    linkSync(catalog, partial);
    const dest = path.join(directory, 'out.raw');
    expect((await refused(dest, /is the source/, '--force')).status).toBe(2);
    expect(readFileSync(catalog).equals(before)).toBe(true);
  });

  it('starts anew over what an earlier run left behind', async () => {
    const dest = path.join(directory, 'out.raw');
    writeFileSync(`${dest}.partial`, Buffer.alloc(size + 100_000, 0xee));
    expect((await exportTo(dest)).status).toBe(0);
    expect(await sha256OfFile(dest)).toBe(wanted);
    expect(there()).toEqual(['out.raw']);
  });

  it('does not follow a link that lies where the partial file would', async () => {
    const dest = path.join(directory, 'out.raw');
    const victim = path.join(directory, 'victim');
    writeFileSync(victim, 'mine');
    symlinkSync(victim, `${dest}.partial`);
    expect((await refused(dest, /partial/)).status).toBe(1);
    expect(readFileSync(victim, 'utf8')).toBe('mine');
    expect(existsSync(dest)).toBe(false);
  });
});

describe('DEST among the sources', () => {
  const work = workDirectory();
  afterAll(() => work.dispose());
  let osds: string;
  let before: string;
  let catalog: string;
  beforeAll(async () => {
    osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osd'));
    before = fingerprint(osds);
    catalog = await scanned(work.path, [osds]);
  });

  it('is refused in every directory of an OSD, also through links and ..', async () => {
    const link = path.join(work.path, 'link');
    symlinkSync(path.join(osds, '1/current'), link);
    const dests = [
      path.join(osds, '0/out.raw'),
      path.join(osds, '0/current/out.raw'),
      path.join(osds, '2/current/meta/out.raw'),
      path.join(link, 'out.raw'),
      `${link}/../out.raw`,
      `${osds}/0/../1/out.raw`,
    ];
    for (const dest of dests) {
      for (const force of [[], ['--force']]) {
        const argv = ['export', SPEC, dest, '--catalog', catalog, ...force];
        const { status, stderr } = await salvage(argv);
        expect(`${dest}: ${status} ${stderr}`).toMatch(/: 2 .*never written to/);
        expect(isOneLine(stderr)).toBe(true);
      }
    }
    expect(fingerprint(osds)).toBe(before);
  });

  it('is refused as well where OSDs are given as current/', async () => {
    const current = [0, 1, 2].map((n) => path.join(osds, String(n), 'current'));
    const dest = path.join(current[0]!, 'out.raw');
    const { status, stderr } = await salvage(['export', SPEC, dest, '--osd', ...current]);
    expect(stderr).toMatch(/never written to/);
    expect(status).toBe(2);
    expect(fingerprint(osds)).toBe(before);
  });

  it('refuses a report among the sources as well', async () => {
    const whole = readFileSync(catalog);
    const places = [path.join(osds, '0/report.json'), path.join(osds, '1/current/report.json')];
    for (const place of [...places, catalog]) {
      const out = path.join(work.path, 'out.raw');
      const argv = ['export', SPEC, out, '--force', '--catalog', catalog, '--report', place];
      const { status, stderr } = await salvage(argv);
      expect(fingerprint(osds)).toBe(before);
      expect(readFileSync(catalog).equals(whole)).toBe(true);
      expect(stderr).toMatch(/never written to/);
      expect(status).toBe(2);
    }
  });

  it('is not followed to where a link in the place of the report leads', async () => {
    const place = path.join(work.path, 'links');
    mkdirSync(place);
    const out = path.join(place, 'out.raw');
    const argv = ['export', SPEC, out, '--force', '--catalog', catalog];
    symlinkSync(path.join(osds, '0/whoami'), `${out}.report.json`);
    const { status, stderr } = await salvage(argv);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/never written to/)]);
    rmSync(`${out}.report.json`);
    symlinkSync(path.join(osds, '0/new'), `${out}.report.json`);
    expect((await salvage(argv)).status).toBe(0);
    expect(lstatSync(`${out}.report.json`).isFile()).toBe(true);
    expect(fingerprint(osds)).toBe(before);
  });

  it('refuses a report where none can be written, before anything is', async () => {
    const out = path.join(work.path, 'unreported.raw');
    const argv = ['export', SPEC, out, '--report', work.path, '--catalog', catalog];
    const { status, stderr } = await salvage(argv);
    expect([status, stderr]).toEqual([2, expect.stringMatching(/is a directory: no report/)]);
    expect(existsSync(out)).toBe(false);
  });

  it('is beside a report whatever that is called', async () => {
    const place = path.join(work.path, 'names');
    mkdirSync(place);
    const out = path.join(place, 'img.new');
    const report = path.join(place, 'img');
    const argv = ['export', SPEC, out, '--report', report, '--catalog', catalog];
    expect((await salvage(argv)).status).toBe(0);
    expect(await sha256OfFile(out)).toBe(wanted);
    expect(JSON.parse(readFileSync(report, 'utf8')).complete).toBe(true);
    expect(readdirSync(place).sort()).toEqual(['img', 'img.new', 'img.new.map']);
  });

  it('takes many images into no link of the directory they go to', async () => {
    const place = path.join(work.path, 'many');
    mkdirSync(place);
    symlinkSync(path.join(osds, '0'), path.join(place, 'rbd'));
    const argv = ['export', SPEC, 'rbd/plain', place, '--catalog', catalog];
    const { status, stderr } = await salvage(argv);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/never written to/)]);
    // A directory would be made below it, for the namespace.
    expect((await salvage(['export', '--all', place, '--catalog', catalog])).status).toBe(1);
    expect(existsSync(path.join(osds, '0/tenant'))).toBe(false);
    rmSync(path.join(place, 'rbd'));
    mkdirSync(path.join(place, 'rbd'));
    symlinkSync(path.join(osds, '0/whoami'), path.join(place, `${SPEC}.raw.report.json`));
    expect((await salvage(argv)).status).toBe(1);
    expect(fingerprint(osds)).toBe(before);
  });
});
