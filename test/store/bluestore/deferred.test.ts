import { describe, expect, it } from 'vitest';
import { DeferredOverlay, decodeDeferred } from '../../../src/store/bluestore/deferred.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from '../../ceph/damage.ts';
import { blob, framed, hex, u8, u32, u64 } from '../../helpers/hex.ts';

/** As in a real record of 16.2.15 (`01 | 01 8e280300 07`), with fewer bytes of data. */
const RECORD = framed(
  1,
  1,
  u64(0x21e),
  u32(1),
  framed(1, 1, u8(1), hex('01 8e280300 07'), blob(new Uint8Array(64).fill(7))),
  u32(0),
);

const write = (offset: number, text: string) => ({
  pieces: [{ offset, length: text.length }],
  data: Buffer.from(text),
});

/** Writes in the order in which they were made, over a device full of dots. */
function overlaid(writes: ReturnType<typeof write>[], from: number, length: number): string {
  const overlay = new DeferredOverlay();
  for (const one of [...writes].reverse()) overlay.addOlder(one);
  const bytes = Buffer.alloc(length, '.');
  overlay.apply(bytes, from);
  return bytes.toString();
}

describe('deferred writes', () => {
  it('reads where the bytes of a record belong', () => {
    const [only] = decodeDeferred(RECORD);
    expect(only!.pieces).toEqual([{ offset: 0x19447000, length: 0x1000 }]);
    expect(Buffer.from(only!.data)).toEqual(Buffer.alloc(64, 7));
  });

  it('lets the last write win, wherever it overlaps', () => {
    const writes = [write(0, 'aaaaaaaa'), write(2, 'bbb'), write(4, 'cc'), write(7, 'ddd')];
    expect(overlaid(writes, 0, 12)).toBe('aabbccaddd..');
    expect(overlaid([...writes].reverse(), 0, 12)).toBe('aaaaaaaadd..');
  });

  it('fills gaps between newer writes with an older one', () => {
    expect(overlaid([write(0, 'aaaaaaaaaa'), write(2, 'b'), write(6, 'c')], 0, 10)).toBe(
      'aabaaacaaa',
    );
  });

  it('spreads data over the pieces of a write', () => {
    const pieces = [
      { offset: 8, length: 2 },
      { offset: 1, length: 3 },
    ];
    const overlay = new DeferredOverlay();
    overlay.addOlder({ pieces, data: Buffer.from('abcde') });
    const bytes = Buffer.alloc(10, '.');
    overlay.apply(bytes, 0);
    expect(bytes.toString()).toBe('.cde....ab');
  });

  it('touches only what was read', () => {
    const writes = [write(100, 'aaaa'), write(110, 'bbbb')];
    expect(overlaid(writes, 102, 9)).toBe('aa......b');
    expect(overlaid(writes, 104, 6)).toBe('......');
  });

  it('survives every truncation and every lie', () => {
    expectTruncationsCorrupt(decodeDeferred, RECORD);
    expectSurvivesLies(decodeDeferred, RECORD);
  });
});
