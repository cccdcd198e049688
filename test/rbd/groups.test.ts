import { describe, expect, it } from 'vitest';
import { parseGroup, parseGroupDirectory, parseGroupRef } from '../../src/rbd/groups.ts';
import { bytes, expectFlipsSurvived, expectTruncationsCorrupt, hex, omap } from './helpers.ts';

// A real group of two images with one snapshot (16.2).
const SNAPSHOT = `0101 68000000 0c000000 313033663662386234353637 03000000 677331 01 02000000
  0101 20000000 0200000000000000 0c000000 313032313266303064613439 0500000000000000
  0101 20000000 0200000000000000 0c000000 313033333562303763323831 0400000000000000`;
const GROUP = {
  image_0000000000000002_10212f00da49: '00',
  image_0000000000000002_10335b07c281: '00',
  snapshot_103f6b8b4567: SNAPSHOT,
};
const REF = hex('0101 18000000 0200000000000000 0c000000 313033353662386234353637');

describe('groups', () => {
  it('lists members and snapshots', () => {
    expect(parseGroup(omap(GROUP))).toEqual({
      images: [
        { pool: 2, imageId: '10212f00da49', state: 0 },
        { pool: 2, imageId: '10335b07c281', state: 0 },
      ],
      snapshots: [
        {
          id: '103f6b8b4567',
          name: bytes('gs1'),
          complete: true,
          images: [
            { pool: 2, imageId: '10212f00da49', snapId: 5n },
            { pool: 2, imageId: '10335b07c281', snapId: 4n },
          ],
        },
      ],
      problems: [],
    });
  });
  it('reports every truncation of a snapshot and keeps the members', () => {
    const good = hex(SNAPSHOT);
    for (let n = 0; n < good.length; n++) {
      const value = good.slice(0, n);
      const group = parseGroup([...omap(GROUP).slice(0, 2), { key: bytes('snapshot_a'), value }]);
      expect([group.images.length, group.snapshots.length, group.problems.length]).toEqual([
        2, 0, 1,
      ]);
    }
  });
  it('reports members whose key names no pool', () => {
    expect(parseGroup(omap({ image_2_10212f00da49: '00' })).problems[0]).toMatch(/no pool/);
  });
  it('disbelieves counts', () => {
    const value = '0101 0d000000 00000000 00000000 01 ffffff7f';
    expect(parseGroup(omap({ snapshot_a: value })).problems[0]).toMatch(/claimed/);
  });
  it('reads the reference in a header', () => {
    expect(parseGroupRef(REF)).toEqual({ pool: 2, groupId: '10356b8b4567' });
    expectTruncationsCorrupt(REF, parseGroupRef);
    expectFlipsSurvived(REF, parseGroupRef);
  });
  it('reads the directory of groups', () => {
    const directory = omap({
      id_10356b8b4567: '0100000067',
      name_g: '0c000000313033353662386234353637',
    });
    expect(parseGroupDirectory(directory).byName).toEqual([
      { name: bytes('g'), id: '10356b8b4567' },
    ]);
  });
});
