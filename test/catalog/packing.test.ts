import { expect, it } from 'vitest';
import { pack, unpack } from '../../src/catalog/packing.ts';

it('keeps numbers numbers and bigints bigints, up to their limits', () => {
  const value = {
    numbers: [0, -1, 2 ** 32, Number.MAX_SAFE_INTEGER, 1.5, Date.UTC(2030, 0)],
    bigints: [0n, -1n, 2n ** 63n - 1n, 0xfffffffffffffffen],
    bytes: Uint8Array.of(0, 255),
    text: 'ü\xff',
    none: null,
  };
  expect(unpack(pack(value), 'value')).toEqual(value);
});

it('leaves out what is undefined', () => {
  expect(unpack(pack({ a: undefined, b: 1 }), 'value')).toEqual({ b: 1 });
});

it('says that damaged bytes are CORRUPT, whatever they look like', () => {
  const bytes = Buffer.from(pack({ text: 'abc', list: [1n, 2n, 3n] }));
  for (let n = 0; n < bytes.length; n++) {
    expect(() => unpack(bytes.subarray(0, n), 'value')).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  }
});
