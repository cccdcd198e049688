import { readdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';
import { removeXattr, setXattr } from '../helpers/xattrs.ts';

interface Report {
  complete: boolean;
  lost: unknown[];
  doubtful: unknown[];
  warnings: string[];
}

const SPEC = 'rbd/plain';
const truth = truthOf('basic');
const work = workDirectory();
afterAll(() => work.dispose());

/** Makes it look as if attributes of an image's objects had gone to the omap database of an OSD. */
function spillAttributes(osd: string, id: string): number {
  const current = path.join(osd, 'current');
  const files = readdirSync(current, { recursive: true, encoding: 'utf8' });
  const heads = files.filter((file) => path.basename(file).startsWith(`rbd\\udata.${id}.`));
  for (const file of heads) {
    removeXattr(path.join(current, file), 'user.ceph._');
    setXattr(path.join(current, file), 'user.cephos.spill_out', Buffer.from('1\0'));
  }
  return heads.length;
}

describe('a database that is damaged after the scan', () => {
  const dest = path.join(work.path, 'out.raw');
  let catalog: string;

  beforeAll(async () => {
    const osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osds'));
    // Its journal has newer attributes than those that are taken away.
    rmSync(path.join(osds, '2'), { recursive: true });
    catalog = await scanned(work.path, [osds]);
    expect(spillAttributes(path.join(osds, '1'), truth.images[SPEC]!.id!)).toBeGreaterThan(0);
    // One of the two alone is made up for: with both gone the database is read as it can be.
    const omap = path.join(osds, '1/current/omap');
    rmSync(path.join(omap, 'CURRENT'));
    for (const name of readdirSync(omap)) {
      if (name.startsWith('MANIFEST')) rmSync(path.join(omap, name));
    }
  });

  it('is told of, once, though another copy makes up for what was in it', async () => {
    const argv = ['export', SPEC, dest, '--force', '--prefer-osd', 'osd.1', '--catalog', catalog];
    const { json } = await salvageJson<Report>(...argv);
    expect(await sha256OfFile(dest)).toBe(truth.images[SPEC]!.sha256);
    expect(json).toMatchObject({ complete: true, lost: [], doubtful: [] });
    const warned = json.warnings.filter((text) => /1\/current\/omap/.test(text));
    expect(warned).toHaveLength(2);
    expect(json.warnings).toEqual([...new Set(warned)]);
    expect(JSON.parse(readFileSync(`${dest}.report.json`, 'utf8')).warnings).toEqual(json.warnings);
    const { stderr } = await salvage(argv);
    expect(stderr.match(/damaged: .*1\/current\/omap/g)).toHaveLength(2);
  });

  it('is not told of where nothing damaged was read', async () => {
    const argv = ['export', 'rbd/odd-size', dest, '--force', '--catalog', catalog];
    expect((await salvageJson<Report>(...argv)).json.warnings).toEqual([]);
  });
});
