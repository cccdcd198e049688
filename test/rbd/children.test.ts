import { describe, expect, it } from 'vitest';
import { parseChildren, parseSnapChildren } from '../../src/rbd/children.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
} from './helpers.ts';

/** A real rbd_children entry: image 102baa6d547f@10 of pool 2 has two clones. */
const KEY = hex('0200000000000000 0c000000 313032626161366435343766 0a00000000000000');
const VALUE = hex('02000000 0c000000 313032626430633734643164 0c000000 313032626665643638633334');
/** A real snap_children value: one clone in pool 2, one in pool 3. */
const SNAP_CHILDREN = hex(`02000000
  0201 1c000000 0200000000000000 0c000000 313032353137396633353866 00000000
  0201 1c000000 0300000000000000 0c000000 313032393136383338323636 00000000`);

describe('parseChildren', () => {
  it('reads binary keys', () => {
    expect(parseChildren([{ key: KEY, value: VALUE }])).toEqual({
      parents: [
        {
          pool: 2,
          imageId: '102baa6d547f',
          snapId: 10n,
          childIds: ['102bd0c74d1d', '102bfed68c34'],
        },
      ],
      problems: [],
    });
  });
  it('reports truncated keys and values and goes on', () => {
    for (let n = 0; n < KEY.length; n++) {
      const good = { key: KEY, value: VALUE };
      const result = parseChildren([{ key: KEY.slice(0, n), value: VALUE }, good]);
      expect([result.parents.length, result.problems.length]).toEqual([1, 1]);
    }
    for (let n = 0; n < VALUE.length; n++) {
      expect(parseChildren([{ key: KEY, value: VALUE.slice(0, n) }]).problems).toHaveLength(1);
    }
  });
  it('refuses 2^32 - 1 children before it reads them', () => {
    expect(parseChildren([{ key: KEY, value: hex('ffffffff') }]).problems[0]).toMatch(/claimed/);
  });
});

describe('parseSnapChildren', () => {
  it('reads clones in several pools', () => {
    expect(parseSnapChildren(SNAP_CHILDREN)).toEqual([
      { pool: 2, imageId: '1025179f358f', namespace: bytes('') },
      { pool: 3, imageId: '102916838266', namespace: bytes('') },
    ]);
  });
  it('reads v1, which has no namespace', () => {
    const v1 = hex('01000000 0101 0d000000 0200000000000000 01000000 61');
    expect(parseSnapChildren(v1)).toEqual([{ pool: 2, imageId: 'a', namespace: bytes('') }]);
  });
  it('refuses every truncation, survives any byte, disbelieves counts', () => {
    expectTruncationsCorrupt(SNAP_CHILDREN, parseSnapChildren);
    expectFlipsSurvived(SNAP_CHILDREN, parseSnapChildren);
    expectCorrupt(() => parseSnapChildren(hex('ffffff7f 0201')), /claimed/);
  });
});
