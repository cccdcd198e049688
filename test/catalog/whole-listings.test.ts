import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { readManifest } from '../../fixtures/unpack.mjs';
import { Segment } from '../../src/catalog/segment.ts';
import type { SegmentBuilder as Builder } from '../../src/catalog/segment-builder.ts';
import type { Damage } from '../../src/errors/damage.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';
import { fixtureOsds, workDirectory } from '../helpers/fixtures.ts';

/** Directories can be taken whole, by the scan kernel, or name by name: what is found must not differ. */

afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

const FILESTORES = Object.keys(readManifest().fixtures).filter((name) => name !== 'blue');

interface How {
  whole: boolean;
  native: boolean;
}

/** Every data object and every directory's counts that a scan of an OSD finds, as text, in order of text. */
async function found(
  osd: string,
  { whole, native }: How,
  report: (damage: Damage) => void = (damage) => expect.fail(JSON.stringify(damage)),
): Promise<string[]> {
  vi.resetModules();
  if (!native) vi.stubEnv('RBD_SALVAGE_NO_NATIVE', '1');
  const { SegmentBuilder } = await import('../../src/catalog/segment-builder.ts');
  const { scanShare, scanShares } = await import('../../src/store/scan-store.ts');
  const segments: Uint8Array[] = [];
  const builder: Builder = new SegmentBuilder((segment) => segments.push(segment));
  if (!whole) Object.assign(builder, { listings: undefined });
  const location: OsdLocation = {
    ...{ kind: 'filestore', path: osd, dataPath: path.join(osd, 'current') },
  };
  for (const share of scanShares(location, { readers: 1 })) {
    scanShare({ location, share, sink: builder, report, known: undefined });
  }
  builder.finish();
  return segments.flatMap(textOf).sort();
}

function textOf(payload: Uint8Array): string[] {
  const segment = new Segment((at, n) => payload.subarray(at, at + n), payload.length, 0);
  const units = segment.units.map(([name]) => Buffer.from(name).toString('latin1'));
  const rows = segment.head.groups.flatMap((group) => {
    const image = Buffer.concat([group[0], group[1]]).toString('latin1');
    const { length, objectNo, snap, hash, unit } = segment.rows(group);
    return Array.from(
      { length },
      (_, i) => `${units[unit[i]!]} ${image} ${objectNo[i]} ${snap[i]} ${hash[i]}`,
    );
  });
  const counts = segment.units.map((unit, i) => `${units[i]}: ${unit[4]} ${unit[5]}`);
  return [...rows, ...counts, ...segment.named().map(({ fileName }) => `named ${fileName}`)];
}

describe.each([
  ['through getdents64', true],
  ['without native calls', false],
])('links in place of index directories, %s', (_, native) => {
  const work = workDirectory();
  afterAll(work.dispose);

  it('are reported and not followed', async () => {
    const osd = path.join(work.path, 'osd');
    const collection = path.join(osd, 'current/2.0_head');
    mkdirSync(path.join(collection, 'DIR_2'), { recursive: true });
    const name = 'rbd\\udata.1.0000000000000001__head_00000000__2';
    writeFileSync(path.join(collection, 'DIR_2', name), '');
    for (const link of ['DIR_0', 'DIR_1']) symlinkSync('.', path.join(collection, link));
    const reasons: string[] = [];
    const objects = await found(osd, { whole: true, native }, ({ path: at }) =>
      reasons.push(path.basename(at)),
    );
    expect(objects.filter((text) => text.includes('rbd'))).toHaveLength(1);
    expect(reasons.sort()).toEqual(['DIR_0', 'DIR_1']);
  });
});

describe.each(FILESTORES)('what a scan of %s finds', (fixture) => {
  const osds = fixtureOsds(fixture);

  it.each(['0', '1', '2'])('on OSD %s is the same whole as name by name', async (osd) => {
    const place = path.join(osds, osd);
    const byName = await found(place, { whole: false, native: true });
    expect(byName.length).toBeGreaterThan(20);
    expect(await found(place, { whole: true, native: true })).toEqual(byName);
    expect(await found(place, { whole: true, native: false })).toEqual(byName);
  });
});
