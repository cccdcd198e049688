import { describe, expect, it } from 'vitest';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import { migrationSource, parseMigration } from '../../src/rbd/migration.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
} from './helpers.ts';

/** `migration` keys of both ends of `rbd migration prepare msrc data/mdst` (16.2), two snapshots. */
const DESTINATION = hex(`0301 5d000000 02 0200000000000000 00000000 04000000 6d737263
  0c000000 313034356634316236656637
  02000000 0600000000000000 0500000000000000 0700000000000000 0600000000000000
  0000000100000000 00 00 02 00000000 00 00000000`);
const SOURCE = hex(`0301 3d000000 01 0300000000000000 00000000 04000000 6d647374
  0c000000 313034643866363333373835 00000000 0000000000000000 00 00 02 00000000 00 00000000`);
const STATE_AT = 6 + 1 + 8 + 4 + 8 + 16 + 36 + 8 + 2;
const MiB = 2 ** 20;

const inState = (state: number) => {
  const copy = DESTINATION.slice();
  copy[STATE_AT] = state;
  return parseMigration(copy);
};

describe('parseMigration', () => {
  it('reads the destination', () => {
    expect(parseMigration(DESTINATION)).toEqual({
      role: 'destination',
      pool: 2,
      namespace: bytes(''),
      imageName: bytes('msrc'),
      imageId: '1045f41b6ef7',
      snapSeqs: new Map([
        [6n, 5n],
        [7n, 6n],
      ]),
      overlap: 16 * MiB,
      flatten: false,
      mirroring: false,
      state: 'prepared',
      description: '',
      mirrorMode: 0,
      sourceSpec: '',
    });
  });
  it('reads the source', () => {
    expect(parseMigration(SOURCE)).toMatchObject({
      role: 'source',
      pool: 3,
      imageId: '104d8f633785',
    });
  });
  it('reads v1, which ends with the description', () => {
    const value = hex(`0101 2b000000 02 0200000000000000 00000000 01000000 61 01000000 62
      00000000 0000000100000000 01 00 03 01000000 78`);
    expect(parseMigration(value)).toMatchObject({
      flatten: true,
      state: 'executing',
      description: 'x',
      mirrorMode: 0,
    });
  });
  it('refuses every truncation', () => {
    expectTruncationsCorrupt(DESTINATION, parseMigration);
    expectTruncationsCorrupt(SOURCE, parseMigration);
  });
  it('survives any byte', () => expectFlipsSurvived(DESTINATION, parseMigration));
  it('refuses an end that is neither', () => {
    const copy = SOURCE.slice();
    copy[6] = 7;
    expectCorrupt(() => parseMigration(copy), /type 7/);
  });
});

describe('migrationSource', () => {
  it('puts the source head under the destination head', () => {
    expect(migrationSource(parseMigration(DESTINATION), NOSNAP, 12 * MiB)).toEqual({
      pool: 2,
      namespace: bytes(''),
      imageName: bytes('msrc'),
      imageId: '1045f41b6ef7',
      snapId: NOSNAP,
      overlap: 12 * MiB,
    });
    expect(migrationSource(parseMigration(DESTINATION), NOSNAP, 20 * MiB)?.overlap).toBe(16 * MiB);
  });
  it('maps snapshots back', () => {
    const migration = parseMigration(DESTINATION);
    expect(migrationSource(migration, 5n, 16 * MiB)?.snapId).toBe(6n);
    expect(migrationSource(migration, 6n, 16 * MiB)?.snapId).toBe(7n);
  });
  it('puts the source head under snapshots taken since', () => {
    expect(migrationSource(parseMigration(DESTINATION), 9n, 16 * MiB)?.snapId).toBe(NOSNAP);
    expect(migrationSource(parseMigration(DESTINATION), 4n, 16 * MiB)).toBeUndefined();
  });
  it.each([
    [0, false],
    [1, false],
    [2, true],
    [3, true],
    [4, false],
    [5, true],
    [9, false],
  ])('in state %d reads the source: %s', (state, reads) => {
    expect(migrationSource(inState(state), NOSNAP, MiB) !== undefined).toBe(reads);
  });
  it('never applies to the source itself', () => {
    expect(migrationSource(parseMigration(SOURCE), NOSNAP, MiB)).toBeUndefined();
  });
});
