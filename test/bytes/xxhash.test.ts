import { createHash } from 'node:crypto';
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

  /** Bytes of a linear congruential generator, one behind the start of their memory. */
  const scattered = (): Uint8Array => {
    const bytes = new Uint8Array(200_000);
    let state = 1;
    for (let i = 0; i < bytes.length; i++) {
      state = (Math.imul(state, 1103515245) + 12345) >>> 0;
      bytes[i] = state >>> 16;
    }
    return bytes.subarray(1);
  };
  // Every way through short inputs, and around what is taken at a time.
  const lengths = [
    ...Array(1300).keys(),
    4096,
    65535,
    65536,
    129024,
    129025,
    130048,
    131072,
    199999,
  ];

  // SHA-256 over the sums in hexadecimal, a line each, from hash-wasm 4.13.0 (xxHash's own C code).
  it.each<[string, number, (bytes: Uint8Array) => number | bigint, string]>([
    [
      'XXH32',
      8,
      (b) => xxhash32(b),
      'afba8b9cde5011be035258915b13e9d479eac575d5e287cc928936a8226ef794',
    ],
    [
      'XXH32, ones',
      8,
      (b) => xxhash32(b, 'ones'),
      'c912c0dff44f69f7840489775f72e8478e32961f5b5be2b83d9da864342cd985',
    ],
    [
      'XXH64',
      16,
      (b) => xxhash64(b),
      'e057e124e15722e16ba71f371682ab713161fc32038970985b103af3e6fdc346',
    ],
    [
      'XXH64, ones',
      16,
      (b) => xxhash64(b, 'ones'),
      '4aa6448dc60a8228eb2e3ea173c619d7db7d300fa38ecff182c28a7652f63893',
    ],
    [
      'XXH3, low half',
      8,
      (b) => xxh3Low(b),
      'c7a565b675435a391488198b7cdb2bf1e99d6b0ce9f921a0b513d50fa3e7147e',
    ],
  ])('%s gives what the reference gives at every length', (_name, digits, hash, expected) => {
    const bytes = scattered();
    const all = createHash('sha256');
    for (const length of lengths) {
      all.update(`${hash(bytes.subarray(0, length)).toString(16).padStart(digits, '0')}\n`);
    }
    expect(all.digest('hex')).toBe(expected);
  });
});
