import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';
import { removeXattr } from '../helpers/xattrs.ts';

/** An object of which osd.0 has the only copy, without the attribute that tells its version and size: doubtful, and right. */
const SPEC = 'rbd/plain';
const { sha256, size, id } = truthOf('compacted').images[SPEC]!;
const work = workDirectory();
afterAll(() => work.dispose());

const osds = path.join(work.path, 'osds');
const away = path.join(work.path, 'away');
let catalog: string;
beforeAll(async () => {
  copyTree(fixtureOsds('compacted'), osds);
  const files = readdirSync(osds, { recursive: true, encoding: 'utf8' }).filter((file) =>
    path.basename(file).startsWith(`rbd\\udata.${id}.`),
  );
  const name = files.map((file) => path.basename(file)).sort()[0]!;
  for (const file of files.filter((one) => path.basename(one) === name)) {
    if (file.startsWith('0/')) removeXattr(path.join(osds, file), 'user.ceph._');
    else rmSync(path.join(osds, file));
  }
  catalog = await scanned(work.path, [osds]);
});

let count = 0;
let out: string;
beforeEach(() => {
  out = path.join(work.path, `${count++}.raw`);
});
afterEach(() => {
  if (existsSync(away)) renameSync(away, path.join(osds, '0'));
});
const takeAway = () => renameSync(path.join(osds, '0'), away);
const exported = (...more: string[]) =>
  salvageJson<RecoveryReport>('export', SPEC, out, '--catalog', catalog, ...more);

describe('what an export has read in doubt, when the same command comes again', () => {
  it('stays where the disk that it came from is away', async () => {
    const before = await exported();
    expect(before.json.lost).toEqual([]);
    expect(before.json.doubtful).toHaveLength(1);
    expect(await sha256OfFile(out)).toBe(sha256);
    const { offset, length } = before.json.doubtful[0]!;
    takeAway();
    for (let run = 0; run < 2; run++) {
      const { status, json } = await exported();
      expect(await sha256OfFile(out)).toBe(sha256);
      expect(status).toBe(3);
      expect(json).toMatchObject({ lost: [], totals: { bytes_read: 0, bytes_kept: size } });
      expect(json.doubtful).toEqual([
        expect.objectContaining({
          ...{ offset, length },
          reason: 'as an earlier run has read it, in doubt: osd.0: its OSD is not at hand',
        }),
      ]);
    }
  });

  it('is read again where it can be', async () => {
    await exported();
    const { status, json } = await exported();
    expect(status).toBe(3);
    const { length } = json.doubtful[0]!;
    expect(json.totals.bytes_kept).toBe(size - length);
    expect(json.totals.bytes_read).toBeGreaterThan(0);
    expect(await sha256OfFile(out)).toBe(sha256);
  });

  it('is lost where it is begun anew', async () => {
    await exported();
    takeAway();
    const { json } = await exported('--restart', '--force');
    expect(json.lost).toHaveLength(1);
    const { offset, length } = json.lost[0]!;
    const image = readFileSync(out);
    expect(image.subarray(offset, offset + length).equals(Buffer.alloc(length))).toBe(true);
  });

  it('is not replaced by what older disks have', async () => {
    const stale = copyTree(fixtureOsds('stale'), path.join(work.path, 'stale'));
    const found = ['--catalog', path.join(work.path, 'two')];
    await salvage(['scan', '--osd', path.join(stale, '0'), path.join(stale, '2'), ...found]);
    const words = ['export', SPEC, out, ...found];
    expect((await salvage(words)).status).toBe(3);
    const before = await sha256OfFile(out);
    renameSync(path.join(stale, '0'), path.join(stale, 'away'));
    const { status, json } = await salvageJson<RecoveryReport>(...words);
    expect(await sha256OfFile(out)).toBe(before);
    expect([status, json.lost]).toEqual([3, []]);
  });
});
