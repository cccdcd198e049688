import { describe, expect, it } from 'vitest';
import { HOBJECT_MIN } from '../../src/ceph/hobject.ts';
import type { PgCopy } from '../../src/image/pg-copies.ts';
import { choosePgAuthority } from '../../src/image/pg-decision.ts';
import { copy, object, type Parts } from './pg-samples.ts';

const chosen = (copies: PgCopy[], erasure = false) =>
  choosePgAuthority(copies, { erasure }).authority?.osd.index;

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
