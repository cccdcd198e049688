import { crc32c as native } from '@node-rs/crc32';
import { describe, expect, it } from 'vitest';
import { crc32cInJavaScript } from '../../src/bytes/crc32c-table.ts';

const bytes = (length: number, at: (i: number) => number) =>
  Uint8Array.from({ length }, (_, i) => at(i));

describe('crc32c in JavaScript', () => {
  // RFC 3720 (iSCSI), B.4
  it.each([
    ['32 zeros', bytes(32, () => 0), 0x8a9136aa],
    ['32 ones', bytes(32, () => 0xff), 0x62a8ab43],
    ['counting up', bytes(32, (i) => i), 0x46dd794e],
    ['counting down', bytes(32, (i) => 31 - i), 0x113fdb5c],
  ])('gives what the standard gives for %s', (_, data, expected) => {
    expect(crc32cInJavaScript(data)).toBe(expected);
  });

  it('agrees with the native one at every length and goes on from any cut', () => {
    const data = bytes(67, (i) => (i * 151 + 89) & 0xff);
    for (let length = 0; length <= data.length; length++) {
      const part = data.subarray(0, length);
      expect(crc32cInJavaScript(part)).toBe(native(part as Buffer));
      const first = crc32cInJavaScript(data.subarray(0, length));
      expect(crc32cInJavaScript(data.subarray(length), first)).toBe(native(data as Buffer));
    }
  });
});
