import { describe, expect, it } from 'vitest';
import { HOBJECT_MAX, HOBJECT_MIN, type Hobject } from '../../src/ceph/hobject.ts';
import type { MissingItem } from '../../src/ceph/missing.ts';
import type { PgInfo } from '../../src/ceph/pg-info.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import {
  type CopyEvidence,
  choosePgAuthority,
  judgeObject,
  newestVersion,
} from '../../src/image/pg-authority.ts';
import { hobjectKey, type PgCopy } from '../../src/image/pg-copies.ts';

/** `66'42` as Ceph writes it. */
const v = (text: string) => {
  const [epoch, version] = text.split("'");
  return { epoch: Number(epoch), version: BigInt(version!) };
};

const NONE = new Uint8Array(0);
const object = (name: string, snap = 0xfffffffffffffffen): Hobject => ({
  ...{ name: Buffer.from(name), key: NONE, namespace: NONE, snap, hash: 0x9db7bce5 },
  ...{ pool: 2, max: false },
});

interface Parts {
  lastUpdate?: string;
  logTail?: string;
  les?: number;
  historyLes?: number;
  lastBackfill?: Hobject;
  bits?: number;
  unlisted?: boolean;
  missing?: [name: string, need: string, isDelete?: boolean][];
}

function copy(osd: number, parts: Parts = {}): PgCopy {
  const { les = 60 } = parts;
  const info = {
    lastUpdate: v(parts.lastUpdate ?? "66'42"),
    logTail: v(parts.logTail ?? "0'0"),
    lastBackfill: parts.lastBackfill ?? HOBJECT_MAX,
    lastEpochStarted: les,
    history: { epochCreated: 14, lastEpochStarted: parts.historyLes ?? les },
  } as PgInfo;
  const items = (parts.missing ?? []).map(([name, need, isDelete = false]): MissingItem => {
    return { object: object(name), need: v(need), have: v("0'0"), isDelete };
  });
  return {
    osd: { index: osd, name: `osd.${osd}` } as ClusterOsd,
    ...{ pool: 2, seed: 1, shard: -1, bits: parts.bits ?? 3, unlisted: parts.unlisted ?? false },
    caughtUp: true,
    info,
    missing: new Map(items.map((item) => [hobjectKey(item.object), item])),
  };
}

/** Copies of an object: which OSD has it at which version; undefined where its attributes are lost. */
const on = (...copies: [osd: number, version?: string][]): CopyEvidence[] =>
  copies.map(([osd, version]) => ({
    osd,
    version: version === undefined ? undefined : v(version),
  }));

const chosen = (copies: PgCopy[], erasure = false) =>
  choosePgAuthority(copies, { erasure }).authority?.osd.index;

const judge = (copies: PgCopy[], name: string, evidence: CopyEvidence[], erasure = false) =>
  judgeObject(choosePgAuthority(copies, { erasure }), object(name), evidence);

describe('choosePgAuthority', () => {
  it('takes the highest last_update of a replicated pool, the epoch first', () => {
    expect(
      chosen([copy(0, { lastUpdate: "65'99" }), copy(1), copy(2, { lastUpdate: "66'41" })]),
    ).toBe(1);
  });

  it('takes the lowest last_update of an erasure-coded pool', () => {
    const shards = [
      copy(0, { lastUpdate: "66'44" }),
      copy(1, { lastUpdate: "66'43" }),
      copy(2, { lastUpdate: "66'44" }),
    ];
    expect(chosen(shards, true)).toBe(1);
  });

  it('leaves out shards that missed the newest interval, however low their last_update', () => {
    const shards = [
      copy(0),
      copy(1, { lastUpdate: "66'40" }),
      copy(2, { lastUpdate: "30'9", les: 28 }),
    ];
    expect(chosen(shards, true)).toBe(1);
  });

  it('lets a newer interval win over a longer log: its writes are divergent', () => {
    const divergent = copy(0, { lastUpdate: "70'99", les: 60 });
    const later = copy(1, { lastUpdate: "68'12", les: 67 });
    const decision = choosePgAuthority([divergent, later], { erasure: false });
    expect(decision.authority?.osd.index).toBe(1);
    expect(decision).toMatchObject({ agreed: false, doubt: undefined });
  });

  it('breaks ties by the longer log, then by the copy that misses nothing', () => {
    expect(chosen([copy(0, { logTail: "50'1" }), copy(1, { logTail: "40'1" })])).toBe(1);
    expect(chosen([copy(0, { missing: [['a', "66'1"]] }), copy(1)])).toBe(1);
  });

  it.each(['min', 'part'])('never takes a copy that is being backfilled (%s)', (state) => {
    const lastBackfill = state === 'min' ? HOBJECT_MIN : object('rbd_id.img');
    const incomplete = copy(2, { lastBackfill, lastUpdate: "66'50", les: 70, historyLes: 60 });
    const decision = choosePgAuthority([incomplete, copy(0), copy(1)], { erasure: false });
    expect(decision.authority?.osd.index).toBe(0);
    expect(decision).toMatchObject({ agreed: false, doubt: undefined });
  });

  it('says so when the PG was active after every copy that is here', () => {
    const decision = choosePgAuthority(
      [copy(0, { les: 15, historyLes: 15 }), copy(1, { les: 15, historyLes: 40 })],
      { erasure: false },
    );
    expect(decision.authority?.osd.index).toBe(0);
    expect(decision.agreed).toBe(false);
    expect(decision.doubt).toContain('epoch 40');
    expect(decision.doubt).toContain('15');
    expect(decision.absenceDoubt).toBe(decision.doubt);
  });

  it('hears of a newer interval from an incomplete copy too', () => {
    const incomplete = copy(1, { lastBackfill: HOBJECT_MIN, les: 80, historyLes: 80 });
    expect(choosePgAuthority([copy(0), incomplete], { erasure: false }).doubt).toContain(
      'epoch 80',
    );
  });

  it('agrees when all copies are equal', () => {
    const decision = choosePgAuthority([copy(0), copy(1), copy(2)], { erasure: false });
    expect(decision).toMatchObject({ agreed: true, doubt: undefined, absenceDoubt: undefined });
  });

  it.each<[string, Parts]>([
    ['is older', { lastUpdate: "66'41" }],
    ['misses an object', { missing: [['keep', "66'28", true]] }],
    ['is incomplete', { lastBackfill: object('rbd_id.img') }],
    ['was away during a split', { bits: 2 }],
  ])('does not agree when one copy %s', (_, parts) => {
    expect(choosePgAuthority([copy(0), copy(1), copy(2, parts)], { erasure: false }).agreed).toBe(
      false,
    );
  });

  it('has no authority and says why when no copy is complete, or none is here', () => {
    const decision = choosePgAuthority([copy(0, { lastBackfill: HOBJECT_MIN })], {
      erasure: false,
    });
    expect(decision).toMatchObject({ authority: undefined, agreed: false });
    expect(decision.doubt).toContain('no complete copy');
    expect(choosePgAuthority([], { erasure: false }).doubt).toContain(
      "no OSD here has the PG's metadata",
    );
  });

  it('doubts absence only where every copy that counts could not be listed', () => {
    const one = choosePgAuthority([copy(0, { unlisted: true }), copy(1)], { erasure: false });
    expect(one.absenceDoubt).toBeUndefined();
    const all = choosePgAuthority([copy(0, { unlisted: true }), copy(1, { lastUpdate: "66'1" })], {
      erasure: false,
    });
    expect(all.absenceDoubt).toContain('osd.0');
    expect(all.doubt).toBeUndefined();
  });
});

describe('judgeObject', () => {
  it('trap 1: an object that an equal, complete copy should delete does not exist', () => {
    // PG 3.1 of a real cluster: all 66'28, osd.2 has `keep` on its disk and must delete it.
    const lastUpdate = "66'28";
    const copies = [
      copy(0, { lastUpdate }),
      copy(1, { lastUpdate }),
      copy(2, { lastUpdate, missing: [['keep', "66'28", true]] }),
    ];
    expect(judge(copies, 'keep', on([2, "52'24"]))).toEqual({ exists: false, doubt: undefined });
  });

  it('trap 2: what is beyond last_backfill is a leftover, whatever last_update says', () => {
    // PG 2.1: osd.2 has 41'10 of an object that is 66'42, and a clone is on the others only.
    const copies = [copy(0), copy(1), copy(2, { lastBackfill: object('rbd_id.img with') })];
    const evidence = on([0, "66'42"], [1, "66'42"], [2, "41'10"]);
    expect(judge(copies, 'rbd_data.1', evidence)).toEqual({
      exists: true,
      version: v("66'42"),
      doubt: undefined,
    });
    expect(judge(copies, 'gone', on([2, "41'10"]))).toEqual({ exists: false, doubt: undefined });
  });

  it('trap 3: a copy with last_backfill MIN is not trusted, though its info and log look current', () => {
    const copies = [copy(2, { lastBackfill: HOBJECT_MIN }), copy(0)];
    expect(judge(copies, 'gone', on([2, "66'42"]))).toEqual({ exists: false, doubt: undefined });
    const both = judge(copies, 'there', on([0, "66'30"], [2, "66'42"]));
    expect(both).toEqual({ exists: true, version: v("66'30"), doubt: undefined });
  });

  it('does not believe an object that only an older copy has', () => {
    const copies = [copy(0), copy(1, { lastUpdate: "30'9", les: 28 })];
    expect(judge(copies, 'deleted', on([1, "30'9"]))).toEqual({ exists: false, doubt: undefined });
  });

  it('does not believe a divergent version that only another interval wrote', () => {
    const copies = [
      copy(0, { lastUpdate: "70'99", les: 60 }),
      copy(1, { lastUpdate: "68'12", les: 67 }),
    ];
    const verdict = judge(copies, 'a', on([0, "70'99"], [1, "60'3"]));
    expect(verdict).toEqual({ exists: true, version: v("60'3"), doubt: undefined });
    expect(judge(copies, 'new', on([0, "70'98"]))).toEqual({ exists: false, doubt: undefined });
  });

  it('takes what the authority misses from whoever has the version it needs', () => {
    const copies = [copy(0, { missing: [['a', "66'40"]] }), copy(1, { lastUpdate: "66'40" })];
    const verdict = judge(copies, 'a', on([0, "52'1"], [1, "66'40"]));
    expect(verdict).toEqual({ exists: true, version: v("66'40"), doubt: undefined });
  });

  it('marks the newest there is as doubtful when nobody has the version that is needed', () => {
    const copies = [copy(0, { missing: [['a', "66'40"]] }), copy(1, { lastUpdate: "66'40" })];
    const verdict = judge(copies, 'a', on([0, "52'1"], [1, "66'39"]));
    expect(verdict).toMatchObject({ exists: true, version: v("66'39") });
    expect(verdict.doubt).toContain("66'40");
    expect(verdict.doubt).toContain("66'39");
    expect(judge(copies, 'a', [])).toMatchObject({ exists: true, version: undefined });
  });

  it('knows that the authority must delete an object others still have', () => {
    const copies = [copy(0, { missing: [['a', "66'40", true]] }), copy(1, { lastUpdate: "66'39" })];
    expect(judge(copies, 'a', on([0, "60'1"], [1, "60'1"]))).toEqual({
      exists: false,
      doubt: undefined,
    });
  });

  it('trusts equal copies where one lost the object, unless most of them have', () => {
    const copies = [copy(0), copy(1), copy(2)];
    const two = judge(copies, 'a', on([1, "66'2"], [2, "66'2"]));
    expect(two).toEqual({ exists: true, version: v("66'2"), doubt: undefined });
    const one = judge(copies, 'a', on([2, "66'2"]));
    expect(one).toMatchObject({ exists: true, version: v("66'2") });
    expect(one.doubt).toContain('1 of 3');
  });

  it('takes the newer of versions on equal copies, but none beyond last_update', () => {
    const copies = [copy(0), copy(1), copy(2)];
    const verdict = judge(copies, 'a', on([0, "66'9"], [1, "66'10"], [2, "67'1"]));
    expect(verdict).toEqual({ exists: true, version: v("66'10"), doubt: undefined });
  });

  it('takes the version from other copies when those that count have lost their attributes', () => {
    const copies = [copy(0), copy(1, { lastUpdate: "66'40" })];
    const verdict = judge(copies, 'a', on([0], [1, "66'3"]));
    expect(verdict).toMatchObject({ exists: true, version: v("66'3") });
    expect(verdict.doubt).toContain('version');
  });

  it('passes the doubt about the authority on', () => {
    const copies = [copy(0, { les: 15, historyLes: 40 })];
    expect(judge(copies, 'a', on([0, "15'2"])).doubt).toContain('epoch 40');
    expect(judge(copies, 'b', []).doubt).toContain('epoch 40');
  });

  it('doubts absence where the only copy that counts could not be listed', () => {
    expect(judge([copy(0, { unlisted: true })], 'a', [])).toMatchObject({ exists: false });
    expect(judge([copy(0, { unlisted: true })], 'a', []).doubt).toContain('cannot be listed');
  });

  it('falls back to the newest version when no copy is complete, never without doubt', () => {
    const partial = { lastBackfill: HOBJECT_MIN };
    const copies = [copy(0, partial), copy(1, partial)];
    const verdict = judge(copies, 'a', on([0, "60'1"], [1, "66'1"]));
    expect(verdict).toMatchObject({ exists: true, version: v("66'1") });
    expect(verdict.doubt).toContain('no complete copy');
    expect(judge(copies, 'a', [])).toMatchObject({ exists: false, doubt: verdict.doubt });
  });

  it('honours a deletion that an incomplete copy knows of, unless the object is newer', () => {
    const copies = [copy(0, { lastBackfill: HOBJECT_MIN, missing: [['a', "66'9", true]] })];
    expect(judge(copies, 'a', on([1, "66'8"])).exists).toBe(false);
    expect(judge(copies, 'a', on([1, "66'10"])).exists).toBe(true);
  });

  it('holds what only some shards have for never acknowledged', () => {
    const copies = [
      copy(0, { lastUpdate: "66'44" }),
      copy(1, { lastUpdate: "66'43" }),
      copy(2, { lastUpdate: "66'43" }),
    ];
    const verdict = judge(copies, 'a', on([0, "66'44"], [1, "66'40"], [2, "66'40"]), true);
    expect(verdict).toEqual({ exists: true, version: v("66'40"), doubt: undefined });
    expect(judge(copies, 'new', on([0, "66'44"]), true)).toEqual({
      exists: false,
      doubt: undefined,
    });
  });
});

describe('newestVersion', () => {
  it('is undefined where no copy tells', () => {
    expect(newestVersion(on([0], [1]))).toBeUndefined();
    expect(newestVersion(on([0, "2'1"], [1], [2, "1'9"]))).toEqual(v("2'1"));
  });
});
