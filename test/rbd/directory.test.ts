import { describe, expect, it } from 'vitest';
import { parseDirectory, parseDirectoryV1, parseRbdId } from '../../src/rbd/directory.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
  omap,
} from './helpers.ts';

describe('parseDirectory', () => {
  it('reads both lists of a real namespace', () => {
    const directory = parseDirectory(
      omap({
        id_102fa3cc8ea0: '0400000073616d65',
        name_same: '0c000000313032666133636338656130',
        state: '00',
      }),
    );
    expect(directory).toEqual({
      byName: [{ name: bytes('same'), id: '102fa3cc8ea0' }],
      byId: [{ name: bytes('same'), id: '102fa3cc8ea0' }],
      problems: [],
    });
  });
  it('keeps names that are no UTF-8', () => {
    const entry = { key: hex('6e616d655f ff'), value: hex('01000000 61') };
    expect(parseDirectory([entry]).byName).toEqual([{ name: hex('ff'), id: 'a' }]);
  });
  it('goes on after a broken entry and says so', () => {
    const directory = parseDirectory(
      omap({ name_a: 'ffffffff', name_b: '0100000062', id_c: '01' }),
    );
    expect(directory.byName).toEqual([{ name: bytes('b'), id: 'b' }]);
    expect(directory.byId).toEqual([]);
    expect(directory.problems.map((p) => p.split(':')[0])).toEqual(['name_a', 'id_c']);
  });
});

describe('parseDirectoryV1', () => {
  const REAL = hex('00000000 01000000 07000000 666f726d617431 00000000');
  it('reads a real list', () => {
    expect(parseDirectoryV1(REAL)).toEqual([bytes('format1')]);
  });
  it('is empty where only format 2 is used', () => {
    expect(parseDirectoryV1(hex(''))).toEqual([]);
  });
  it('refuses truncations and survives any byte', () => {
    for (let n = 1; n < REAL.length; n++) expectCorrupt(() => parseDirectoryV1(REAL.slice(0, n)));
    expectFlipsSurvived(REAL, parseDirectoryV1);
  });
  it('refuses 2^32 - 1 names before it reads them', () => {
    expectCorrupt(() => parseDirectoryV1(hex('00000000 ffffffff 00000000 00000000')), /claimed/);
  });
});

describe('parseRbdId', () => {
  it('reads a real id', () => {
    expect(parseRbdId(hex('0b000000 3130326264376261353035'))).toBe('102bd7ba505');
  });
  it('refuses truncations and an empty id', () => {
    expectTruncationsCorrupt(hex('0b000000 3130326264376261353035'), parseRbdId);
    expectCorrupt(() => parseRbdId(hex('00000000')), /empty/);
  });
});
