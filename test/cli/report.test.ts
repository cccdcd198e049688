import { existsSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';

interface Report {
  image: string;
  snapshot: string | null;
  complete: boolean;
  dest: string;
  lost: { offset: number; length: number }[];
  digests?: { sha256: string };
  overrides: Record<string, unknown>;
  missing_osds: { osd: string; bytes?: number; reason: string }[];
}

const osds = fixtureOsds('basic');
const truth = truthOf('basic');
const work = workDirectory();
afterAll(() => work.dispose());
const out = path.join(work.path, 'out.raw');
const beside = `${out}.report.json`;
const read = (file: string) => JSON.parse(readFileSync(file, 'utf8')) as Report;
let catalog: string;
beforeAll(async () => {
  catalog = await scanned(work.path, [osds]);
});
const exported = (...argv: string[]) =>
  salvage(['export', ...argv, '--catalog', catalog, '--force']);

describe('the report on an export', () => {
  it('lies beside DEST and says what --format json prints', async () => {
    const argv = ['export', 'rbd/snaps@s1', out, '--catalog', catalog];
    const { status, json } = await salvageJson<Report>(...argv);
    expect(status).toBe(0);
    expect(read(beside)).toEqual(json);
    const { size } = truth.images['rbd/snaps@s1']!;
    expect(json).toMatchObject({
      ...{
        image: 'rbd/snaps',
        snapshot: 's1',
        size,
        complete: true,
        lost: [],
        doubtful: [],
        dest: out,
      },
      totals: {
        lost_bytes: 0,
        doubtful_bytes: 0,
        objects: expect.any(Number),
        bytes_read: expect.any(Number),
      },
      ...{ cluster: truth.fsid, missing_osds: [], guesses: [], problems: [] },
      overrides: { verify: 'digest' },
      rbd_salvage: expect.stringMatching(/^\d+\.\d+\.\d+/),
    });
    expect(json).not.toHaveProperty('digests');
  });

  it('lies where --report says, and then not beside DEST', async () => {
    rmSync(beside, { force: true });
    const elsewhere = path.join(work.path, 'report-of-plain.json');
    expect((await exported('rbd/plain', out, '--report', elsewhere)).status).toBe(0);
    expect(read(elsewhere)).toMatchObject({ image: 'rbd/plain', snapshot: null, complete: true });
    expect(existsSync(beside)).toBe(false);
  });

  it('is written for standard output only where --report says', async () => {
    rmSync(beside, { force: true });
    const file = path.join(work.path, 'report-of-stream.json');
    const { status, stdout } = await exported('rbd/odd-size', '-', '--report', file);
    expect(status).toBe(0);
    expect(stdout.length).toBe(truth.images['rbd/odd-size']!.size);
    expect(read(file)).toMatchObject({ image: 'rbd/odd-size', complete: true });
  });

  it('has the SHA-256 of the output with --digest, to a file and to a stream', async () => {
    const wanted = truth.images['rbd/plain']!.sha256;
    await exported('rbd/plain', out, '--digest');
    expect(read(beside).digests).toEqual({ sha256: wanted });
    expect(await sha256OfFile(out)).toBe(wanted);
    const file = path.join(work.path, 'report-of-digest.json');
    await exported('rbd/plain', '-', '--digest', '--report', file);
    expect(read(file).digests).toEqual({ sha256: wanted });
  });

  it('records what the operator overrode', async () => {
    const options = [
      '--exclude-osd',
      'osd.2',
      '--prefer-osd',
      'osd.1',
      '--verify',
      'replicas',
      '--no-parent',
    ];
    expect((await exported('rbd/plain', out, ...options)).status).toBe(0);
    expect(read(beside)).toMatchObject({
      complete: true,
      overrides: {
        exclude_osd: ['osd.2'],
        prefer_osd: ['osd.1'],
        verify: 'replicas',
        no_parent: true,
      },
      missing_osds: [{ osd: 'osd.2' }],
    });
  });

  it('counts for each OSD that is not at hand what it would bring', async () => {
    const moved = copyTree(osds, path.join(work.path, 'moved'));
    const own = await scanned(work.path, [moved], 'moved.catalog');
    for (const osd of ['0', '1', '2']) rmSync(path.join(moved, osd), { recursive: true });
    const { status } = await salvage(['export', 'rbd/plain', out, '--catalog', own, '--force']);
    expect(status).toBe(3);
    const { complete, lost, missing_osds: missing } = read(beside);
    expect(complete).toBe(false);
    const bytes = lost.reduce((sum, { length }) => sum + length, 0);
    expect(bytes).toBeGreaterThan(0);
    expect(missing.map(({ osd, bytes: own }) => [osd, own])).toEqual([
      ['osd.0', bytes],
      ['osd.1', bytes],
      ['osd.2', bytes],
    ]);
    for (const range of lost) {
      expect(range).toMatchObject({
        pg: expect.stringMatching(/^2\.[0-3]$/),
        ...{
          osds: ['osd.0', 'osd.1', 'osd.2'],
          object: expect.stringMatching(/^rbd_data\./),
          reason: expect.any(String),
        },
      });
    }
  });
});
