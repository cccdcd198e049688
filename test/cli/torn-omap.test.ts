import { readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/** Databases of real OSDs, torn: what is left, and the other OSDs, must do. */

const OSDS = ['0', '1', '2'];
const FOOTER = 48;

const filesOf = (omap: string, pattern: RegExp) =>
  readdirSync(omap)
    .filter((name) => pattern.test(name))
    .map((name) => path.join(omap, name));

function zero(file: string, bytes = 500): void {
  truncateSync(file, 0);
  truncateSync(file, bytes);
}

const SPOILS: Record<string, (omap: string) => void> = {
  'has no CURRENT': (omap) => rmSync(path.join(omap, 'CURRENT')),
  'has a CURRENT that names no file': (omap) =>
    writeFileSync(path.join(omap, 'CURRENT'), 'MANIFEST-999999\n'),
  'has a MANIFEST of zeros': (omap) => {
    for (const file of filesOf(omap, /^MANIFEST/)) zero(file);
  },
  'has tables without footers': (omap) => {
    for (const file of filesOf(omap, /\.(ldb|sst)$/)) {
      truncateSync(file, Math.max(0, sizeOf(file) - FOOTER));
    }
  },
  'is not there': (omap) => rmSync(omap, { recursive: true }),
};

const sizeOf = (file: string) => statSync(file).size;

describe.each(['leveldb', 'compacted'])('an OSD of %s whose database', (fixture) => {
  const work = workDirectory();
  const truth = truthOf(fixture);
  let copies = 0;
  afterAll(work.dispose);

  function spoilt(name: string, osds: readonly string[]): string {
    const copy = copyTree(fixtureOsds(fixture), path.join(work.path, String(copies++)));
    for (const osd of osds) SPOILS[name]!(path.join(copy, osd, 'current/omap'));
    return copy;
  }

  async function exported(spec: string, osds: string): Promise<{ status: number; sha: string }> {
    const dest = path.join(work.path, 'image');
    const { status } = await salvage(['export', spec, dest, '--force', '--osd', osds]);
    return { status: status!, sha: await sha256OfFile(dest) };
  }

  let specs: string[] = [];
  beforeAll(async () => {
    const { json } = await salvageJson<{ image: string; pool: string; snapshot: string | null }[]>(
      ...['ls', '-l', '--osd', fixtureOsds(fixture)],
    );
    specs = json.map(({ pool, image, snapshot }) => `${pool}/${image}@${snapshot}`);
  });

  it.each(Object.keys(SPOILS))('%s is made up for by the other OSDs', async (name) => {
    // Nothing was written while osd.1 was away or after: it knows no more than the others do.
    const osds = spoilt(name, ['1']);
    const { status, stderr } = await salvage(['check', '--all', '--osd', osds]);
    expect(stderr).not.toContain('a bug');
    expect(status, stderr).toBe(0);
  });

  const readable = Object.keys(SPOILS).filter((name) => name !== 'is not there');
  it.each(readable)('%s is read all the same where all are like that', async (name) => {
    const osds = spoilt(name, OSDS);
    const { json } = await salvageJson<{ image: string; pool: string; snapshot: string | null }[]>(
      ...['ls', '-l', '--osd', osds],
    );
    const found = json.map(({ pool, image, snapshot }) => `${pool}/${image}@${snapshot}`);
    expect(found).toEqual(specs);
    for (const spec of ['rbd/snaps', 'rbd/base@gold']) {
      const { status, sha } = await exported(spec, osds);
      expect(sha).toBe(truth.images[spec]!.sha256);
      // That CURRENT is lost is no loss where there is one MANIFEST; one that names another tells of a
      // loss, and else keys may be old.
      expect(status).toBe(name === 'has no CURRENT' ? 0 : 3);
    }
  });
});
