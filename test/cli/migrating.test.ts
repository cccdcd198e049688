import { readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/** Images in the middle of a migration: what has not been written since still lies in their sources. */

const { images } = truthOf('migrating');
const work = workDirectory();
afterAll(work.dispose);

async function exported(spec: string, catalog: string) {
  const dest = path.join(work.path, 'out.raw');
  const { status, json } = await salvageJson<RecoveryReport>(
    ...['export', spec, dest, '--force', '--catalog', catalog],
  );
  return { status, json, isRight: (await sha256OfFile(dest)) === images[spec]!.sha256 };
}

it.each(Object.keys(images))('%s is what rbd export gave', async (spec) => {
  const catalog = path.join(work.path, 'whole');
  await salvage(['scan', '--osd', fixtureOsds('migrating'), '--catalog', catalog]);
  const { status, json, isRight } = await exported(spec, catalog);
  expect([status, json.complete, isRight]).toEqual([0, true, true]);
});

describe('a source that has lost its header', () => {
  const catalog = path.join(work.path, 'headless');
  beforeAll(async () => {
    const osds = copyTree(fixtureOsds('migrating'), path.join(work.path, 'osds'));
    // Those of pool rbd; the images in pool data keep theirs.
    const headers = readdirSync(osds, { recursive: true, encoding: 'utf8' }).filter((name) =>
      /^rbd\\uheader\..*__2$/.test(path.basename(name)),
    );
    expect(headers).toHaveLength(9);
    for (const name of headers) rmSync(path.join(osds, name));
    await salvage(['scan', '--osd', osds, '--catalog', catalog]);
  });

  it.each(['data/moved', 'data/moved@s1'])(
    '%s is right, and what came from there doubtful',
    async (spec) => {
      const { status, json, isRight } = await exported(spec, catalog);
      expect([status, json.complete, isRight, json.lost]).toEqual([3, false, true, []]);
      expect(json.guesses.join()).toContain('rbd/moving: object size 1048576');
      const reasons = new Set(json.doubtful.map(({ reason }) => reason.replace(/: parent.*/, '')));
      expect(reasons).toEqual(new Set(['migration source moving: its header is lost']));
    },
  );
});
