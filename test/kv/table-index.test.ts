import { describe, expect, it } from 'vitest';
import { type IndexForm, readTableIndex } from '../../src/kv/table-index.ts';
import { hex } from '../helpers/hex.ts';

/** Index blocks, put together by RocksDB's description of them (docs/formats/kv.md). */

const varint = (n: number): Buffer => {
  const bytes = [];
  for (; n > 0x7f; n = Math.floor(n / 128)) bytes.push((n % 128) | 0x80);
  return Buffer.from([...bytes, n]);
};
const TRAILER = 5;
const TAIL = hex('01 ff000000000000');

interface Shape {
  /** every how many entries a key stands there whole */
  interval: number;
  userKeys: boolean;
  delta: boolean;
}

/** Blocks of 100, 101, ... bytes that follow each other, each with its key. */
function indexOf(keys: readonly string[], { interval, userKeys, delta }: Shape) {
  const parts: Buffer[] = [];
  let before = Buffer.alloc(0);
  let offset = 0;
  for (const [i, text] of keys.entries()) {
    const key = userKeys ? Buffer.from(text) : Buffer.concat([Buffer.from(text), TAIL]);
    let shared = 0;
    while (i % interval > 0 && shared < before.length && before[shared] === key[shared]) shared++;
    const size = 100 + i;
    const change = 2;
    const value =
      delta && shared > 0 ? varint(change) : Buffer.concat([varint(offset), varint(size)]);
    const lengths = [varint(shared), varint(key.length - shared)];
    if (!delta) lengths.push(varint(value.length));
    parts.push(...lengths, key.subarray(shared), value);
    offset += size + TRAILER;
    before = key;
  }
  const block = Buffer.concat([...parts, hex('00000000 01000000')]);
  const form: IndexForm = { delta, userKeys, firstKey: false, twoLevel: false };
  return readTableIndex(block, 0, form);
}

const KEYS = [
  ...['a', 'object.0001', 'object.0002', 'object.00020000', 'object.0003', 'object.1', 'p'],
  ...Array.from({ length: 40 }, (_, i) => `rbd_data.1234567890ab.${String(i).padStart(16, '0')}`),
];
const offsets = KEYS.map((_, i) => i * (100 + TRAILER) + (i * (i - 1)) / 2);

describe.each([
  [1, false, false],
  [2, false, false],
  [3, true, false],
  [16, false, false],
  [100, false, false],
  [1, true, true],
  [3, true, true],
  [100, false, true],
])('an index with a whole key every %i, only user keys: %s, changes of size only: %s', (...how) => {
  const [interval, userKeys, delta] = how;
  const index = indexOf(KEYS, { interval, userKeys, delta });

  it('has the keys and places of all blocks', () => {
    expect(Array.from(KEYS, (_, i) => Buffer.from(index.key(i)).toString())).toEqual(KEYS);
    expect(index.offsets).toEqual(offsets);
    expect(index.sizes).toEqual(KEYS.map((_, i) => 100 + i));
  });

  it('finds each key, and what lies before and behind it', () => {
    for (const [i, key] of KEYS.entries()) {
      expect(index.seek(Buffer.from(key))).toBe(i);
      expect(index.seek(Buffer.from(`${key}\0`))).toBe(i + 1);
    }
    expect(index.seek(Buffer.from('A'))).toBe(0);
  });
});

it('refuses blocks that do not follow each other', () => {
  const handles = [hex('64 0a'), hex('6e 0a')];
  const entries = handles.map((handle, i) =>
    Buffer.concat([hex('00 09 02'), Buffer.from([0x61 + i]), TAIL, handle]),
  );
  const block = Buffer.concat([...entries, hex('00000000 01000000')]);
  const form: IndexForm = { delta: false, userKeys: false, firstKey: false, twoLevel: false };
  expect(() => readTableIndex(block, 0, form)).toThrow('out of order');
});

it('refuses keys that grow beyond reason', () => {
  // Each of 3000 short entries repeats the 60,008 bytes of the key before it.
  const long = Buffer.alloc(60_000, 0x61);
  const first = Buffer.concat([
    hex('00'),
    varint(long.length + 8),
    hex('02'),
    long,
    TAIL,
    hex('00 00'),
  ]);
  const shared = varint(long.length + 8);
  const more = Array.from({ length: 3000 }, (_, i) =>
    Buffer.concat([
      shared,
      hex('00'),
      varint(varint(5 * (i + 1)).length + 1),
      varint(5 * (i + 1)),
      hex('00'),
    ]),
  );
  const block = Buffer.concat([first, ...more, hex('00000000 01000000')]);
  const form: IndexForm = { delta: false, userKeys: false, firstKey: false, twoLevel: false };
  expect(() => readTableIndex(block, 0, form)).toThrow('beyond reason');
});
