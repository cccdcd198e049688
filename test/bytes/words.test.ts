import { describe, expect, it } from 'vitest';
import { lastWord, lowerHex4, upperHex4, viewOf } from '../../src/bytes/words.ts';

const word = (text: string) => Buffer.from(text, 'latin1').readInt32LE();

describe.each([
  ['lower', lowerHex4, '0123456789abcdef'],
  ['upper', upperHex4, '0123456789ABCDEF'],
] as const)('four %s-case hex digits', (_, parse, digits) => {
  it.each([0, 1, 2, 3])('may have any byte but a digit at %i, and are none', (place) => {
    for (let byte = 0; byte < 256; byte++) {
      const text = `${digits.slice(9, 9 + place)}${String.fromCharCode(byte)}${digits.slice(12, 15 - place)}`;
      const isDigit = digits.includes(String.fromCharCode(byte));
      expect(parse(word(text)), text).toBe(isDigit ? Number.parseInt(text, 16) : -1);
    }
  });

  it('are the number that they spell', () => {
    for (let n = 0; n < 0x10000; n++) {
      const spelled = n.toString(16).padStart(4, '0');
      const text = parse === upperHex4 ? spelled.toUpperCase() : spelled;
      if (parse(word(text)) !== n) expect.fail(text);
    }
  });
});

it('the last word is the last four bytes, or as many as there are', () => {
  const view = viewOf(Buffer.from('xabcdefx').subarray(1, 7));
  expect(lastWord(view, 0, 6)).toBe(word('cdef'));
  expect(lastWord(view, 2, 6)).toBe(word('cdef'));
  expect(lastWord(view, 3, 6)).toBe(0x646566);
  expect(lastWord(view, 3, 3)).toBe(0);
});
