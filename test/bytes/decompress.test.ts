import { describe, expect, it } from 'vitest';
import {
  inflateRaw,
  lz4Block,
  lz4Decode,
  snappyDecode,
  zstdDecode,
} from '../../src/bytes/decompress.ts';

const fromHex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'hex'));
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const corrupt = expect.objectContaining({ code: 'CORRUPT' });

// Compressed by liblz4 1.9.4, libsnappy 1.1.9, libzstd 1.5.4 and zlib 1.2.13.
const HELLO = 'hello hello hello hello hello hello';
const LZ4 = fromHex('6f68656c6c6f200600055068656c6c6f');
const SNAPPY = fromHex('231468656c6c6f20720600');
const ZSTD = fromHex('28b52ffd20236500003068656c6c6f200100b94b11');
const ZSTD_UNSIZED = fromHex('28b52ffd00586500003068656c6c6f200100b94b11');
const DEFLATE = fromHex('cb48cdc9c957c8c0470200');
const LISTING = fromHex(
  '28b52ffd6017159513005a43e40715b019860338628d48348b83524a99524a522f998b017f00770077000da26e41ad713ab4f495b726770fb7ce76c4ac8cac268ab2221ad122c589b2199a2564270cf724df9c4f7929b23372d4b1e8c1a9a93da2d691367a561419953e717c3e3d8abb18e16868138acdc518315e151b8a5acd861bbe95d6bff7f1eb6519593b9f9254fa56ab018801212141612848186258182038104818080c0202978f3a1334aa9aa8d550954642663c92214326ca0fd51eb1747ce25082b3e1a6c6314352f22292c648b68ed42e329ccb5b967a16be9590534866225321a685b05a8f103a05cd653137296ffdcfe297a99f477f21dff13e92781195a7a2fc28d9fb981c71b46eea6e716dff3565e8989a69360b35fc7a35b271240d96cceb34b4b56a169cadc2b2cde4db49dedaf036b35bd9dce6b24d8462f3446c245634ca442513932889799318d9c7a2778c3a8d8d8bb17f8c55bad8e611ab99aaa1a27a8daae1a94da46af422c64b4a97ed162fac105a91c44a86512617b18428a2862a3634abd0f9533ba6b94ae595e62505449f4f6ae473847c1cff05ed8f28fda4c4cf0e7e3cf74d1c5f89d40c917b0a6a71bcc5c5ab987bb3b277ce5edb7af4e9c5671ebdc21359789e564f3a45cd7454259d04a5f3fcae14772bb5ab46bb31d9fd5e5791a86ca86aa24843a49787738c705c9d0bee1cb1e6a42f670f39bec64580cca811200409adef77c0a34a0711ac10200842f8083e0efcbf2fddf3fefb1df7ffefc992f7df97f6bafffe3a2ed992e4915d240fd941f2c7ee1177ec1c7d1110119008880828022202127d43682463c1c8c5b248c546918925d18463e464a620e226ae35003616b031cb81cd5a403760ad6bab02',
);

const decoders: [string, Uint8Array, (bytes: Uint8Array, max: number) => Uint8Array][] = [
  ['lz4', LZ4, lz4Decode],
  ['snappy', SNAPPY, snappyDecode],
  ['zstd', ZSTD, zstdDecode],
  ['zstd without content size', ZSTD_UNSIZED, zstdDecode],
  ['deflate', DEFLATE, inflateRaw],
];

describe.each(decoders)('%s', (_name, packed, decode) => {
  it('decodes what the library wrote', () => {
    expect(text(decode(packed, HELLO.length))).toBe(HELLO);
  });

  it('refuses to give more than allowed', () => {
    expect(() => decode(packed, HELLO.length - 1)).toThrow(corrupt);
  });

  it('refuses input cut short anywhere', () => {
    for (let length = 0; length < packed.length; length++) {
      expect(() => decode(packed.subarray(0, length), HELLO.length)).toThrow(corrupt);
    }
  });

  it('gives no more than allowed, or CORRUPT, for any flipped byte', () => {
    for (let at = 0; at < packed.length; at++) {
      for (let value = 0; value < 256; value++) {
        const spoilt = packed.slice();
        spoilt[at] = value;
        try {
          expect(decode(spoilt, HELLO.length).length).toBeLessThanOrEqual(HELLO.length);
        } catch (error) {
          expect(error).toEqual(corrupt);
        }
      }
    }
  });
});

describe('lz4Block', () => {
  // Two blocks of one stream: the second refers back into the first.
  const FIRST = fromHex(
    'f016612064696374696f6e617279206f6620776f7264732c20616e64206d6f726520776f726473',
  );
  const SECOND = fromHex('98776f726473206f66202e00a02c20616e64206d6f7265');
  const WORDS = 'a dictionary of words, and more words';
  const MORE = 'words of a dictionary, and more';

  it('refers back into earlier output', () => {
    const output = new Uint8Array(WORDS.length + MORE.length);
    lz4Block(FIRST, output, 0, WORDS.length);
    lz4Block(SECOND, output, WORDS.length);
    expect(text(output)).toBe(WORDS + MORE);
  });

  it('refuses to refer to what is before the output', () => {
    expect(() => lz4Decode(SECOND, MORE.length)).toThrow(corrupt);
  });

  it('refuses a block that ends before the output is full', () => {
    expect(() => lz4Decode(LZ4, HELLO.length + 1)).toThrow(corrupt);
  });

  it('refuses a length that the input could not yield, before it allocates', () => {
    expect(() => lz4Decode(LZ4, 2 ** 40)).toThrow(corrupt);
  });
});

describe('snappyDecode', () => {
  it('refuses a literal whose 32-bit length is negative as an int', () => {
    expect(() => snappyDecode(fromHex('0afcfaffffff01020304'), 10)).toThrow(corrupt);
  });

  it('refuses a length that the input could not yield, before it allocates', () => {
    expect(() => snappyDecode(fromHex('ffffffff0f0061'), 2 ** 33)).toThrow(corrupt);
  });
});

describe('zstdDecode', () => {
  const LINES = Array.from({ length: 200 }, (_, i) => `The object ${i * 7919} of pool ${i % 5}\n`);

  it('decodes Huffman literals and sequences', () => {
    expect(text(zstdDecode(LISTING, 8192))).toBe(LINES.join(''));
  });

  it('refuses a window that is larger than the output can be, before it allocates', () => {
    const frame = ZSTD_UNSIZED.slice();
    frame[5] = 0xf8;
    expect(() => zstdDecode(frame, 1000)).toThrow(corrupt);
  });

  it('stops at run-length blocks that yield more than allowed', () => {
    // 2 MiB - 1 of one byte in 4 bytes, last block.
    const frame = fromHex('28b52ffd0058fbffff61');
    expect(() => zstdDecode(frame, 1 << 20)).toThrow(corrupt);
  });
});
