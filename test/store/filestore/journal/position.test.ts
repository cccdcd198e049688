import { describe, expect, it } from 'vitest';
import { decodeReplayGuard, isDone } from '../../../../src/store/filestore/journal/position.ts';
import { hex } from '../../../helpers/hex.ts';

describe('a replay guard', () => {
  // user.cephos.seq of a clone, Ceph 16.2.15
  const real = decodeReplayGuard(hex('0101 10000000 6d01000000000000 01000000 00000000 00'));

  it('says which op a file is the outcome of', () => {
    expect(real).toEqual({ position: { seq: 365, transaction: 1, op: 0 }, inProgress: false });
  });

  it('covers that op and all before it', () => {
    const at = (seq: number, transaction: number, op: number) =>
      isDone(real, { seq, transaction, op });
    expect(at(364, 9, 9)).toBe(true);
    expect(at(365, 0, 9)).toBe(true);
    expect(at(365, 1, 0)).toBe(true);
    expect(at(365, 1, 1)).toBe(false);
    expect(at(366, 0, 0)).toBe(false);
  });

  it('does not cover an op that was broken off', () => {
    const begun = { ...real, inProgress: true };
    expect(isDone(begun, real.position)).toBe(false);
    expect(isDone(begun, { ...real.position, seq: 364 })).toBe(true);
  });

  it('has no flag on collections', () => {
    // user.cephos.gseq
    const collection = decodeReplayGuard(hex('0101 10000000 2c02000000000000 00000000 01000000'));
    expect(collection).toEqual({
      position: { seq: 556, transaction: 0, op: 1 },
      inProgress: false,
    });
  });
});
