import { describe, expect, it } from 'vitest';
import { decodeJournalHeader } from '../../../../src/store/filestore/journal/header.ts';
import { hex, patched, u32, u64 } from '../../../helpers/hex.ts';

/** Ceph 16.2.15. */
const REAL = hex(`
  04000000 40000000 0100000000000000 3ad802e15ed442ccabf5a5607373d5b2 00100000 00100000
  0000403800000000 00d04b0000000000 7b00000000000000 7c00000000000000`);

describe('the header of a journal', () => {
  it('says whose it is and where its entries begin', () => {
    expect(decodeJournalHeader(REAL)).toEqual({
      version: 4,
      hasCrcs: true,
      fsid: '3ad802e1-5ed4-42cc-abf5-a5607373d5b2',
      fsidLow: 0xcc42d45ee102d83an,
      blockSize: 4096,
      maxSize: 943718400,
      start: 4968448,
      committedUpTo: 123,
      startSeq: 124,
    });
  });

  it('takes garbage in the flags for none', () => {
    expect(decodeJournalHeader(patched(REAL, 8, u64(0xff01))).hasCrcs).toBe(false);
  });

  it('has no numbers before versions 3 and 4', () => {
    const v2 = Buffer.concat([u32(2), u32(48), REAL.subarray(8, 56)]);
    expect(decodeJournalHeader(v2)).toMatchObject({ committedUpTo: 0, start: 4968448 });
    expect(decodeJournalHeader(v2).startSeq).toBeUndefined();
    const v1 = Buffer.concat([
      ...[u32(1), u32(0), u64(77), u32(4096), u32(4096), u64(1 << 20), u64(8192)],
    ]);
    expect(decodeJournalHeader(v1)).toMatchObject({ fsidLow: 77n, maxSize: 1 << 20, start: 8192 });
  });

  it.each([
    ['zeros', new Uint8Array(80)],
    ['a version to come', patched(REAL, 0, u32(5))],
    ['a block size that is none', patched(REAL, 32, u32(4095))],
    ['a start in front of the ring', patched(REAL, 48, u64(0))],
    ['a start behind the ring', patched(REAL, 48, u64(943718400))],
    ['a size beyond any device', patched(REAL, 40, u64(2n ** 60n))],
    ['a header cut short', REAL.subarray(0, 71)],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeJournalHeader(bytes)).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
  });
});
