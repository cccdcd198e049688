import { describe, expect, it } from 'vitest';
import { decompressBlob } from '../../../src/store/bluestore/compressed-blob.ts';
import { expectSurvivesLies, verdict } from '../../ceph/damage.ts';
import { concat, framed, hex, patched, u8, u32 } from '../../helpers/hex.ts';
import { COMPRESSED } from './samples.ts';

describe('compressed blob', () => {
  it.each(Object.entries(COMPRESSED))('undoes %s', (_, { length, bytes }) => {
    expect(decompressBlob(bytes, length)).toEqual(new Uint8Array(8192));
  });

  it('undoes lz4 in segments that refer back to earlier ones', () => {
    // "abcdefgh" as literals; then a match of 8 bytes from 8 back, and 5 literals to end with
    const first = concat(hex('80'), Buffer.from('abcdefgh'));
    const second = concat(hex('04 0800 50'), Buffer.from('vwxyz'));
    const sizes = concat(u32(2), u32(8), u32(first.length), u32(13), u32(second.length));
    const stream = concat(sizes, first, second);
    const blob = concat(framed(2, 1, u8(4), u32(stream.length), u8(0)), stream);
    expect(Buffer.from(decompressBlob(blob, 21)).toString()).toBe('abcdefghabcdefghvwxyz');
  });

  it('undoes brotli', () => {
    // Google's encoder, quality 9 and a window of 4 MiB as Ceph sets them: `salvage ` 64 times
    const stream = hex('1bff01002441caceca10ceca4135f8650f');
    const blob = concat(framed(2, 1, u8(5), u32(stream.length), u8(0)), stream);
    expect(Buffer.from(decompressBlob(blob, 512)).toString()).toBe('salvage '.repeat(64));
    expect(verdict((bytes) => decompressBlob(bytes, 511), blob)).toBe('CORRUPT');
    expectSurvivesLies((bytes) => decompressBlob(bytes, 512), blob);
  });

  it('says which algorithm it lacks', () => {
    const blob = patched(COMPRESSED.zlib.bytes, 6, u8(9));
    expect(() => decompressBlob(blob, 8192)).toThrow(/algorithm 9/);
    expect(verdict((bytes) => decompressBlob(bytes, 8192), blob)).toBe('UNSUPPORTED');
  });

  it.each(Object.entries(COMPRESSED))('%s must yield just what is expected', (_, { bytes }) => {
    expect(verdict((b) => decompressBlob(b, 8191), bytes)).toBe('CORRUPT');
    expect(verdict((b) => decompressBlob(b, 8193), bytes)).toBe('CORRUPT');
  });

  it.each(Object.entries(COMPRESSED))('%s survives lies', (_, { length, bytes }) => {
    expectSurvivesLies((b) => decompressBlob(b, length), bytes);
  });
});
