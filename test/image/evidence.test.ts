import { beforeEach, describe, expect, it } from 'vitest';
import type { Cluster } from '../../src/image/cluster.ts';
import { evidenceOf, isEvidence, joined, weigh } from '../../src/image/evidence.ts';
import type { Layer } from '../../src/image/layer.ts';
import type { PgDecision } from '../../src/image/pg-decision.ts';

const POOL = 2;

/** Of which PGs less is known than was: cell and reason. */
let doubts: [number, string][] = [];
beforeEach(() => {
  doubts = [];
});

interface Known {
  /** epoch in which the copy that counts last took part; undefined: no complete copy is here */
  started?: number | undefined;
  version?: number;
  /** epoch in which some copy knows the PG to have been active */
  active?: number;
  doubt?: string;
  map?: number | null;
  erasure?: boolean;
}

/** A layer whose pool has one PG, of which this much is known. */
function layerOf(...pgs: Known[]): Layer {
  const [{ map = 10, erasure = false } = {}] = pgs;
  const decisions = pgs.map(({ started, version = 5, active = started ?? 0, doubt }) => {
    const info = {
      ...{ lastEpochStarted: started ?? 0, lastUpdate: { epoch: 9, version: BigInt(version) } },
      history: { lastEpochStarted: active },
    };
    const copy = { osd: { name: 'osd.7' }, info };
    const authority = started === undefined ? undefined : copy;
    return { authority, copies: [copy], doubt } as unknown as PgDecision;
  });
  const pools = new Map([[POOL, { type: erasure ? 'erasure' : 'replicated' }]]);
  const cluster = {
    osds: [],
    osdMap: map === null ? undefined : { epoch: map, pools },
    pgs: {
      bitsOf: () => Math.log2(pgs.length),
      decide: (_: number, hash: number) => decisions[hash % pgs.length],
      doubtAlso: (_: number, hash: number, bits: number, why: string) => {
        doubts.push([hash % 2 ** bits, why]);
      },
    },
  } as unknown as Cluster;
  const image = { cluster, pool: POOL };
  return { image, pools: [{ pool: POOL }], parent: undefined } as unknown as Layer;
}

const THEN: Known = { started: 8, version: 5 };

/** What is known now against an export that was made when `then` was known. */
const why = (now: Known, then: Known = THEN) => weigh(layerOf(now), evidenceOf(layerOf(then)));

describe('what was proven', () => {
  it.each<[string, Known]>([
    ['the same', THEN],
    ['the same, by a later interval without writes', { started: 9, version: 5 }],
    ['the same, in doubt', { ...THEN, doubt: 'they went on' }],
  ])('stands where now is known %s', (_, now) => {
    expect([why(now), doubts]).toEqual([undefined, []]);
  });

  it.each<[string, Known]>([
    ['less: a copy of the same interval with fewer writes', { started: 8, version: 4 }],
    ['less: a copy of an earlier interval', { started: 6, version: 3, doubt: 'stale' }],
    ['less: no complete copy', {}],
    ['less, and no map', { started: 8, version: 4, map: null }],
    ['less, by a newer map', { started: 8, version: 4, doubt: 'they went on', map: 12 }],
  ])('stands where now is known %s, which is in doubt', (_, now) => {
    expect(why(now)).toBeUndefined();
    expect(doubts).toEqual([[0, expect.stringContaining("newer writes (9'5)")]]);
  });

  it('stands where a doubt is by an older map, or for want of an OSD that was known', () => {
    expect(why({ ...THEN, doubt: 'they went on', map: 9 })).toBeUndefined();
    const more = { ...evidenceOf(layerOf(THEN)), osds: ['another'] };
    expect(weigh(layerOf({ ...THEN, doubt: 'went on', map: 11 }), more)).toBeUndefined();
  });

  it.each<[string, Known, RegExp]>([
    ['more writes', { started: 8, version: 6 }, /osd\.7 knows of newer writes/],
    ['more writes in doubt', { started: 8, version: 6, doubt: 'stale' }, /osd\.7/],
    ['a later interval', { started: 9, version: 6 }, /osd\.7/],
    ['a later interval that no copy took part in', { ...THEN, active: 9, doubt: 'gone' }, /osd\.7/],
    ['no complete copy, but a later interval', { active: 9 }, /osd\.7/],
    ['a later interval with fewer writes', { started: 9, version: 4 }, /osd\.7/],
    ['by a newer map that others went on', { ...THEN, doubt: 'went on', map: 11 }, /^went on$/],
  ])('does not where now are known %s', (_, now, reason) => {
    expect(why(now)).toMatch(reason);
  });

  it('is nothing where it was in doubt', () => {
    const doubtful = { ...THEN, doubt: 'they went on' };
    expect(why({ started: 9, version: 9 }, doubtful)).toBeUndefined();
    expect(evidenceOf(layerOf(doubtful)).pools).toEqual({ [POOL]: ['-'] });
  });

  it('is by the oldest shard of an interval in erasure-coded pools', () => {
    const then = { ...THEN, erasure: true };
    expect(why({ ...then, version: 4 }, then)).toMatch(/osd\.7/);
    expect(doubts).toEqual([]);
    expect(why({ ...then, version: 6 }, then)).toBeUndefined();
    expect(doubts).toHaveLength(1);
    expect(why({ ...then, version: 6, started: 9 }, then)).toMatch(/osd\.7/);
  });

  it('is looked at PG by PG, whichever of both tells more of them apart', () => {
    const old = evidenceOf(layerOf(THEN));
    expect(weigh(layerOf(THEN, THEN, THEN, { ...THEN, version: 6 }), old)).toMatch(/osd\.7/);
    expect(weigh(layerOf(THEN, THEN), old)).toBeUndefined();
    const split = evidenceOf(layerOf(THEN, { ...THEN, version: 7 }));
    expect(weigh(layerOf({ ...THEN, version: 7 }), split)).toMatch(/osd\.7/);
    expect(weigh(layerOf({ ...THEN, version: 5 }), split)).toBeUndefined();
  });
});

describe('evidence of bytes that are kept and of those that are added', () => {
  const of = (...pgs: Known[]) => evidenceOf(layerOf(...pgs));

  it('is what either tells, and the earlier where both do', () => {
    const none = { doubt: 'x' };
    const both = joined(
      of(THEN, none, none, { started: 8, version: 9 }),
      of(none, THEN, none, THEN),
    );
    expect(both.pools[POOL]).toEqual(["8:9'5", "8:9'5", '-', "8:9'9"]);
    const later = { started: 9, version: 5 };
    expect(joined(of(THEN), of(later)).pools[POOL]).toEqual(["9:9'5"]);
    expect(joined(of(later), of(THEN)).pools[POOL]).toEqual(["9:9'5"]);
    expect(joined(of(THEN), of({ ...THEN, version: 4 })).pools[POOL]).toEqual(["8:9'5"]);
  });

  it('keeps apart what one of them keeps apart', () => {
    const { pools } = joined(of(THEN, { ...THEN, version: 6 }), of(THEN));
    expect(pools[POOL]).toEqual(["8:9'5", "8:9'6"]);
  });

  it('is of the older map', () => {
    expect(joined(of(THEN), of({ ...THEN, map: 12 })).map_epoch).toBe(10);
    expect(joined(of(THEN), of({ ...THEN, map: 9 })).map_epoch).toBe(9);
    expect(joined(of(THEN), of({ ...THEN, map: null })).map_epoch).toBe(null);
    expect(joined(of({ ...THEN, map: null }), of(THEN)).map_epoch).toBe(null);
  });

  it('is of all OSDs, once those are here that were known before', () => {
    const by = (...osds: string[]) => ({ ...of(THEN), osds });
    expect(joined(by('a'), by('a', 'b')).osds).toEqual(['a', 'b']);
    expect(joined(by('a'), by('b', 'c')).osds).toEqual(['a']);
    expect(joined(by('a', 'b'), by('a')).osds).toEqual(['a', 'b']);
  });

  it('is missing where something else stands in its place, and then nothing is proven', () => {
    for (const pools of [{}, { [POOL]: [] }]) {
      expect(weigh(layerOf(THEN), { osds: [], map_epoch: 10, pools })).toMatch(/^nothing tells/);
    }
  });
});

describe('evidence in a file', () => {
  it('is taken as it was written', () => {
    expect(isEvidence(JSON.parse(JSON.stringify(evidenceOf(layerOf(THEN, THEN)))))).toBe(true);
  });

  it.each([
    [null],
    [5],
    [[]],
    [{}],
    [{ osds: 5, map_epoch: 1, pools: {} }],
    [{ osds: [5], map_epoch: 1, pools: {} }],
    [{ osds: [], map_epoch: 'x', pools: {} }],
    [{ osds: [], map_epoch: 1, pools: null }],
    [{ osds: [], map_epoch: 1, pools: { 2: 'x' } }],
    [{ osds: [], map_epoch: 1, pools: { 2: [1] } }],
    [{ osds: [], map_epoch: 1, pools: { 2: ['-', '-', '-'] } }],
    [{ osds: [], map_epoch: 1, pools: { 2: Array(2 ** 17).fill('-') } }],
  ])('is nothing in another form: %j', (value) => {
    expect(isEvidence(value)).toBe(false);
  });

  it('proves nothing where it tells of a PG in another form', () => {
    for (const text of ['', 'x', "8:9'", "8:9'5 ", `8:9'${'9'.repeat(40)}`]) {
      const then = { osds: [], map_epoch: 10, pools: { [POOL]: [text] } };
      expect(weigh(layerOf(THEN), then)).toMatch(/^nothing tells/);
    }
  });

  it('is heeded PG by PG, whatever was found of the first', () => {
    const layer = layerOf(THEN, { ...THEN, version: 4 });
    const then = { osds: [], map_epoch: 10, pools: { [POOL]: ['x', "8:9'5"] } };
    expect(weigh(layer, then)).toMatch(/^nothing tells/);
    expect(doubts).toHaveLength(1);
  });
});
