import { existsSync, readFileSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ImageRowJson } from '../../src/cli/render/image-rows.ts';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import {
  fingerprint,
  salvage,
  salvageJson,
  scanned,
  sha256,
  sha256OfFile,
} from '../helpers/program.ts';

interface Report {
  image: string;
  snapshot: string | null;
  size: number;
  complete: boolean;
  lost: unknown[];
  doubtful: unknown[];
}

describe.each(['basic', 'leveldb', 'compacted'])('images of %s', (name) => {
  const truth = truthOf(name);
  const work = workDirectory();
  afterAll(() => work.dispose());
  let catalog: string;
  let before: string;
  beforeAll(async () => {
    before = fingerprint(fixtureOsds(name));
    catalog = await scanned(work.path, [fixtureOsds(name)]);
  });

  // An image that only its objects tell of cannot be named by a spec.
  const images = Object.entries(truth.images).filter(([, image]) => !image.headless);

  it.each(images)('recovers %s as rbd export gave it', async (spec, { sha256: wanted, size }) => {
    const out = path.join(work.path, 'out.raw');
    const { status, json } = await salvageJson<Report>('export', spec, out, '--catalog', catalog);
    expect(json).toMatchObject({ size, complete: true, lost: [], doubtful: [] });
    const [image, snapshot = null] = spec.split('@');
    expect(json).toMatchObject({ image, snapshot });
    expect(await sha256OfFile(out)).toBe(wanted);
    expect(status).toBe(0);
    expect(existsSync(`${out}.partial`)).toBe(false);
    rmSync(out);
  });

  it.each(Object.keys(truth.rbd))(
    'lists %s with the fields and values of rbd ls -l',
    async (where) => {
      const said = truth.rbd[where]!;
      const source = ['--catalog', catalog];
      const { status, json } = await salvageJson<ImageRowJson[]>('ls', '-l', where, ...source);
      expect(status).toBe(0);
      const [pool, namespace = ''] = where.split('/');
      const own = json.filter((row) => row.namespace === namespace && !row.headless);
      const live = own.filter((row) => !row.trash);
      expect(live.map(({ image, snapshot }) => [image, snapshot])).toEqual(
        said.ls.map(({ image, snapshot }) => [image, snapshot]),
      );
      for (const [i, row] of live.entries()) {
        // rbd leaves out what is not there; ours has further fields.
        expect(row).toMatchObject({ ...said.ls[i], pool, namespace, trash: false });
        for (const field of ['parent', 'snapshot_id', 'protected'] as const) {
          expect(field in row && row[field] !== undefined).toBe(field in said.ls[i]!);
        }
      }
      const trashed = own.filter((row) => row.trash && row.snapshot === undefined);
      expect(trashed.map(({ id, image }) => ({ id, name: image }))).toEqual(said.trash);
    },
  );

  it('lists nothing that was removed', async () => {
    const { json } = await salvageJson<ImageRowJson[]>('ls', '-l', '--catalog', catalog);
    const specs = json.map((row) => `${row.pool}/${row.image}`);
    for (const absent of truth.absent) expect(specs).not.toContain(absent);
    expect(specs.length).toBeGreaterThan(10);
  });

  it('leaves the sources as they were', () => {
    expect(fingerprint(fixtureOsds(name))).toBe(before);
  });
});

describe('ways to the same image', () => {
  const truth = truthOf('basic');
  const work = workDirectory();
  afterAll(() => work.dispose());
  let catalog: string;
  beforeAll(async () => {
    catalog = await scanned(work.path, [fixtureOsds('basic')]);
  });
  const wanted = truth.images['rbd/snaps@s3-grown']!;

  it('streams to standard output what goes into a file', async () => {
    const { status, stdout } = await salvage([
      'export',
      'rbd/snaps@s3-grown',
      '-',
      '--catalog',
      catalog,
    ]);
    expect(status).toBe(0);
    expect(stdout.length).toBe(wanted.size);
    expect(sha256(stdout)).toBe(wanted.sha256);
  });

  it('exports from OSDs that are scanned on the spot', async () => {
    const out = path.join(work.path, 'spot.raw');
    const argv = ['export', 'rbd/snaps@s3-grown', out, '--osd', fixtureOsds('basic')];
    expect((await salvage(argv)).status).toBe(0);
    expect(await sha256OfFile(out)).toBe(wanted.sha256);
  });

  it('takes a pool by its number, and pool rbd where none is named', async () => {
    const { pool_id } = truth.pools.find(({ pool_name }) => pool_name === 'rbd')!;
    const first = await salvage(['export', `${pool_id}/odd-size`, '-', '--catalog', catalog]);
    const second = await salvage(['export', 'odd-size', '-', '--catalog', catalog]);
    for (const { status, stdout } of [first, second]) {
      expect(sha256(stdout)).toBe(truth.images['rbd/odd-size']!.sha256);
      expect(status).toBe(0);
    }
  });

  it.each(['none', 'digest', 'replicas'])(
    'gives the same bytes with --verify %s',
    async (verify) => {
      const argv = ['export', 'rbd/discarded', '-', '--catalog', catalog, '--verify', verify];
      const { status, stdout } = await salvage(argv);
      expect(sha256(stdout)).toBe(truth.images['rbd/discarded']!.sha256);
      expect(status).toBe(0);
    },
  );

  it('names images line by line, one for each line of rbd ls and of its trash', async () => {
    const { status, stdout } = await salvage(['ls', 'rbd', '--catalog', catalog]);
    expect(status).toBe(0);
    const lines = stdout.toString().trimEnd().split('\n');
    for (const { image } of truth.rbd.rbd!.ls) expect(lines).toContain(`rbd/${image}`);
    expect(lines).toContain('rbd/trashed');
    expect(lines).not.toContain('rbd/snaps@s1');
  });

  it('makes an image of zeros a file of holes alone', async () => {
    const out = path.join(work.path, 'empty.raw');
    expect((await salvage(['export', 'rbd/empty', out, '--catalog', catalog])).status).toBe(0);
    expect(statSync(out).size).toBe(truth.images['rbd/empty']!.size);
    expect(statSync(out).blocks).toBe(0);
  });

  it('leaves every block of zeros a hole', async () => {
    const out = path.join(work.path, 'sparse.raw');
    expect((await salvage(['export', 'rbd/plain', out, '--catalog', catalog])).status).toBe(0);
    const bytes = readFileSync(out);
    const zeros = Buffer.alloc(4096);
    let blocks = 0;
    for (let at = 0; at < bytes.length; at += 4096) {
      const block = bytes.subarray(at, at + 4096);
      if (!block.equals(zeros.subarray(0, block.length))) blocks++;
    }
    expect(blocks).toBeGreaterThan(0);
    // The file system may need a few blocks of its own for the extents.
    expect(statSync(out).blocks * 512).toBeLessThanOrEqual((blocks + 4) * 4096);
  });
});
