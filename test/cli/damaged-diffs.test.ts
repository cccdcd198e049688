import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { applyDiff, parseDiffV1, parseImageV2 } from '../helpers/diff-parser.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned } from '../helpers/program.ts';

interface Range {
  offset: number;
  length: number;
}
interface Losses {
  snapshot: string | null;
  complete: boolean;
  lost: Range[];
  doubtful: Range[];
}

const NOTHING = Buffer.alloc(0);
const SPEC = 'rbd/snaps';
const POINTS = ['s1', 's2', 's3-grown', 's4-shrunk', undefined];

const at = (snapshot: string | undefined): string =>
  snapshot === undefined ? SPEC : `${SPEC}@${snapshot}`;

/** Files of an image's data objects with what follows `<prefix>.` in their names. */
function dataFiles(directory: string, prefix: string): { file: string; rest: string }[] {
  const found: { file: string; rest: string }[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const mark = `rbd\\udata.${prefix}.`;
    if (!entry.isFile() || !entry.name.startsWith(mark)) continue;
    found.push({
      file: path.join(entry.parentPath, entry.name),
      rest: entry.name.slice(mark.length),
    });
  }
  return found;
}

/** Bytes outside the ranges that differ. */
function differences(a: Buffer, b: Buffer, except: readonly Range[]): number {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  for (const { offset, length } of except) {
    left.fill(0, offset, offset + length);
    right.fill(0, offset, offset + length);
  }
  let count = Math.abs(left.length - right.length);
  for (let i = 0; i < Math.min(left.length, right.length); i++) if (left[i] !== right[i]) count++;
  return count;
}

/** Removes objects of one image, wherever they are, by object number and clone. */
const DAMAGES: Record<string, (rest: string) => boolean> = {
  'the heads of two objects': (rest) => /^000000000000000[13]__head/.test(rest),
  'all clones of one object': (rest) => /^0000000000000000__[0-9a-f]+_/.test(rest),
  'all there is of one object': (rest) => rest.startsWith('0000000000000002_'),
};

describe.each(Object.entries(DAMAGES))('diffs where %s are gone', (_, isGone) => {
  const work = workDirectory();
  afterAll(() => work.dispose());
  let damaged: string[];
  let intact: string[];
  let removed = 0;

  beforeAll(async () => {
    const osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osd'));
    const { id } = truthOf('basic').images[SPEC]!;
    for (const { file, rest } of dataFiles(osds, id!)) {
      if (!isGone(rest)) continue;
      rmSync(file);
      removed++;
    }
    damaged = ['--catalog', await scanned(work.path, [osds], 'damaged')];
    intact = ['--catalog', await scanned(work.path, [fixtureOsds('basic')], 'intact')];
  });

  const exported = async (snapshot: string | undefined, source: string[]) =>
    (await salvage(['export', at(snapshot), '-', ...source])).stdout;

  it('lead to what an export gives, and report every byte that is not what it was', async () => {
    expect(removed).toBeGreaterThan(0);
    const out = path.join(work.path, 'history');
    const argv = ['export', SPEC, out, '--export-format', '2', ...damaged];
    const { status, json } = await salvageJson<Losses & { snapshots: Losses[] }>(...argv);
    expect([status, json.complete]).toEqual([3, false]);
    const reports = [...json.snapshots, json];
    let image: Buffer = NOTHING;
    for (const [i, diff] of parseImageV2(readFileSync(out)).diffs.entries()) {
      image = applyDiff(image, diff);
      expect([diff.to, differences(image, await exported(POINTS[i], damaged), [])]).toEqual([
        POINTS[i],
        0,
      ]);
      const { lost, doubtful } = reports[i]!;
      const truth = await exported(POINTS[i], intact);
      expect([diff.to, differences(image, truth, [...lost, ...doubtful])]).toEqual([POINTS[i], 0]);
    }
    expect(reports.some(({ lost }) => lost.length > 0)).toBe(true);
  });

  it('mend whoever has the start intact, but for what they report', async () => {
    for (const [i, to] of POINTS.entries()) {
      const from = POINTS[i - 1];
      const start = from === undefined ? NOTHING : await exported(from, intact);
      const out = path.join(work.path, `step-${i}`);
      const since = from === undefined ? [] : ['--from-snap', from];
      const { status, json } = await salvageJson<Losses>(
        'export-diff',
        at(to),
        out,
        ...since,
        ...damaged,
      );
      const image = applyDiff(start, parseDiffV1(readFileSync(out)));
      const except = [...json.lost, ...json.doubtful];
      expect(status).toBe(except.length > 0 ? 3 : 0);
      expect([to, differences(image, await exported(to, intact), except)]).toEqual([to, 0]);
    }
  });

  it('are listed with what is lost, and do not end as if all were well', async () => {
    let incomplete = 0;
    for (const to of POINTS) {
      const argv = ['diff', at(to), '--from-snap', 's1', ...damaged];
      if (to === 's1') continue;
      const { status, json } = await salvageJson<{ lost?: true; doubtful?: true }[]>(...argv);
      const marked = json.some(({ lost, doubtful }) => lost === true || doubtful === true);
      expect(status).toBe(marked ? 3 : 0);
      if (marked) incomplete++;
    }
    expect(incomplete).toBeGreaterThan(0);
  });
});
