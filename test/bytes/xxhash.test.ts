import { describe, expect, it } from 'vitest';
import { xxh3Low, xxhash32, xxhash64, xxhash64Low } from '../../src/bytes/xxhash.ts';

const DIGITS = new Uint8Array(Buffer.from('123456789'));
const ZEROS = new Uint8Array(4096);

describe('xxhash', () => {
  it('with all ones as seed is what BlueStore stores for its data', () => {
    expect(xxhash32(DIGITS, 'ones')).toBe(0x500c2211);
    expect(xxhash64(DIGITS, 'ones')).toBe(0x52f1f170c92ddcbdn);
    expect(xxhash32(ZEROS, 'ones')).toBe(0x2abc775f);
    expect(xxhash64(ZEROS, 'ones')).toBe(0xf469129393441103n);
  });

  // From the reference implementation (libxxhash 0.8.1).
  it.each([
    ['nothing', new Uint8Array(), 0x02cc5d05, 0xef46db3751d8e999n, 0x51d8e999, 0x38d394c2],
    ['digits', DIGITS, 0x937bad67, 0x8cb841db40e6ae83n, 0x40e6ae83, 0x67a17dff],
    ['zeros', ZEROS, 0x475546f5, 0xac869b6f32d8bbdbn, 0x32d8bbdb, 0x48c689ba],
  ])('with seed 0 of %s', (_name, bytes, hash32, hash64, low64, low3) => {
    expect(xxhash32(bytes)).toBe(hash32);
    expect(xxhash64(bytes)).toBe(hash64);
    expect(xxhash64Low(bytes)).toBe(low64);
    expect(xxh3Low(bytes)).toBe(low3);
  });

  it('does not remember what was hashed before', () => {
    const first = xxh3Low(DIGITS);
    xxh3Low(ZEROS);
    expect(xxh3Low(DIGITS)).toBe(first);
  });
});
