import { describe, expect, it } from 'vitest';
import { decodeSnapSet, type SnapSet } from '../../src/ceph/snapset.ts';
import { cloneFromSnapSet, commonExtents, guessClone } from '../../src/image/clone-rule.ts';
import { SNAPSET } from '../ceph/samples.ts';

/** The SnapSet of docs/formats/filestore.md 3.4: …102b6c4ee5e6.0000000000000002. */
const REAL: SnapSet = {
  seq: 8n,
  headExists: true,
  snaps: [],
  clones: [4n, 6n, 8n],
  cloneOverlap: new Map(),
  cloneSize: new Map([
    [4n, 1027072],
    [6n, 393216],
    [8n, 4194304],
  ]),
  cloneSnaps: new Map([
    [4n, [4n]],
    [6n, [6n, 5n]],
    [8n, [7n]],
  ]),
};

const served = (clone: bigint) => ({ kind: 'clone', clone, bySnaps: false });

describe('cloneFromSnapSet', () => {
  it.each([
    [4n, served(4n)],
    [5n, served(6n)],
    [6n, served(6n)],
    [7n, served(8n)],
  ])('finds the clone that serves snapshot %s', (snapId, wanted) => {
    expect(cloneFromSnapSet(REAL, snapId)).toMatchObject(wanted);
  });

  it('knows that the object did not exist at snapshots that no clone serves', () => {
    // 1 to 3: the clone that is next, 4, serves 4 alone. 8 was removed; clone 8 serves 7.
    for (const snapId of [1n, 2n, 3n, 8n]) {
      expect(cloneFromSnapSet(REAL, snapId)).toEqual({ kind: 'absent' });
    }
  });

  it('takes the head where no write came after the snapshot', () => {
    for (const snapId of [9n, 100n])
      expect(cloneFromSnapSet(REAL, snapId)).toEqual({ kind: 'head' });
  });

  it('knows of an object that was created after the snapshot, without any clone', () => {
    const created: SnapSet = { ...REAL, clones: [], cloneSnaps: new Map() };
    expect(cloneFromSnapSet(created, 7n)).toEqual({ kind: 'absent' });
    expect(cloneFromSnapSet(created, 8n)).toEqual({ kind: 'absent' });
    expect(cloneFromSnapSet(created, 9n)).toEqual({ kind: 'head' });
  });

  it('leaves it to the clone itself where the SnapSet does not say whom it serves', () => {
    // v2, up to Kraken; and v3 without an entry, not yet converted after an upgrade
    const old: SnapSet = { ...REAL, cloneSnaps: new Map() };
    expect(cloneFromSnapSet(old, 5n)).toMatchObject({ kind: 'clone', clone: 6n, bySnaps: true });
    const mixed: SnapSet = { ...REAL, cloneSnaps: new Map([[4n, [4n]]]) };
    expect(cloneFromSnapSet(mixed, 4n)).toMatchObject(served(4n));
    expect(cloneFromSnapSet(mixed, 7n)).toMatchObject({ kind: 'clone', clone: 8n, bySnaps: true });
  });

  it('agrees with the bytes of a real SnapSet', () => {
    const snapSet = decodeSnapSet(SNAPSET);
    expect(snapSet.clones).toEqual([4n, 5n, 6n, 8n]);
    for (const [clone, snaps] of snapSet.cloneSnaps) {
      for (const snapId of snaps)
        expect(cloneFromSnapSet(snapSet, snapId)).toMatchObject(served(clone));
    }
    expect(cloneFromSnapSet(snapSet, snapSet.seq + 1n)).toEqual({ kind: 'head' });
    expect(cloneFromSnapSet(snapSet, 1n)).toEqual({ kind: 'absent' });
  });
});

describe('guessClone', () => {
  const doubt = expect.stringMatching(/SnapSet/);

  it('takes the oldest clone that can have served the snapshot, and doubts it', () => {
    expect(guessClone([8, -2, 4, 6], 5n, 'head')).toEqual({ ...served(6n), doubt });
    expect(guessClone([8, 4, 6], 4n, undefined)).toEqual({ ...served(4n), doubt });
  });

  it('takes the head where all clones are older', () => {
    expect(guessClone([4, -2], 5n, 'head')).toEqual({ kind: 'head', doubt });
  });

  it('doubts the absence of an object that has clones and neither head nor SnapSet', () => {
    expect(guessClone([4, -1], 5n, undefined)).toMatchObject({
      kind: 'absent',
      doubt: expect.any(String),
    });
    expect(guessClone([], 5n, undefined)).toEqual({ kind: 'absent' });
  });

  it('doubts the absence of an object with a snapdir: there were clones', () => {
    expect(guessClone([], 5n, 'snapdir')).toEqual({ kind: 'absent', doubt });
  });
});

describe('commonExtents', () => {
  const extents = (...pairs: [number, number][]) =>
    pairs.map(([offset, length]) => ({ offset, length }));

  it('is what both cover, piece by piece', () => {
    const a = extents([0, 100], [200, 100], [400, 50]);
    const b = extents([50, 200], [290, 10], [300, 5], [420, 100]);
    const both = extents([50, 50], [200, 50], [290, 10], [420, 30]);
    expect(commonExtents(a, b)).toEqual(both);
    expect(commonExtents(b, a)).toEqual(both);
  });

  it('is nothing where they only touch, or one is empty', () => {
    expect(commonExtents(extents([0, 10]), extents([10, 10]))).toEqual([]);
    expect(commonExtents(extents([0, 10]), [])).toEqual([]);
  });
});
