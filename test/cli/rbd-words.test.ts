import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned } from '../helpers/program.ts';

/** The fixtures' clusters lived in UTC, and rbd prints local times. */
const zone = process.env.TZ;
beforeAll(() => {
  process.env.TZ = 'UTC';
});
afterAll(() => {
  if (zone === undefined) delete process.env.TZ;
  else process.env.TZ = zone;
});

interface UsageRow {
  name: string;
  namespace: string;
  snapshot?: string;
  used_size: number;
  complete: boolean;
  by: string;
}
interface UsageAnswer {
  images: UsageRow[];
  total_provisioned_size?: number;
  total_used_size?: number;
}

describe.each(['basic', 'leveldb', 'compacted', 'stale'])("rbd's words on %s", (name) => {
  const truth = truthOf(name);
  const work = workDirectory();
  afterAll(() => work.dispose());
  let source: string[];
  beforeAll(async () => {
    source = ['--catalog', await scanned(work.path, [fixtureOsds(name)])];
  });

  describe.each(Object.keys(truth.rbd))('in %s', (where) => {
    const said = truth.rbd[where]!;
    const [pool, namespace = ''] = where.split('/') as [string, string?];

    it('counts disk usage as rbd du does', async () => {
      const argv = ['du', '--pool', pool, '--namespace', namespace];
      const { status, json } = await salvageJson<UsageAnswer>(...argv, ...source);
      expect(json).toMatchObject(said.du);
      expect(json.images).toHaveLength(said.du.images.length);
      expect(json.images.every(({ complete }) => complete)).toBe(true);
      expect(status).toBe(0);
    });

    it('lists snapshots as rbd snap ls --all does', async () => {
      for (const [image, rows] of Object.entries(said['snap ls'])) {
        const argv = ['snap', 'ls', '--all', `${where}/${image}`];
        const { status, json } = await salvageJson<unknown[]>(...argv, ...source);
        expect([image, json]).toEqual([image, rows]);
        expect(status).toBe(0);
      }
    });

    it('lists the trash as rbd trash ls does', async () => {
      const argv = ['trash', 'ls', '--all', '--pool', pool, '--namespace', namespace];
      const { json } = await salvageJson<unknown[]>(...argv, ...source);
      expect(json).toEqual(said.trash.map((row) => ({ ...row, pool, namespace })));
    });
  });

  it('lists pools with what the cluster said of them', async () => {
    const { json } = await salvageJson<unknown[]>('pool', 'ls', ...source);
    const kinds: Record<number, string> = { 1: 'replicated', 3: 'erasure' };
    const wanted = truth.pools.map(({ pool_id, pool_name, type, size, pg_num, min_size }) => ({
      ...{ id: pool_id, name: pool_name, type: kinds[type], size, pg_num, min_size },
    }));
    expect(json).toMatchObject(wanted);
    expect(json).toHaveLength(wanted.length);
  });
});

describe('words with options', () => {
  const work = workDirectory();
  afterAll(() => work.dispose());
  let source: string[];
  beforeAll(async () => {
    source = ['--catalog', await scanned(work.path, [fixtureOsds('basic')])];
  });
  const ask = <T>(...argv: string[]) => salvageJson<T>(...argv, ...source);
  const said = truthOf('basic').rbd.rbd!;
  const usedBy = (image: string) =>
    said.du.images.filter((row) => row.name === image) as unknown as UsageRow[];

  it('counts one image without totals, and one snapshot by itself', async () => {
    const image = await ask<UsageAnswer>('du', 'rbd/snaps');
    expect(image.json.images).toMatchObject(usedBy('snaps'));
    expect('total_used_size' in image.json).toBe(false);
    const { json } = await ask<UsageAnswer>('du', 'rbd/snaps@s3-grown');
    expect(json.images).toMatchObject(usedBy('snaps').filter((row) => row.snapshot === 's3-grown'));
    expect(json.images).toHaveLength(1);
  });

  it('takes object maps where fast-diff keeps them, and objects elsewhere', async () => {
    const { json } = await ask<UsageAnswer>('du');
    const by = new Map(json.images.map((row) => [row.name, row.by]));
    expect(by.get('snaps')).toBe('object maps');
    expect(by.get('striped')).toBe('objects');
    expect(by.get('format1')).toBe('objects');
  });

  it('counts snapshots with their image when asked to', async () => {
    const { json } = await ask<UsageAnswer>('du', 'rbd/snaps', '--merge-snapshots');
    const sum = usedBy('snaps').reduce((total, row) => total + row.used_size, 0);
    expect(json.images).toMatchObject([{ name: 'snaps', used_size: sum }]);
  });

  it('leaves out the trash and headless images unless asked for all', async () => {
    const names = async (...argv: string[]) =>
      (await ask<UsageAnswer>('du', '--pool', 'rbd', ...argv)).json.images.map((row) => row.name);
    expect(await names()).not.toContain('trashed');
    expect(await names('--all')).toContain('trashed');
  });

  it('shows neither namespace nor removed snapshots without --all', async () => {
    const plain = await ask<Record<string, unknown>[]>('snap', 'ls', 'rbd/base');
    expect(plain.json.map((row) => row.name)).toEqual(['gold']);
    expect('namespace' in plain.json[0]!).toBe(false);
    expect((await ask('snap', 'ls', 'rbd/disowned')).json).toEqual([]);
    const all = await ask<Record<string, unknown>[]>('snap', 'ls', '--all', 'rbd/disowned');
    expect(all.json).toMatchObject([{ namespace: { type: 'trash', original_name: 's' } }]);
  });

  it('finds clones of both kinds, and clones of clones', async () => {
    const names = async (...argv: string[]) =>
      (await ask<{ image: string }[]>('children', ...argv)).json.map((child) => child.image);
    expect(await names('rbd/base')).toEqual(['child', 'shrunk-child']);
    expect(await names('rbd/base@gold', '--descendants')).toEqual([
      'child',
      'grandchild',
      'shrunk-child',
    ]);
    expect(await names('rbd/child@cs')).toEqual(['grandchild']);
    expect(await names('rbd/plain')).toEqual([]);
    // Its snapshot was removed, and it is in the trash itself.
    expect(await names('rbd/disowned')).toEqual(['orphan-child']);
    const [child] = (await ask<object[]>('children', 'rbd/disowned')).json;
    expect(child).toMatchObject({
      pool: 'rbd',
      pool_namespace: '',
      image: 'orphan-child',
      trash: false,
    });
  });

  it('lists namespaces', async () => {
    expect((await ask('namespace', 'ls', 'rbd')).json).toEqual([{ name: 'tenant', pool: 'rbd' }]);
    expect((await ask('namespace', 'ls', 'data')).json).toEqual([]);
  });

  it('tells when and by whom an image was put into the trash', async () => {
    const { json } = await ask<Record<string, string>[]>('trash', 'ls', '--long', 'rbd');
    expect(json.map(({ name, source: by }) => [name, by])).toEqual([
      ['disowned', 'USER'],
      ['trashed', 'USER'],
    ]);
    expect(json[0]!.deleted_at).toMatch(/^\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d 2026$/);
  });

  it('refuses what is no pool, no image or a snapshot too many', async () => {
    expect((await salvage(['namespace', 'ls', 'nope', ...source])).status).toBe(1);
    expect((await salvage(['du', 'rbd/nope', ...source])).status).toBe(1);
    expect((await salvage(['snap', 'ls', 'rbd/base@gold', ...source])).status).toBe(2);
    expect((await salvage(['du', '--from-snap', 's1', ...source])).status).toBe(2);
    expect((await salvage(['snap', ...source])).status).toBe(2);
  });

  it('prints tables for people', async () => {
    const lines = async (...argv: string[]) =>
      (await salvage([...argv, ...source])).stdout.toString().split('\n');
    expect((await lines('snap', 'ls', 'rbd/snaps'))[0]).toMatch(
      /^SNAPID +NAME +SIZE +PROTECTED +TIMESTAMP$/,
    );
    expect((await lines('trash', 'ls', 'rbd'))[0]).toMatch(/^[0-9a-f]+ disowned$/);
    expect(await lines('children', 'rbd/base')).toEqual(['rbd/child', 'rbd/shrunk-child', '']);
    expect((await lines('du', 'rbd/snaps')).slice(-2)[0]).toMatch(/^<TOTAL> /);
    expect((await lines('diff', 'rbd/snaps@s1'))[0]).toMatch(/^Offset +Length +Type$/);
  });
});
