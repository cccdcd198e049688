import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint, isOneLine, salvage, salvageJson, scanned } from '../helpers/program.ts';

interface Loss {
  offset: number;
  length: number;
  object: string;
  pg?: string;
  osds?: string[];
  version?: string;
  reason: string;
}
interface Report {
  image: string;
  snapshot: string | null;
  size: number;
  complete: boolean;
  lost: Loss[];
  doubtful: Loss[];
  totals: {
    lost_bytes: number;
    doubtful_bytes: number;
    objects: number;
    bytes_read: number;
    bytes_written: number;
  };
  missing_osds: { osd: string; bytes?: number; reason: string }[];
  dest?: string;
}

const osds = fixtureOsds('basic');
const truth = truthOf('basic');
const work = workDirectory();
afterAll(() => work.dispose());
const check = (...argv: string[]) => salvageJson<Report[]>('check', ...argv);

/** Data objects of `rbd/split` in a PG of its data pool, by what lies in the collection. */
function objectsIn(collection: string): string[] {
  const directory = path.join(osds, '0/current', collection);
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((f) =>
    path.basename(f),
  );
  const found = names.filter((name) => name.startsWith('rbd\\udata.'));
  return found.map((name) => name.replace('rbd\\udata', 'rbd_data').split('__')[0]!).sort();
}

describe('images of a whole cluster', () => {
  let catalog: string;
  beforeAll(async () => {
    catalog = await scanned(work.path, [osds]);
  });

  it('are complete by their metadata alone, each with its snapshots, and nothing is read or written', async () => {
    const before = fingerprint(osds);
    const { status, json } = await check('--all', '--catalog', catalog);
    const specs = json.map(({ image, snapshot }) =>
      snapshot === null ? image : `${image}@${snapshot}`,
    );
    const expected = Object.entries(truth.images).filter(([, image]) => !image.headless);
    for (const [spec, { size }] of expected) {
      const report = json[specs.indexOf(spec)];
      expect(report, spec).toMatchObject({ size, complete: true, lost: [], doubtful: [] });
      expect(report!.totals).toMatchObject({ lost_bytes: 0, doubtful_bytes: 0, bytes_read: 0 });
      expect(report).not.toHaveProperty('dest');
    }
    // The image without a header cannot be known to be complete.
    expect(json.filter(({ complete }) => !complete)).toHaveLength(1);
    expect(status).toBe(3);
    expect(fingerprint(osds)).toBe(before);
  });

  it('are complete with every byte read, one by one', async () => {
    const specs = ['rbd/plain', 'rbd/snaps@s1', 'rbd/split'];
    const { status, json } = await check(...specs, '--read', '--catalog', catalog);
    expect(status).toBe(0);
    expect(json.map(({ complete }) => complete)).toEqual([true, true, true]);
    for (const { totals } of json) expect(totals.bytes_read).toBeGreaterThan(0);
  });

  it('are told in one line each', async () => {
    const { status, stdout } = await salvage([
      'check',
      'rbd/plain',
      'rbd/snaps@s1',
      '--catalog',
      catalog,
    ]);
    expect(status).toBe(0);
    expect(stdout.toString().split('\n')).toEqual([
      'rbd/plain: complete: nothing lost, nothing doubtful',
      'rbd/snaps@s1: complete: nothing lost, nothing doubtful',
      '',
    ]);
  });

  // osd.0 died last: the newest map calls the others down, so without it nothing is proven.
  it('are doubtful without the OSD that the newest map alone calls up', async () => {
    const excluded = ['--exclude-osd', 'osd.0'];
    const { status, json } = await check('rbd/plain', '--catalog', catalog, ...excluded);
    expect(status).toBe(3);
    const { lost, doubtful } = json[0]!;
    expect(lost).toEqual([]);
    expect(doubtful[0]!.reason).toMatch(/was down when the cluster died.*osd\.0/);
  });

  it.each(['osd.1', 'osd.2'])('are complete without %s: the others have it all', async (name) => {
    const { status, json } = await check(
      'rbd/plain',
      'rbd/snaps',
      'rbd/child',
      '--catalog',
      catalog,
      '--exclude-osd',
      name,
    );
    expect(status).toBe(0);
    expect(json.every(({ complete }) => complete)).toBe(true);
    expect(json[0]!.missing_osds).toContainEqual(expect.objectContaining({ osd: name }));
  });

  it('have to be named, unless it is all of them', async () => {
    const { status, stderr } = await salvage(['check', '--catalog', catalog]);
    expect(status).toBe(2);
    expect(isOneLine(stderr)).toBe(true);
    expect(stderr).toContain('--all');
  });
});

describe('an image of which a PG is on no OSD', () => {
  const lostObjects = objectsIn('3.1_head');
  let catalog: string;
  let left: string;
  beforeAll(async () => {
    left = copyTree(osds, path.join(work.path, 'without-pg'));
    // The journal of osd.2 still has those objects: replaying it would bring them back.
    rmSync(path.join(left, '2'), { recursive: true });
    for (const osd of readdirSync(left))
      rmSync(path.join(left, osd, 'current/3.1_head'), { recursive: true });
    catalog = await scanned(work.path, [left], 'without-pg.catalog');
  });
  const objectBytes = 1 << 20;

  it.each([[[]], [['--read']]])(
    'is incomplete by exactly its objects, named with PG and reason (%j)',
    async (more) => {
      expect(lostObjects).toHaveLength(4);
      const { status, json } = await check('rbd/split', '--catalog', catalog, ...more);
      expect(status).toBe(3);
      const [report] = json as [Report];
      expect(report.complete).toBe(false);
      expect(report.lost.map(({ object }) => object).sort()).toEqual(lostObjects);
      for (const { object, offset, length, pg, reason } of report.lost) {
        expect({ offset, length, pg }).toEqual({
          ...{
            offset: Number.parseInt(object.slice(-16), 16) * objectBytes,
            length: objectBytes,
            pg: '3.1',
          },
        });
        expect(reason).toContain('3.1');
      }
      expect(report.doubtful).toEqual([]);
      expect(report.totals).toMatchObject({ lost_bytes: 4 * objectBytes, doubtful_bytes: 0 });
    },
  );

  it('leaves the images of other pools complete', async () => {
    const { status, json } = await check('rbd/plain', 'rbd/split', '--catalog', catalog);
    expect(status).toBe(3);
    expect(json.map(({ complete }) => complete)).toEqual([true, false]);
  });

  it('is told on the terminal with what was lost', async () => {
    const { status, stdout, stderr } = await salvage(['check', 'rbd/split', '--catalog', catalog]);
    expect(status).toBe(3);
    expect(stdout.toString()).toBe('rbd/split: incomplete: 4.0 MiB lost, 0 B doubtful\n');
    for (const object of lostObjects) expect(stderr).toContain(object);
  });
});

describe('an image whose OSDs are not at hand', () => {
  it('is incomplete, and the report says which disk would bring how much', async () => {
    const moved = copyTree(osds, path.join(work.path, 'moved'));
    const catalog = await scanned(work.path, [moved], 'moved.catalog');
    const plain = () => check('rbd/plain', '--catalog', catalog);
    rmSync(path.join(moved, '1'), { recursive: true });
    const one = await plain();
    expect(one.json[0]!.missing_osds).toEqual([expect.objectContaining({ osd: 'osd.1' })]);
    expect(one).toMatchObject({ status: 0, json: [{ complete: true, lost: [] }] });
    rmSync(path.join(moved, '0'), { recursive: true });
    rmSync(path.join(moved, '2'), { recursive: true });
    const { status, json } = await plain();
    expect(status).toBe(3);
    const [report] = json as [Report];
    const bytes = report.totals.lost_bytes;
    expect(bytes).toBeGreaterThan(0);
    expect(report.missing_osds.map(({ osd }) => osd).sort()).toEqual(['osd.0', 'osd.1', 'osd.2']);
    for (const missing of report.missing_osds) expect(missing.bytes).toBe(bytes);
    for (const { osds: holders, pg } of report.lost) {
      expect(holders).toEqual(['osd.0', 'osd.1', 'osd.2']);
      expect(pg).toMatch(/^2\.[0-3]$/);
    }
  });
});
