import { describe, expect, it } from 'vitest';
import { HOBJECT_MIN } from '../../src/ceph/hobject.ts';
import { type CopyEvidence, judgeObject, newestVersion } from '../../src/image/judge-object.ts';
import type { PgCopy } from '../../src/image/pg-copies.ts';
import { choosePgAuthority } from '../../src/image/pg-decision.ts';
import { copy, object, on, v } from './pg-samples.ts';

const judge = (copies: PgCopy[], name: string, evidence: CopyEvidence[], erasure = false) =>
  judgeObject(choosePgAuthority(copies, { erasure }), object(name), evidence);

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

  describe('and the number of objects that the PG had', () => {
    const doubtOf = (...copies: Parameters<typeof judge>[0]) => judge(copies, 'a', []).doubt;

    it('doubts absence where every copy that counts has fewer', () => {
      const few = { listed: 11, objects: 12 };
      expect(doubtOf(copy(0, few), copy(1, few))).toBe(
        'the PG had 12 objects, 11 are here: this may be one of the others',
      );
      // An older copy may have as many, but not the same.
      const older = { lastUpdate: "66'40", listed: 12, objects: 12 };
      expect(doubtOf(copy(0, few), copy(1, older))).toMatch(/^the PG had 12 objects, 11/);
    });

    it('believes in absence where one copy has them all', () => {
      const all = { listed: 12, objects: 12 };
      expect(doubtOf(copy(0, { listed: 11, objects: 12 }), copy(1, all))).toBeUndefined();
      expect(doubtOf(copy(0, { listed: 14, objects: 12 }))).toBeUndefined();
      expect(doubtOf(copy(0, { listed: 1 }))).toBeUndefined();
    });

    it('counts what a copy knows it lacks altogether', () => {
      const of = (...missing: NonNullable<NonNullable<Parameters<typeof copy>[1]>['missing']>) =>
        copy(0, { listed: 11, objects: 12, missing });
      expect(doubtOf(of(['b', "66'9"]))).toBeUndefined();
      // These are on the disk: an older version, and one to be deleted.
      expect(doubtOf(of(['b', "66'9", false, "66'8"]))).toMatch(/11 are here/);
      expect(doubtOf(of(['b', "66'9", true]))).toMatch(/11 are here/);
    });
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
