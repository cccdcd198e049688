import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { listCollections } from '../../src/store/filestore/filestore-scan.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';
import { scanShares } from '../../src/store/scan-shares.ts';
import { workDirectory } from '../helpers/fixtures.ts';

const work = workDirectory();
afterAll(() => work.dispose());

function osdWith(collections: number): OsdLocation {
  const place = path.join(work.path, `osd-${collections}`);
  const dataPath = path.join(place, 'current');
  for (let i = 0; i < collections; i++) {
    mkdirSync(path.join(dataPath, `2.${i.toString(16)}_head`), { recursive: true });
  }
  if (collections === 0) mkdirSync(dataPath, { recursive: true });
  return { kind: 'filestore', path: place, dataPath };
}

const SPINS = { readers: 1, most: 2 };

describe('shares of an OSD', () => {
  it('are one where its disk has one reader and never more', () => {
    const osd = osdWith(40);
    expect(scanShares(osd, { readers: 1 })).toEqual([listCollections(osd.dataPath)]);
    expect(scanShares(osd, { readers: 1, most: 1 })).toHaveLength(1);
  });

  it('are stretches of neighbours where more readers may turn out to be good for it', () => {
    const osd = osdWith(40);
    const shares = scanShares(osd, SPINS);
    expect(shares).toHaveLength(8);
    expect(shares.flat()).toEqual(listCollections(osd.dataPath));
    expect(scanShares(osd, { readers: 1, most: 64 }).length).toBeLessThanOrEqual(16);
  });

  it.each([0, 1, 3, 9, 17])('hold each of %i collections once', (n) => {
    const osd = osdWith(n);
    const all = [...listCollections(osd.dataPath)].sort();
    for (const lane of [SPINS, { readers: 1 }, { readers: 1, most: 64 }, { readers: 3 }]) {
      const shares = scanShares(osd, lane);
      expect(shares.flat().sort()).toEqual(all);
      if (n > 0) expect(shares.every((share) => share.length > 0)).toBe(true);
    }
  });
});
