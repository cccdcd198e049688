import { describe, expect, it } from 'vitest';
import { isMaxHobject } from '../../src/ceph/hobject.ts';
import { applyFastInfo, decodePgFastInfo, decodePgInfo } from '../../src/ceph/pg-info.ts';
import { concat, framed, u8, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { PG_FAST_INFO, PG_INFO } from './samples.ts';
import { hobject, list, opaque, pg, time, version } from './structures.ts';

const nothing = new Uint8Array(0);

/** pg_history_t of version `v`: epochs 1 to 7 in order, then whatever that version had. */
const history = (v: number): Uint8Array =>
  framed(
    v,
    4,
    concat(...[1, 2, 3, 4, 5, 6, 7].map(u32), version(9, 8), time(1)),
    v >= 5 ? concat(version(9, 8), time(1)) : nothing,
    v >= 6 ? time(1) : nothing,
    v >= 7 ? u32(10) : nothing,
    v >= 8 ? concat(u32(11), u32(12)) : nothing,
    v >= 9 ? u32(13) : nothing,
    v >= 10 ? u64(14) : nothing,
  );

/** pg_info_t of version `v`: last_backfill is `old` in the old place and `new` in the new one. */
function pgInfo(v: number, historyVersion: number, stats = opaque): Uint8Array {
  const from = (since: number, ...parts: Uint8Array[]) => (v >= since ? concat(...parts) : nothing);
  return framed(
    v,
    26,
    concat(pg(4, 0x1f), version(66, 42), version(66, 41), version(50, 3)),
    concat(hobject({ name: 'old', hash: 1 }), stats, history(historyVersion)),
    list(concat(u64(8), u64(2))),
    from(27, u32(65)),
    from(28, u64(40)),
    from(29, opaque),
    from(30, u8(1)),
    from(31, hobject({ name: 'new', hash: 2 }), u8(1)),
    from(32, u32(64)),
  );
}

describe('pg info', () => {
  it('reads a real one', () => {
    const info = decodePgInfo(PG_INFO);
    expect(info).toMatchObject({
      pg: { pool: 2, seed: 0, shard: -1 },
      lastUpdate: { epoch: 31, version: 110n },
      lastComplete: { epoch: 31, version: 110n },
      logTail: { epoch: 0, version: 0n },
      lastBackfillBitwise: true,
      history: {
        epochCreated: 14,
        lastEpochStarted: 15,
        lastEpochClean: 15,
        lastEpochSplit: 0,
        sameIntervalSince: 14,
        sameUpSince: 14,
        samePrimarySince: 14,
        lastScrub: { epoch: 0, version: 0n },
      },
      purgedSnaps: [],
      lastEpochStarted: 15,
      lastUserVersion: 110n,
      objects: 33,
    });
    expect(isMaxHobject(info.lastBackfill)).toBe(true);
  });

  it.each([
    [26, 4],
    [27, 5],
    [28, 6],
    [29, 6],
    [30, 6],
    [31, 7],
    [32, 8],
    [32, 9],
    [33, 10],
  ])('reads version %i with history version %i', (v, historyVersion) => {
    const info = decodePgInfo(pgInfo(v, historyVersion));
    expect(info).toMatchObject({
      pg: { pool: 4, seed: 0x1f, shard: v >= 30 ? 1 : -1 },
      lastUpdate: { epoch: 66, version: 42n },
      lastComplete: { epoch: 66, version: 41n },
      logTail: { epoch: 50, version: 3n },
      lastBackfillBitwise: v >= 31,
      history: {
        epochCreated: 1,
        lastEpochStarted: 2,
        lastEpochClean: 3,
        lastEpochSplit: 4,
        sameIntervalSince: 5,
        sameUpSince: 6,
        samePrimarySince: 7,
        lastScrub: { epoch: 9, version: 8n },
      },
      purgedSnaps: [{ start: 8n, length: 2n }],
      lastEpochStarted: v >= 27 ? 65 : 2,
      lastUserVersion: v >= 28 ? 40n : 42n,
    });
    expect(Buffer.from(info.lastBackfill.name).toString()).toBe(v >= 31 ? 'new' : 'old');
  });

  describe('tells how many objects the PG has', () => {
    /** pg_stat_t of version `v` that `compat` can read. */
    const stats = (v: number, compat: number, objects: number, invalid: number): Uint8Array =>
      framed(
        v,
        compat,
        concat(version(9, 8), version(9, 8), u32(1), version(9, 8), version(9, 8)),
        concat(u32(1), u32(1), pg(4, 1), u32(0), version(9, 8), time(1)),
        framed(2, 2, framed(20, 14, concat(u64(4096), u64(objects), u64(1))), u32(0)),
        concat(u64(5), u64(5), list(u32(1), u32(2)), list(u32(1))),
        concat(...[1, 2, 3, 4, 5].map(time), u32(9), version(9, 8), time(1)),
        concat(u8(invalid), time(1)),
      );

    it.each([
      ['Firefly', stats(16, 8, 7, 0), 7],
      ['Pacific', stats(26, 22, 7, 0), 7],
      ['none', stats(26, 22, 0, 0), 0],
      ['not known since a split', stats(26, 22, 7, 1), undefined],
      ['gone wrong', stats(26, 22, -1, 0), undefined],
      ['too old', stats(12, 8, 7, 0), undefined],
      ['of a layout that is not known', stats(40, 40, 7, 0), undefined],
      ['cut short', framed(26, 22, version(9, 8)), undefined],
    ])('%s', (_, of, objects) => {
      expect(decodePgInfo(pgInfo(32, 10, of))).toMatchObject({ objects, lastEpochStarted: 65 });
    });
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodePgInfo, PG_INFO);
    expectSurvivesLies(decodePgInfo, PG_INFO);
    expectTruncationsCorrupt(decodePgInfo, pgInfo(30, 6));
  });
});

describe('fast info', () => {
  it('moves an older info forward', () => {
    const info = decodePgInfo(PG_INFO);
    const now = applyFastInfo(info, decodePgFastInfo(PG_FAST_INFO));
    expect(now).toEqual({
      ...info,
      lastUpdate: { epoch: 31, version: 133n },
      lastComplete: { epoch: 31, version: 133n },
      lastUserVersion: 133n,
      objects: 34,
    });
  });

  it('does not tell how many objects there are where the info cannot', () => {
    const info = { ...decodePgInfo(PG_INFO), objects: undefined };
    expect(applyFastInfo(info, decodePgFastInfo(PG_FAST_INFO)).objects).toBeUndefined();
  });

  it('is ignored when the info is as new, or when it was cleared', () => {
    const info = decodePgInfo(PG_INFO);
    const { lastUpdate, logTail: lastComplete } = info;
    const fast = { lastUpdate, lastComplete, lastUserVersion: 1n, objects: 1 };
    expect(applyFastInfo(info, fast)).toBe(info);
    expect(applyFastInfo(info, decodePgFastInfo(nothing))).toBe(info);
  });

  it('calls truncations (but for empty) and lies damage', () => {
    for (let length = 1; length < PG_FAST_INFO.length; length++) {
      expect(() => decodePgFastInfo(PG_FAST_INFO.subarray(0, length))).toThrow(
        expect.objectContaining({ code: 'CORRUPT' }),
      );
    }
    expectSurvivesLies(decodePgFastInfo, PG_FAST_INFO);
  });
});
