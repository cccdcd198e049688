import { execFileSync } from 'node:child_process';
import { renameSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint, salvage, salvageJson } from '../helpers/program.ts';

/** Journals and databases that are not in their OSD's directory. */

interface WithJournals {
  complete?: boolean;
  journals: { osd: string; state: string; replayed: number; text: string }[];
}

const work = workDirectory();
const undo: (() => void)[] = [];
afterAll(() => {
  for (const step of undo) step();
  work.dispose();
});

let osds: string;
let journal: string;
let omap: string;
beforeAll(() => {
  osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osds'));
  journal = path.join(work.path, 'journal-of-2');
  omap = path.join(work.path, 'omap-of-2');
  renameSync(path.join(osds, '2/journal'), journal);
  renameSync(path.join(osds, '2/current/omap'), omap);
});

const own = () => ['--osd', osds, '--journal', `osd.2=${journal}`, '--omap', `osd.2=${omap}`];

describe('a journal and a database that lie elsewhere', () => {
  it('are used, and info and check say what each journal was good for', async () => {
    const check = await salvageJson<WithJournals[]>('check', 'rbd/plain', ...own());
    expect(check.status).toBe(0);
    const info = await salvageJson<WithJournals>('info', 'rbd/plain', ...own());
    const { journals } = info.json;
    expect(check.json[0]!.journals).toEqual(journals);
    expect(journals.map(({ osd, state }) => [osd, state])).toEqual([
      ['osd.0', 'replayed'],
      ['osd.1', 'replayed'],
      ['osd.2', 'replayed'],
    ]);
    for (const { replayed, text } of journals) {
      expect(text).toMatch(new RegExp(`^journal replayed: ${replayed} entries after op \\d+`));
    }
    const text = (await salvage(['info', 'rbd/plain', ...own()])).stdout.toString();
    for (const { osd, text: line } of journals) expect(text).toContain(`${osd}: ${line}`);
    const said = (await salvage(['check', 'rbd/plain', ...own()])).stderr;
    for (const { osd, text: line } of journals) expect(said).toContain(`${osd}: ${line}`);
  });

  it('are missed where they are not named', async () => {
    const { json } = await salvageJson<WithJournals>('info', 'rbd/plain', '--osd', osds);
    expect(json.journals).toContainEqual(
      expect.objectContaining({ osd: 'osd.2', state: 'missing', replayed: 0 }),
    );
  });

  it('are remembered by the catalog', async () => {
    const catalog = path.join(work.path, 'catalog');
    expect((await salvage(['scan', ...own(), '--catalog', catalog])).status).toBe(0);
    for (const more of [[], ['--osd', osds]]) {
      const { status, json } = await salvageJson<WithJournals[]>(
        ...['check', 'rbd/plain', 'rbd/snaps', '--read', '--catalog', catalog, ...more],
      );
      expect([status, json.map(({ complete }) => complete)]).toEqual([0, [true, true]]);
    }
    for (const dest of [journal, path.join(omap, 'image')]) {
      const refused = ['export', 'rbd/plain', dest, '--force', '--catalog', catalog];
      expect((await salvage(refused)).status).toBe(2);
    }
  });

  it('are never written to', async () => {
    const before = fingerprint(work.path);
    for (const dest of [journal, path.join(omap, 'image')]) {
      const { status, stderr } = await salvage(['export', 'rbd/plain', dest, '--force', ...own()]);
      expect([status, stderr]).toEqual([2, expect.stringContaining('never written to')]);
    }
    const scan = await salvage(['scan', ...own(), '--catalog', path.join(omap, 'catalog')]);
    expect(scan.status).toBe(2);
    expect(fingerprint(work.path)).toBe(before);
  });

  it('of another OSD are refused', async () => {
    const { status, stderr } = await salvage(['ls', '--osd', osds, '--omap', `1=${omap}`]);
    expect([status, stderr]).toEqual([2, expect.stringContaining('it is the database of')]);
  });
});

function loopDevice(file: string): string | undefined {
  try {
    const argv = ['--find', '--show', '--read-only', file];
    const device = execFileSync('losetup', argv, { encoding: 'utf8', stdio: 'pipe' }).trim();
    undo.unshift(() => execFileSync('losetup', ['--detach', device]));
    return device;
  } catch {
    return undefined;
  }
}

describe('a journal on a block device', () => {
  it('is read through the link to it, and protected', async ({ skip }) => {
    const device = loopDevice(journal);
    if (device === undefined) return skip();
    const link = path.join(osds, '2/journal');
    symlinkSync(device, link);
    try {
      const source = ['--osd', osds, '--omap', `2=${omap}`];
      const { json } = await salvageJson<WithJournals[]>('check', 'rbd/plain', ...source);
      expect(json[0]!.complete).toBe(true);
      expect(json[0]!.journals[2]).toMatchObject({ osd: 'osd.2', state: 'replayed' });
      const refused = ['export', 'rbd/plain', device, '--force', ...source];
      expect((await salvage(refused)).status).toBe(2);
    } finally {
      rmSync(link);
    }
  });
});
