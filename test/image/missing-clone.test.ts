import { describe, expect, it } from 'vitest';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import type { SnapSet } from '../../src/ceph/snapset.ts';
import { splitPieces } from '../../src/export/plan.ts';
import { nextNewer } from '../../src/image/clone-rule.ts';

describe('splitPieces', () => {
  it('keeps what the overlap covers, loses the rest, and leaves out what is beyond the end', () => {
    const { covered, lost } = splitPieces(
      [0, 4096, 1_000_000, 8192, 4096, 2_000_000],
      [
        { offset: 1024, length: 1024 },
        { offset: 9000, length: 10 },
      ],
      10_000,
    );
    expect(covered).toEqual([1024, 1024, 1_001_024, 9000, 10, 2_000_808]);
    expect(lost).toEqual([
      ...[0, 1024, 1_000_000],
      ...[2048, 2048, 1_002_048],
      ...[8192, 808, 2_000_000],
      ...[9010, 990, 2_000_818],
    ]);
  });
});

describe('nextNewer', () => {
  it('is the next clone, and the head behind the last', () => {
    const snapSet = { clones: [4n, 6n, 8n] } as unknown as SnapSet;
    expect(nextNewer(snapSet, 4n)).toBe(6n);
    expect(nextNewer(snapSet, 8n)).toBe(NOSNAP);
  });
});
