import { describe, expect, it } from 'vitest';
import { parseObjectMap, stateOf } from '../../src/rbd/object-map.ts';
import { expectCorrupt, expectFlipsSurvived, expectTruncationsCorrupt, hex } from './helpers.ts';

/** Map of a real snapshot with 20 objects of all kinds but "pending". */
const REAL = hex(`0e000000 0101 08000000 1400000000000000 5755ff4144
  0c000000 8b31dc4f 01000000 d08ff10f`);
/** Six objects; the last byte holds two. */
const SIX = hex(`0e000000 0101 08000000 0600000000000000 fff0
  0c000000 71c2d259 01000000 f64b8d50`);
/** An empty 512 GiB image: 131072 objects, eight blocks of states. */
const LARGE = Buffer.concat([
  hex('0e000000 0101 08000000 0000020000000000'),
  Buffer.alloc(32768),
  hex(`28000000 911a3b31 08000000 ${'00000000'.repeat(8)}`),
]);
const states = (value: Uint8Array) => {
  const map = parseObjectMap(value);
  return Array.from({ length: map.objectCount }, (_, n) => stateOf(map, n)).join('');
};

describe('parseObjectMap', () => {
  it('unpacks states from the high bits down', () => {
    // 57 55 ff 41 44, two bits at a time
    expect(states(REAL)).toBe('11131111333310011010');
    expect(states(SIX)).toBe('333333');
  });
  it('takes objects beyond the map for absent', () => {
    const map = parseObjectMap(SIX);
    expect([stateOf(map, 5), stateOf(map, 6), stateOf(map, 1e9)]).toEqual([3, 0, 0]);
  });
  it('compares with the number of objects of the image', () => {
    expect(parseObjectMap(REAL, 20).checked).toBe(true);
    expectCorrupt(() => parseObjectMap(REAL, 21), /for 20 objects, the image has 21/);
  });
  it('reads maps without checksums', () => {
    const map = parseObjectMap(hex('0e000000 0101 08000000 0200000000000000 90 00000000'));
    expect([map.checked, stateOf(map, 0), stateOf(map, 1)]).toEqual([false, 2, 1]);
  });
  it('checks each block of 4096 bytes', () => {
    expect(parseObjectMap(LARGE, 131072)).toMatchObject({ checked: true });
    const bad = Buffer.from(LARGE);
    bad[18 + 5 * 4096] = 1;
    expectCorrupt(() => parseObjectMap(bad), /block 5/);
  });
  it.each([
    ['the number of objects', 10, 7, /header/],
    ['a state', 18, 1, /block 0/],
    ['the header checksum', 28, 1, /header/],
    ['the number of checksums', 31, 1, /checksums it should have|claimed/],
  ])('notices a change in %s', (_, at, bits, message) => {
    const bad = REAL.slice();
    bad[at] = (bad[at] as number) ^ bits;
    expectCorrupt(() => parseObjectMap(bad), message);
  });
  it('refuses every truncation and survives any byte', () => {
    expectTruncationsCorrupt(REAL, parseObjectMap);
    expectFlipsSurvived(REAL, parseObjectMap);
  });
  it.each(['ffffffffffffffff', 'ffffffffffff1f00', '0000000001000000'])(
    'disbelieves a count of 0x%s',
    (count) => expectCorrupt(() => parseObjectMap(hex(`0e000000 0101 08000000 ${count} ff`))),
  );
});
