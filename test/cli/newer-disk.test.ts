import {
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/**
 * osd.0 and osd.2 died at once, and osd.1 went on alone: nothing on the two tells so, and what they have counts for
 * current until osd.1 turns up.
 */
const { images } = truthOf('outlived');
const osds = fixtureOsds('outlived');
const work = workDirectory();
afterAll(work.dispose);

const SPEC = 'rbd/plain';
const { sha256, size } = images[SPEC]!;

let count = 0;
function setUp() {
  const directory = path.join(work.path, String(count++));
  mkdirSync(directory);
  const out = path.join(directory, 'out.raw');
  const source = ['--catalog', path.join(directory, 'catalog')];
  const scan = (...ids: string[]) =>
    salvage(['scan', '--osd', ...ids.map((id) => path.join(osds, id)), ...source]);
  const words = ['export', SPEC, out, ...source];
  const exported = async (...more: string[]) => {
    const { status, json } = await salvageJson<RecoveryReport>(...words, ...more);
    const isRight = (await sha256OfFile(out)) === sha256;
    return [status, json.complete, json.totals.bytes_kept, isRight];
  };
  return { directory, out, source, scan, words, exported };
}

describe('an OSD that outlived the others turns up after an export', () => {
  it('that was cut short: all is done anew', async () => {
    const { out, scan, words, exported } = setUp();
    await scan('0', '2');
    // All that these two know, and all of it agrees.
    expect(await exported()).toEqual([0, true, 0, false]);
    renameSync(out, `${out}.partial`);
    await scan('1');
    const { status, stderr } = await salvage(words);
    expect(status).toBe(0);
    expect(stderr).toMatch(/nothing is kept of .*: osd\.1 knows of newer writes/);
    expect(await sha256OfFile(out)).toBe(sha256);
  });

  it('that was finished: it is refused, and --force sets it right', async () => {
    const { out, scan, words, exported } = setUp();
    await scan('0', '2');
    expect(await exported()).toEqual([0, true, 0, false]);
    const before = await sha256OfFile(out);
    await scan('1');
    const { status, stderr } = await salvage(words);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/out of date: osd\.1 knows of newer writes.* with --force/),
    ]);
    expect(await sha256OfFile(out)).toBe(before);
    expect(await exported('--force')).toEqual([0, true, 0, true]);
  });

  it('of many images: those that are done are not done any more', async () => {
    const { directory, source, scan } = setUp();
    const many = async (...more: string[]) => {
      const words = ['export', 'rbd/pl*', path.join(directory, 'many'), ...source, ...more];
      const { status } = await salvage(words);
      return [status, await sha256OfFile(path.join(directory, 'many/rbd/plain.raw'))];
    };
    await scan('0', '2');
    const [status, before] = await many();
    expect([status, before === sha256]).toEqual([0, false]);
    expect(await many()).toEqual([0, before]);
    await scan('1');
    expect(await many()).toEqual([1, before]);
    expect(await many('--force')).toEqual([0, sha256]);
    expect(await many()).toEqual([0, sha256]);
  });

  it('in a catalog of its own', async () => {
    const { directory, out, scan, words } = setUp();
    await scan('0', '2');
    expect((await salvage(words)).status).toBe(0);
    renameSync(out, `${out}.partial`);
    const alone = path.join(directory, 'alone');
    await salvage(['scan', '--osd', path.join(osds, '1'), '--catalog', alone]);
    expect((await salvage(['export', SPEC, out, '--catalog', alone])).status).toBe(0);
    expect(await sha256OfFile(out)).toBe(sha256);
  });

  it('after a run that had less of it', async () => {
    const { directory, out, scan, source, exported } = setUp();
    await scan('0', '2');
    expect(await exported()).toEqual([0, true, 0, false]);
    renameSync(out, `${out}.partial`);
    // A scan that was cut short, before it came to what osd.1 knows of its PGs.
    const whole = path.join(directory, 'whole');
    copyFileSync(source[1]!, whole);
    await salvage(['scan', '--osd', path.join(osds, '1'), '--catalog', whole]);
    const bytes = readFileSync(whole);
    const had = statSync(source[1]!).size;
    const cut = path.join(directory, 'cut');
    writeFileSync(cut, bytes.subarray(0, had + Math.floor((bytes.length - had) / 2)));
    await salvage(['export', SPEC, out, '--catalog', cut, '--unfinished']);
    renameSync(out, `${out}.partial`);
    await scan('1');
    expect((await exported()).at(-1)).toBe(true);
  });
});

describe('an OSD that died before the others turns up after an export', () => {
  it('that was cut short: what is done is kept', async () => {
    const { out, scan, exported } = setUp();
    await scan('1');
    expect(await exported()).toEqual([0, true, 0, true]);
    renameSync(out, `${out}.partial`);
    await scan('0', '2');
    expect(await exported()).toEqual([0, true, size, true]);
  });

  it('that was finished: it stays as it is', async () => {
    const { scan, words } = setUp();
    await scan('1');
    expect((await salvage(words)).status).toBe(0);
    await scan('0', '2');
    const { status, stderr } = await salvage(words);
    expect([status, stderr]).toEqual([2, expect.stringContaining('exists; with --force')]);
  });
});

describe('an export that was cut short, and a source that knows less', () => {
  /** What a run has left that had come half-way. */
  function cutShort(out: string): void {
    renameSync(out, `${out}.partial`);
    const map = readFileSync(`${out}.map`, 'utf8').split('\n');
    const begin = map.findIndex((line) => line.startsWith('#      pos'));
    const half = size / 2;
    writeFileSync(
      `${out}.map`,
      [...map.slice(0, begin + 1), `0 ${half} +`, `${half} ${half} ?`, ''].join('\n'),
    );
  }

  it('keeps what is done, and says that the rest is in doubt', async () => {
    const { directory, out, scan, exported } = setUp();
    await scan('0', '1', '2');
    expect(await exported()).toEqual([0, true, 0, true]);
    cutShort(out);
    const less = path.join(directory, 'less');
    await salvage(['scan', '--osd', path.join(osds, '0'), path.join(osds, '2'), '--catalog', less]);
    const { status, json } = await salvageJson<RecoveryReport>(
      'export',
      SPEC,
      out,
      '--catalog',
      less,
    );
    expect([status, json.complete, json.totals.bytes_kept]).toEqual([3, false, size / 2]);
    expect(json.doubtful[0]!.reason).toContain(
      'an earlier run of this export knew of newer writes',
    );
    // All that may be wrong is told: none of it lies in what was kept.
    expect(json.doubtful[0]!.offset).toBeGreaterThanOrEqual(size / 2);
    // With that disk again the rest is set right, and only the rest is read.
    expect(await exported()).toEqual([0, true, size / 2, true]);
  });

  it('keeps all that is done, by whichever disks that was', async () => {
    const { directory, out, scan, exported } = setUp();
    await scan('1');
    expect(await exported()).toEqual([0, true, 0, true]);
    renameSync(out, `${out}.partial`);
    const less = path.join(directory, 'less');
    await salvage(['scan', '--osd', path.join(osds, '0'), path.join(osds, '2'), '--catalog', less]);
    for (const more of [[], ['--force']]) {
      const words = ['export', SPEC, out, '--catalog', less, ...more];
      const { json } = await salvageJson<RecoveryReport>(...words);
      expect(json.totals.bytes_kept).toBe(size);
      expect(await sha256OfFile(out)).toBe(sha256);
      const again = await salvage(['export', SPEC, out, '--catalog', less]);
      expect([again.status, again.stderr]).toEqual([2, expect.stringContaining('exists; with')]);
      renameSync(out, `${out}.partial`);
    }
  });
});

describe('an export that was finished, and a source that knows less', () => {
  it('stays as it is', async () => {
    const { directory, out, scan, words } = setUp();
    await scan('0', '1', '2');
    expect((await salvage(words)).status).toBe(0);
    const less = path.join(directory, 'less');
    await salvage(['scan', '--osd', path.join(osds, '0'), '--catalog', less]);
    const { status, stderr } = await salvage(['export', SPEC, out, '--catalog', less]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('exists; with --force')]);
    expect(await sha256OfFile(out)).toBe(sha256);
  });
});

describe('an object that is lost on two disks and turns up on a third', () => {
  const LOST = 'rbd/format1';
  const basic = truthOf('basic').images[LOST]!;

  function lose(how: (file: string) => void) {
    const { directory, source } = setUp();
    const own = copyTree(fixtureOsds('basic'), path.join(directory, 'osds'));
    const files = readdirSync(own, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^[01]\/current\/.*\/rb\.0\..*\.000000000003__head_/.test(name),
    );
    expect(files).toHaveLength(2);
    for (const name of files) how(path.join(own, name));
    const scan = (...ids: string[]) =>
      salvage(['scan', '--osd', ...ids.map((id) => path.join(own, id)), ...source]);
    const out = path.join(directory, 'format1.raw');
    return { scan, out, words: ['export', LOST, out, ...source] };
  }

  it('is read, where its PG has told that it lacks one', async () => {
    const { scan, out, words } = lose((file) => rmSync(file));
    await scan('0', '1');
    const first = await salvageJson<RecoveryReport>(...words);
    const told = first.json.doubtful.map(({ offset, length, reason }) => [offset, length, reason]);
    expect(told).toEqual([
      [3 << 20, 1 << 20, expect.stringMatching(/^the PG had \d+ objects, \d+ are here/)],
    ]);
    expect(first.status).toBe(3);
    await scan('2');
    const { json } = await salvageJson<RecoveryReport>(...words);
    expect(await sha256OfFile(out)).toBe(basic.sha256);
    expect(json.totals.bytes_kept).toBe(basic.size - (1 << 20));
  });

  it('is read, although it passed for a hole', async () => {
    // Another object in its place: its PG has as many as it says.
    const { scan, out, words } = lose((file) =>
      renameSync(file, path.join(path.dirname(file), `x${path.basename(file)}`)),
    );
    await scan('0', '1');
    expect((await salvage(words)).status).toBe(0);
    expect(await sha256OfFile(out)).not.toBe(basic.sha256);
    await scan('2');
    const refused = await salvage(words);
    expect([refused.status, refused.stderr]).toEqual([2, expect.stringContaining('out of date')]);
    renameSync(out, `${out}.partial`);
    const { status, json } = await salvageJson<RecoveryReport>(...words);
    expect(await sha256OfFile(out)).toBe(basic.sha256);
    // Of three that should have it one has: there may be a reason.
    expect([status, json.totals.bytes_kept]).toEqual([3, basic.size - (1 << 20)]);
  });
});

describe('an OSD that came back when those that had gone on were dead', () => {
  const { images: truths } = truthOf('returned');
  const disks = fixtureOsds('returned');
  const exportFrom = (...ids: string[]) =>
    salvageJson<RecoveryReport>(
      ...['export', SPEC, path.join(work.path, 'returned.raw'), '--force'],
      ...['--osd', ...ids.map((id) => path.join(disks, id))],
    );

  it('has what may be out of date, and its newest map tells so', async () => {
    const { status, json } = await exportFrom('2');
    expect(await sha256OfFile(path.join(work.path, 'returned.raw'))).not.toBe(truths[SPEC]!.sha256);
    expect(status).toBe(3);
    const doubtful = json.doubtful.reduce((sum, { length }) => sum + length, 0);
    expect(doubtful).toBe(truths[SPEC]!.size);
    for (const { reason } of json.doubtful) {
      expect(reason).toMatch(/^osd\.2 came back .*: newer copies may be on osd\.0, osd\.1$/);
    }
  });

  it.each([[['0', '1', '2']], [['1', '2']]])('does no harm beside them: %s', async (ids) => {
    const { status } = await exportFrom(...ids);
    expect(await sha256OfFile(path.join(work.path, 'returned.raw'))).toBe(truths[SPEC]!.sha256);
    expect(status).toBe(0);
  });

  it('is said to be out of date once they turn up, though the header was in doubt too', async () => {
    const directory = path.join(work.path, 'returned');
    mkdirSync(directory);
    const source = ['--catalog', path.join(directory, 'catalog')];
    const out = path.join(directory, 'out.raw');
    const words = ['export', SPEC, out, ...source];
    const scan = (...ids: string[]) =>
      salvage(['scan', '--osd', ...ids.map((id) => path.join(disks, id)), ...source]);
    await scan('2');
    expect((await salvage(words)).status).toBe(3);
    await scan('0', '1');
    const { status, stderr } = await salvage(words);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/is out of date: .*; with --force/),
    ]);
    expect((await salvage([...words, '--force'])).status).toBe(0);
    expect(await sha256OfFile(out)).toBe(truths[SPEC]!.sha256);
  });
});
