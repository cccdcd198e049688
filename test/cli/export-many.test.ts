import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { outputNames, safeFileName } from '../../src/cli/output-names.ts';
import type { ChosenImage } from '../../src/cli/select-image.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint, salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';

interface Many {
  complete: boolean;
  totals: { images: number; complete: number; incomplete: number; failed: number };
  images: {
    status: string;
    image: string;
    snapshot: string | null;
    dest: string;
    error?: string;
    totals: { bytes_read: number; bytes_kept: number };
  }[];
}

const truth = truthOf('basic');
const osds = fixtureOsds('basic');
/** Heads, as `--all` takes them; one of them only its objects tell of. */
const heads = Object.entries(truth.images).filter(([spec]) => !spec.includes('@'));
const named = heads.filter(([, image]) => !image.headless);

const work = workDirectory();
afterAll(() => work.dispose());
let catalog: string;
let directory: string;
let count = 0;
beforeAll(async () => {
  catalog = await scanned(work.path, [osds]);
});
beforeEach(() => {
  directory = path.join(work.path, `many-${count++}`);
});
const exported = (...argv: string[]) =>
  salvageJson<Many>('export', ...argv, directory, '--catalog', catalog);
const fileOf = (spec: string) => path.join(directory, `${spec}.raw`);

describe('export --all', () => {
  it('recovers every image, into a file of its own with a report and a map', async () => {
    const before = fingerprint(osds);
    const { status, json } = await exported('--all');
    for (const [spec, { sha256 }] of named) {
      expect([spec, await sha256OfFile(fileOf(spec))]).toEqual([spec, sha256]);
      expect(existsSync(`${fileOf(spec)}.report.json`)).toBe(true);
      expect(existsSync(`${fileOf(spec)}.map`)).toBe(true);
    }
    expect(json.totals).toEqual({
      ...{ images: heads.length, complete: named.length },
      ...{ incomplete: heads.length - named.length, failed: 0 },
    });
    expect(status).toBe(3);
    expect(fingerprint(osds)).toBe(before);
  });

  it('reads nothing again of what an earlier run has finished', async () => {
    await exported('rbd/plain', 'rbd/snaps@s1');
    const { status, json } = await exported('rbd/plain', 'rbd/snaps@s1', 'rbd/odd-size');
    expect(status).toBe(0);
    const [plain, s1, odd] = json.images.map(({ totals }) => totals);
    expect([plain!.bytes_read, s1!.bytes_read]).toEqual([0, 0]);
    expect(plain!.bytes_kept).toBe(truth.images['rbd/plain']!.size);
    expect(odd!.bytes_read).toBeGreaterThan(0);
    expect(await sha256OfFile(fileOf('rbd/odd-size'))).toBe(truth.images['rbd/odd-size']!.sha256);
  });

  it('goes on with the next image where one fails', async () => {
    mkdirSync(path.join(directory, 'rbd'), { recursive: true });
    writeFileSync(fileOf('rbd/plain'), 'mine');
    const { status, json } = await exported('rbd/plain', 'rbd/snaps');
    expect(status).toBe(1);
    expect(json.images).toMatchObject([
      { status: 'failed', image: 'rbd/plain', error: expect.stringMatching(/exists/) },
      { status: 'complete', image: 'rbd/snaps' },
    ]);
    expect(readFileSync(fileOf('rbd/plain'), 'utf8')).toBe('mine');
    expect(await sha256OfFile(fileOf('rbd/snaps'))).toBe(truth.images['rbd/snaps']!.sha256);
  });

  it.each([
    ['rbd/sn*', ['rbd/snaps']],
    ['sn*', ['rbd/snaps']],
    ['rbd/snaps@s{1,2}', ['rbd/snaps@s1', 'rbd/snaps@s2']],
    ['rbd/tenant/*', ['rbd/tenant/plain']],
    ['**/plain', ['rbd/plain', 'rbd/tenant/plain']],
  ])('takes %s for a pattern', async (pattern, wanted) => {
    const { status, json } = await exported(pattern);
    expect(status).toBe(0);
    const specs = json.images.map(({ image, snapshot }) =>
      snapshot === null ? image : `${image}@${snapshot}`,
    );
    expect(specs.sort()).toEqual(wanted);
    for (const spec of wanted) {
      expect(await sha256OfFile(fileOf(spec))).toBe(truth.images[spec]!.sha256);
    }
  });

  it('prints one table for people', async () => {
    const { stdout, stderr } = await salvage([
      ...['export', 'rbd/plain', 'rbd/snaps', directory, '--catalog', catalog],
    ]);
    const lines = stdout.toString().trimEnd().split('\n');
    expect(lines[0]).toMatch(/^STATUS +IMAGE +SIZE +LOST +DOUBTFUL +FILE$/);
    expect(lines.slice(1).map((line) => line.split(/ +/).slice(0, 2))).toEqual([
      ['complete', 'rbd/plain'],
      ['complete', 'rbd/snaps'],
    ]);
    expect(stderr).toMatch(/2 images: 2 complete, 0 not, 0 failed/);
  });

  it.each([
    ['a pattern that matches nothing', ['rbd/nothing*'], /no image matches/, 1],
    ['one name that is not there', ['rbd/plain', 'rbd/nothing'], /nothing/, 1],
    ['--size for several', ['rbd/plain', 'rbd/snaps', '--size', '5'], /--size is for one/, 2],
    ['specs with --all', ['rbd/plain', '--all'], /takes image specs/, 2],
  ])('refuses %s, having written nothing', async (_, argv, says, wanted) => {
    const { status, stderr } = await salvage(['export', ...argv, directory, '--catalog', catalog]);
    expect(stderr).toMatch(says);
    expect(status).toBe(wanted);
    expect(existsSync(directory)).toBe(false);
  });

  it('refuses a directory among the sources', async () => {
    const inside = path.join(osds, '0/out');
    const { status, stderr } = await salvage(['export', '--all', inside, '--catalog', catalog]);
    expect(stderr).toMatch(/inside the source/);
    expect(status).toBe(2);
    expect(existsSync(inside)).toBe(false);
  });
});

describe('export --dry-run', () => {
  interface DryRun {
    read: { osd: string; bytes: number }[];
    read_bytes: number;
    write_bytes: number;
    free_bytes: number;
    images: { image: string; complete: boolean; missing_osds: { osd: string }[] }[];
  }

  it('says what there is to read and to write, and writes nothing', async () => {
    const { status, json } = await salvageJson<DryRun>(
      ...['export', '-n', 'rbd/plain', 'rbd/odd-size', directory, '--catalog', catalog],
    );
    expect(status).toBe(0);
    const { json: done } = await exported('rbd/plain', 'rbd/odd-size');
    const read = done.images.reduce((sum, { totals }) => sum + totals.bytes_read, 0);
    // Holes within objects are found by reading only.
    expect(json.read_bytes).toBeGreaterThanOrEqual(read);
    const sizes = truth.images['rbd/plain']!.size + truth.images['rbd/odd-size']!.size;
    expect(json.read_bytes).toBeLessThanOrEqual(sizes);
    expect(json.read.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(json.read_bytes);
    expect(json.free_bytes).toBeGreaterThan(0);
  });

  it('knows what would be lost', async () => {
    const argv = ['export', '--dry-run', 'rbd/plain', path.join(work.path, 'none.raw')];
    const none = ['--exclude-osd', '0', '--exclude-osd', '1'];
    const { json } = await salvageJson<DryRun>(...argv, '--catalog', catalog, ...none);
    expect(json.images[0]!.missing_osds.map(({ osd }) => osd)).toEqual(['osd.0', 'osd.1']);
    expect(existsSync(path.join(work.path, 'none.raw'))).toBe(false);
    expect(readdirSync(work.path).filter((name) => name.startsWith('none'))).toEqual([]);
  });

  it("calls nothing complete of which an export would say that the image's journal is lost", async () => {
    const copies = copyTree(osds, path.join(work.path, 'journal-lost'));
    const { id } = truth.images['rbd/journaled']!;
    const isJournal = (file: string) => path.basename(file).startsWith(`journal.${id}__head_`);
    const files = readdirSync(copies, { recursive: true, encoding: 'utf8' }).filter(isJournal);
    expect(files).toHaveLength(3);
    for (const file of files) rmSync(path.join(copies, file));
    const argv = [
      'export',
      'rbd/journaled',
      path.join(work.path, 'journaled.raw'),
      '--osd',
      copies,
    ];
    const dry = await salvageJson<DryRun>(...argv, '--dry-run');
    const { json, status } = await salvageJson<{ problems: string[]; doubtful: unknown[] }>(
      ...argv,
    );
    expect(json.problems).toEqual([expect.stringMatching(/^its journal/)]);
    const { problems, doubtful } = json;
    expect(dry.json.images[0]).toMatchObject({ complete: false, problems, doubtful });
    expect([dry.status, status]).toEqual([3, 3]);
  });
});

describe('names of many outputs', () => {
  it.each([
    ['vm-1_disk.raw@x+y', 'vm-1_disk.raw@x+y'],
    ['.hidden', '%2Ehidden'],
    ['..', '%2E.'],
    ['a b\n$(rm)', 'a%20b%0A%24%28rm%29'],
    ['-rf', '-rf'],
    ['é', '%C3%A9'],
    ['50%', '50%25'],
  ])('%j becomes %j', (name, file) => {
    expect(safeFileName(name)).toBe(file);
  });

  it('fit into a file name with everything that stands beside, and stay different', () => {
    const long = [`${'x'.repeat(300)}1`, `${'x'.repeat(300)}2`].map(safeFileName);
    for (const name of long) {
      expect(Buffer.byteLength(`${name}.raw.report.json`)).toBeLessThanOrEqual(255);
    }
    expect(new Set(long).size).toBe(2);
  });

  it('differ also where upper and lower case are one', () => {
    const image = (name: string, objectPrefix: string) =>
      ({
        image: {
          cluster: { poolName: () => 'rbd', fsid: 'f' },
          ...{ pool: 1, namespace: new Uint8Array(0), name: Buffer.from(name) },
          header: { objectPrefix: Buffer.from(objectPrefix) },
        },
        snapshot: undefined,
      }) as unknown as ChosenImage;
    const names = outputNames('/d', [image('Disk', 'a'), image('disk', 'b'), image('DISK', 'c')]);
    expect(names[0]).toBe('/d/rbd/Disk.raw');
    expect(new Set(names.map((name) => name.toLowerCase())).size).toBe(3);
  });
});
