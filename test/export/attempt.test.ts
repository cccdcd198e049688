import { describe, expect, it } from 'vitest';
import { Attempt } from '../../src/export/attempt.ts';
import type { ObjectPlan } from '../../src/export/plan.ts';
import type { ReadLanes } from '../../src/export/read-lanes.ts';
import type { ObjectCopy } from '../../src/image/object-candidates.ts';

const copyOn = (name: string) => ({ osd: { name } }) as unknown as ObjectCopy;
const [a, b, c] = ['a', 'b', 'c'].map(copyOn) as [ObjectCopy, ObjectCopy, ObjectCopy];

const planOf = (parts: Partial<ObjectPlan> = {}) =>
  ({
    ...{ pieces: [0, 8, 0], copies: [a, b, c], lastResort: [], erasure: undefined },
    ...parts,
  }) as unknown as ObjectPlan;

const lanes = (preferred = '') =>
  ({
    leastBusy: (copies: readonly ObjectCopy[]) => copies[0],
    isPreferred: ({ osd }: ObjectCopy) => osd.name === preferred,
  }) as unknown as ReadLanes;

function attemptOf(plan: ObjectPlan, preferred?: string): Attempt {
  const attempt = new Attempt(plan);
  expect(attempt.takeNext(lanes(preferred))).toBe(true);
  return attempt;
}

const unreadable = (copy: ObjectCopy) =>
  ({ copy, failure: 'unreadable', reason: `EIO on ${copy.osd.name}` }) as const;

describe('copies that would do as well', () => {
  it('are all others of the version that counts, also the one that was moved from', () => {
    const attempt = attemptOf(planOf());
    expect(attempt.spare).toEqual([b, c]);
    attempt.moveTo(c);
    expect(attempt.copy).toBe(c);
    expect(attempt.spare).toEqual([b, a]);
  });

  it('are each tried once, wherever it was moved', () => {
    const attempt = attemptOf(planOf());
    attempt.moveTo(c);
    const tried = [attempt.copy];
    for (let i = 0; i < 2; i++) {
      attempt.failed.push(unreadable(attempt.copy!));
      expect(attempt.takeNext(lanes())).toBe(true);
      tried.push(attempt.copy);
    }
    expect(tried).toEqual([c, b, a]);
    expect(attempt.stage).toBe('current');
    expect(attempt.spare).toEqual([]);
  });

  it('are none where the operator prefers the one that was taken', () => {
    expect(attemptOf(planOf(), 'a').spare).toEqual([]);
    expect(attemptOf(planOf(), 'b').spare).toEqual([b, c]);
  });

  it('stand in for a shard whose disk has died before what is left is read sector by sector', () => {
    const attempt = attemptOf(planOf({ erasure: { profile: [], stripeWidth: 8192 } }));
    expect(attempt.copy).toBe(a);
    attempt.failed.push(unreadable(a));
    const without = {
      leastBusy: (copies: readonly ObjectCopy[]) => copies.find((copy) => copy !== a),
      isPreferred: () => false,
    } as unknown as ReadLanes;
    expect(attempt.takeNext(without)).toBe(true);
    expect([attempt.stage, attempt.copy]).toEqual(['sectors', b]);
    // One job reads what all of them have.
    attempt.failed.push(unreadable(b));
    expect(attempt.takeNext(without)).toBe(false);
  });

  it('are none of an erasure-coded object, all shards of which one job reads', () => {
    const erasure = { profile: [], stripeWidth: 8192 };
    expect(attemptOf(planOf({ erasure })).spare).toEqual([]);
  });

  it('are none among older versions, which are not the same', () => {
    const attempt = attemptOf(planOf({ copies: [a], lastResort: [b, c] }));
    attempt.failed.push(unreadable(a));
    expect(attempt.takeNext(lanes())).toBe(true); // its sectors
    expect(attempt.takeNext(lanes())).toBe(true);
    expect([attempt.stage, attempt.copy]).toEqual(['older', b]);
    expect(attempt.spare).toEqual([]);
  });
});
