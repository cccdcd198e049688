import { describe, expect, it } from 'vitest';
import { decodeSnapSet } from '../../src/ceph/snapset.ts';
import { concat, framed, patched, u8, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { SNAPSET } from './samples.ts';
import { list } from './structures.ts';

describe('SnapSet', () => {
  it('reads a real one of four clones, the last of which serves an older snapshot', () => {
    expect(decodeSnapSet(SNAPSET)).toEqual({
      seq: 8n,
      headExists: true,
      snaps: [],
      clones: [4n, 5n, 6n, 8n],
      cloneOverlap: new Map([
        [
          4n,
          [
            { offset: 0, length: 3881472 },
            { offset: 4100608, length: 37376 },
          ],
        ],
        [
          5n,
          [
            { offset: 0, length: 2683904 },
            { offset: 2692096, length: 772608 },
            { offset: 3524608, length: 588288 },
            { offset: 4123136, length: 71168 },
          ],
        ],
        [
          6n,
          [
            { offset: 0, length: 353280 },
            { offset: 593408, length: 3600896 },
          ],
        ],
        [
          8n,
          [
            { offset: 0, length: 3506176 },
            { offset: 3600896, length: 593408 },
          ],
        ],
      ]),
      cloneSize: new Map([
        [4n, 4194304],
        [5n, 4194304],
        [6n, 4194304],
        [8n, 4194304],
      ]),
      cloneSnaps: new Map([
        [4n, [4n]],
        [5n, [5n]],
        [6n, [6n]],
        [8n, [7n]],
      ]),
    });
  });

  it('reads version 2 of a snapdir, which does not say what clones serve', () => {
    const bytes = framed(
      2,
      2,
      concat(u64(6), u8(0), list(u64(6), u64(4)), list(u64(4), u64(6))),
      list(concat(u64(4), list(concat(u64(0), u64(4096)))), concat(u64(6), list())),
      list(concat(u64(4), u64(8192)), concat(u64(6), u64(0))),
    );
    expect(decodeSnapSet(bytes)).toEqual({
      seq: 6n,
      headExists: false,
      snaps: [6n, 4n],
      clones: [4n, 6n],
      cloneOverlap: new Map([
        [4n, [{ offset: 0, length: 4096 }]],
        [6n, []],
      ]),
      cloneSize: new Map([
        [4n, 8192],
        [6n, 0],
      ]),
      cloneSnaps: new Map(),
    });
    expectTruncationsCorrupt(decodeSnapSet, bytes);
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodeSnapSet, SNAPSET);
    expectSurvivesLies(decodeSnapSet, SNAPSET);
  });

  it('does not believe a count of clones that cannot be there', () => {
    expect(() => decodeSnapSet(patched(SNAPSET, 19, u32(0x10000000)))).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });
});
