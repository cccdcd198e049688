import { mkdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/**
 * osd.0 and osd.2 died at once, and osd.1 went on alone: nothing on the two tells so, and what they have counts for
 * current until osd.1 turns up.
 */
const { images } = truthOf('outlived');
const osds = fixtureOsds('outlived');
const work = workDirectory();
afterAll(work.dispose);

interface Report {
  complete: boolean;
  totals: { bytes_kept: number };
}

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
  const exported = async () => {
    const { status, json } = await salvageJson<Report>(...words);
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
    expect(stderr).toMatch(/done anew: osd\.1, which was not known then/);
    expect(await sha256OfFile(out)).toBe(sha256);
  });

  it('that was finished: the same command sets it right', async () => {
    const { scan, exported } = setUp();
    await scan('0', '2');
    expect(await exported()).toEqual([0, true, 0, false]);
    await scan('1');
    expect(await exported()).toEqual([0, true, 0, true]);
  });

  it('of many images, which leaves out those that are done', async () => {
    const { directory, source, scan } = setUp();
    const many = async () => {
      const words = ['export', 'rbd/pl*', path.join(directory, 'many'), ...source];
      const { status } = await salvage(words);
      return [status, await sha256OfFile(path.join(directory, 'many/rbd/plain.raw'))];
    };
    await scan('0', '2');
    const [status, before] = await many();
    expect([status, before === sha256]).toEqual([0, false]);
    expect(await many()).toEqual([0, before]);
    await scan('1');
    expect(await many()).toEqual([0, sha256]);
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
