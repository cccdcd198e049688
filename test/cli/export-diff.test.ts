import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyDiff, parseDiffV1, parseImageV2 } from '../helpers/diff-parser.ts';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { isOneLine, salvage, salvageJson, scanned, sha256 } from '../helpers/program.ts';

interface Report {
  complete: boolean;
  snapshot: string | null;
  from_snapshot: string | null;
  snapshots: { snapshot: string; complete: boolean }[];
}

const NOTHING = Buffer.alloc(0);

describe.each(['basic', 'leveldb', 'compacted', 'stale'])('diffs of %s', (name) => {
  const truth = truthOf(name);
  const work = workDirectory();
  afterAll(() => work.dispose());
  let source: string[];
  beforeAll(async () => {
    source = ['--catalog', await scanned(work.path, [fixtureOsds(name)])];
  });
  const heads = Object.entries(truth.images).filter(
    ([spec, { headless }]) => !spec.includes('@') && !headless,
  );

  /** Names of an image's snapshots, oldest first. */
  const snapshotsOf = async (spec: string) => {
    const { json } = await salvageJson<{ name: string }[]>('snap', 'ls', spec, ...source);
    return json.map((snapshot) => snapshot.name);
  };
  const streamOf = async (...argv: string[]) => {
    const { status, stdout, stderr } = await salvage([...argv, '-', '--quiet', ...source]);
    expect([status, stderr]).toEqual([0, '']);
    return stdout;
  };

  /** The fixtures' makers did not export every snapshot. */
  const expectTruth = (spec: string, image: Buffer) => {
    const wanted = truth.images[spec];
    if (wanted === undefined) return;
    expect([spec, image.length, sha256(image)]).toEqual([spec, wanted.size, wanted.sha256]);
  };

  it.each(heads)('leads %s from nothing over each snapshot to the head', async (spec) => {
    let image: Buffer = NOTHING;
    let before: string | undefined;
    for (const snapshot of [...(await snapshotsOf(spec)), undefined]) {
      const at = snapshot === undefined ? spec : `${spec}@${snapshot}`;
      const from = before === undefined ? [] : ['--from-snap', before];
      const diff = parseDiffV1(await streamOf('export-diff', at, ...from));
      expect([diff.from, diff.to]).toEqual([before, snapshot]);
      image = applyDiff(image, diff);
      expectTruth(at, image);
      before = snapshot;
    }
  });

  it.each(heads)('exports %s with its history', async (spec) => {
    const stream = parseImageV2(await streamOf('export', spec, '--export-format', '2'));
    const snapshots = await snapshotsOf(spec);
    expect(stream.diffs.map(({ to }) => to)).toEqual([...snapshots, undefined]);
    expect(stream.diffs.map(({ from }) => from)).toEqual([undefined, ...snapshots]);
    let image: Buffer = NOTHING;
    for (const diff of stream.diffs) {
      image = applyDiff(image, diff);
      const at = diff.to === undefined ? spec : `${spec}@${diff.to}`;
      expectTruth(at, image);
    }
  });

  it('tells of each image what rbd info told', async () => {
    for (const [where, { info }] of Object.entries(truth.rbd)) {
      for (const [image, said] of Object.entries(info)) {
        const stream = parseImageV2(
          await streamOf('export', `${where}/${image}`, '--export-format', '2'),
        );
        const {
          order,
          object_size: size,
          stripe_unit: unit = size,
          stripe_count: count = 1,
        } = said;
        expect(stream).toMatchObject({ order, stripeUnit: unit, stripeCount: count });
      }
    }
  });
});

describe('what a diff is made of', () => {
  const truth = truthOf('basic');
  const work = workDirectory();
  afterAll(() => work.dispose());
  let source: string[];
  beforeAll(async () => {
    source = ['--catalog', await scanned(work.path, [fixtureOsds('basic')])];
  });
  const diffOf = async (...argv: string[]) =>
    parseDiffV1((await salvage(['export-diff', ...argv, '-', ...source])).stdout);

  it('tells of nothing but what changed', async () => {
    const written = (diff: { writes: { length: number }[] }) =>
      diff.writes.reduce((sum, { length }) => sum + length, 0);
    const step = await diffOf('rbd/vm-disk', '--from-snap', 'yesterday');
    expect(step.writes.length).toBeGreaterThan(0);
    expect(written(step)).toBeLessThan(written(await diffOf('rbd/vm-disk')) / 2);
  });

  it('tells of whole objects when asked to, with the same result', async () => {
    const start = applyDiff(NOTHING, await diffOf('rbd/snaps@s1'));
    const step = await diffOf('rbd/snaps@s2', '--from-snap', 's1', '--whole-object');
    expect(sha256(applyDiff(start, step))).toBe(truth.images['rbd/snaps@s2']!.sha256);
    const narrow = await diffOf('rbd/snaps@s2', '--from-snap', 's1');
    expect(step.writes.length).toBeGreaterThan(0);
    const bytes = (d: typeof step) => d.writes.reduce((sum, { length }) => sum + length, 0);
    expect(bytes(step)).toBeGreaterThan(bytes(narrow));
  });

  it("leaves a clone's parent out with --no-parent", async () => {
    const own = await diffOf('rbd/grandchild', '--no-parent');
    const out = path.join(work.path, 'own.raw');
    await salvage(['export', 'rbd/grandchild', out, '--no-parent', ...source]);
    const image = applyDiff(NOTHING, own);
    expect(image.equals(readFileSync(out))).toBe(true);
    expect(sha256(image)).not.toBe(truth.images['rbd/grandchild']!.sha256);
  });

  it('skips snapshots in between', async () => {
    const start = applyDiff(NOTHING, await diffOf('rbd/snaps@s1'));
    const image = applyDiff(start, await diffOf('rbd/snaps', '--from-snap', 's1'));
    expect(sha256(image)).toBe(truth.images['rbd/snaps']!.sha256);
  });

  it('lists the extents that the stream holds', async () => {
    const argv = ['diff', 'rbd/snaps@s2', '--from-snap', 's1', ...source];
    const { status, json } = await salvageJson<
      { offset: number; length: number; exists: string }[]
    >(...argv);
    const { writes } = await diffOf('rbd/snaps@s2', '--from-snap', 's1');
    expect(status).toBe(0);
    expect(json).toEqual(
      writes.map(({ offset, length, data }) => ({
        offset,
        length,
        exists: String(data !== undefined),
      })),
    );
  });

  it('lists whole objects that changed as many as rbd du counts', async () => {
    const argv = ['diff', 'rbd/snaps@s2', '--from-snap', 's1', '--whole-object', ...source];
    const { json } = await salvageJson<{ length: number; exists: string }[]>(...argv);
    const used = json
      .filter(({ exists }) => exists === 'true')
      .reduce((sum, { length }) => sum + length, 0);
    const said = truth.rbd.rbd!.du.images.find(
      (row) => row.name === 'snaps' && row.snapshot === 's2',
    );
    expect(used).toBe(said!.used_size);
  });

  it('writes files only under their own names, with a report beside them', async () => {
    const out = path.join(work.path, 'step.diff');
    const argv = ['export-diff', 'rbd/snaps@s3-grown', out, '--from-snap', 's2', ...source];
    const { status, json } = await salvageJson<Report>(...argv);
    expect(status).toBe(0);
    expect(json).toMatchObject({ complete: true, snapshot: 's3-grown', from_snapshot: 's2' });
    expect(JSON.parse(readFileSync(`${out}.report.json`, 'utf8'))).toEqual(json);
    expect(parseDiffV1(readFileSync(out)).size).toBe(truth.images['rbd/snaps@s3-grown']!.size);
    const again = await salvage(argv);
    expect([again.status, isOneLine(again.stderr)]).toEqual([2, true]);
    const history = path.join(work.path, 'history');
    const all = await salvageJson<Report>(
      'export',
      '--export-format',
      '2',
      'rbd/snaps',
      history,
      ...source,
    );
    expect(all.json).toMatchObject({ complete: true, snapshot: null });
    expect(all.json.snapshots.map(({ snapshot }) => snapshot)).toEqual([
      's1',
      's2',
      's3-grown',
      's4-shrunk',
    ]);
  });

  it('refuses a start that is not older than the end, and a snapshot of a whole history', async () => {
    const refused = async (...argv: string[]) => {
      const { status, stderr, stdout } = await salvage([...argv, '-', ...source]);
      expect(isOneLine(stderr)).toBe(true);
      expect(stdout).toHaveLength(0);
      return status;
    };
    expect(await refused('export-diff', 'rbd/snaps@s1', '--from-snap', 's2')).toBe(2);
    expect(await refused('export-diff', 'rbd/snaps@s1', '--from-snap', 's1')).toBe(2);
    expect(await refused('export-diff', 'rbd/snaps', '--from-snap', 'nope')).toBe(1);
    expect(await refused('export', 'rbd/snaps@s1', '--export-format', '2')).toBe(2);
  });
});
