import { describe, expect, it } from 'vitest';
import { parseJournalObject } from '../../src/rbd/journal-entry.ts';
import { parseJournalEvent } from '../../src/rbd/journal-event.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
} from './helpers.ts';

// Entries of real journal_data objects (16.2), each with its checksum.
const FLUSH =
  '9397585326594131010100000000000000010000000000000018000000 0501 04000000 02000000 0101080000006c46016b6dc2b32a d6d2a1e4';
const FLATTEN =
  '939758532659413101000000000000000001000000000000002000000005010c0000000c00000001000000000000000101080000006f46016b7cf3d1268a9e2710';
const FINISHED =
  '939758532659413101010000000000000001000000000000002c0000000501180000000300000001000000000000000100000000000000000000000101080000006f46016b10f6042723ce7dfe';
const SNAP_PROTECT =
  '939758532659413101040000000000000001000000000000003100000005011d000000070000000200000000000000030000006a7331010104000000000000000101080000006d46016bd1bc471f53b74590';
const RESIZE =
  '93975853265941310106000000000000000100000000000000280000000501140000000b000000030000000000000000008001000000000101080000006d46016b312fae1f82b3c27a';
const SNAP_RENAME =
  '9397585326594131010a00000000000000010000000000000036000000050122000000060000000500000000000000030000006a73320800000000000000030000006a73310101080000006d46016b5b1ca020073011b9';
const METADATA_SET =
  '9397585326594131010c0000000000000001000000000000002a000000050116000000100000000600000000000000010000006b01000000760101080000006d46016bc53707214ed69f6a';
const METADATA_REMOVE =
  '9397585326594131010e00000000000000010000000000000025000000050111000000110000000700000000000000010000006b0101080000006d46016b89ac75211a2db958';
const SNAP_LIMIT =
  '93975853265941310110000000000000000100000000000000280000000501140000000e000000080000000000000009000000000000000101080000006d46016b62e0d821151e69a9';
const ROLLBACK =
  '9397585326594131011500000000000000010000000000000031000000 05011d000000090000000900000000000000030000006a7332010104000000000000000101080000006d46016b03e43f22 c5be37f0';
const FEATURES =
  '93975853265941310119000000000000000100000000000000290000000501150000000f0000000b000000000000001800000000000000010101080000006e46016b800f5f1e06cb98d2';
const DISCARD =
  '9397585326594131011b0000000000000001000000000000002d000000050119000000000000000000000000000000000001000000000000000000000101080000006e46016bf2cbb91e5bdd527a';
const RENAME =
  '93975853265941310100000000000000000200000000000000260000000501120000000a0000000100000000000000020000006a6a0101080000006e46016b52cbd41f7dfb9c29';
/** 5000 bytes of "A" at 12345 */
const WRITE = `93975853265941310100000000000000000100000000000000b41300000501a01300000100000039300000000000008813000000000000 88130000 ${'41'.repeat(5000)} 0101080000006c46016b8c58a12ab72fe2c1`;
/** "wxyz" 128 times, for 8192 bytes at 2 MiB */
const WRITE_SAME = `93975853265941310100000000000000000300000000000000 2c020000 0501 18020000 12000000 0000200000000000 0020000000000000 00020000 ${'7778797a'.repeat(128)} 0101080000006f46016b8394ec28 1e15e4db`;
/** 512 bytes of that become 512 bytes of "Q" */
const COMPARE_AND_WRITE = `93975853265941310101000000000000000300000000000000 30040000 0501 1c040000 13000000 0000200000000000 0002000000000000 00020000 ${'7778797a'.repeat(128)} 00020000 ${'51'.repeat(512)} 0101080000006f46016bf6b30229 9621f6cf`;

const ALL = {
  FLUSH,
  FLATTEN,
  FINISHED,
  SNAP_PROTECT,
  RESIZE,
  SNAP_RENAME,
  METADATA_SET,
  METADATA_REMOVE,
  SNAP_LIMIT,
  ROLLBACK,
  FEATURES,
  DISCARD,
  RENAME,
  WRITE,
  WRITE_SAME,
  COMPARE_AND_WRITE,
};

const eventOf = (entry: string) => {
  const { entries, damage } = parseJournalObject(hex(entry));
  expect(damage).toBeUndefined();
  return parseJournalEvent((entries[0] as { data: Uint8Array }).data);
};

const user = { type: 'user' };
const EVENTS: [string, string, object][] = [
  ['a flush', FLUSH, { type: 'flush' }],
  ['a flatten', FLATTEN, { type: 'flatten', opTid: 1n }],
  ['the end of an operation', FINISHED, { type: 'operation-finished', opTid: 1n, result: 0 }],
  [
    'a protected snapshot',
    SNAP_PROTECT,
    { type: 'snap-protect', opTid: 2n, name: bytes('js1'), namespace: user },
  ],
  [
    'a rollback',
    ROLLBACK,
    { type: 'snap-rollback', opTid: 9n, name: bytes('js2'), namespace: user },
  ],
  ['a resize', RESIZE, { type: 'resize', opTid: 3n, size: 24 * 2 ** 20 }],
  [
    'a renamed snapshot',
    SNAP_RENAME,
    { type: 'snap-rename', opTid: 5n, snapId: 8n, name: bytes('js2') },
  ],
  [
    'metadata',
    METADATA_SET,
    { type: 'metadata-set', opTid: 6n, key: bytes('k'), value: bytes('v') },
  ],
  ['metadata gone', METADATA_REMOVE, { type: 'metadata-remove', opTid: 7n, key: bytes('k') }],
  ['a snapshot limit', SNAP_LIMIT, { type: 'snap-limit', opTid: 8n, limit: 9n }],
  ['features', FEATURES, { type: 'update-features', opTid: 11n, features: 0x18n, enabled: true }],
  ['a rename', RENAME, { type: 'rename', opTid: 1n, name: bytes('jj') }],
  ['a discard', DISCARD, { type: 'discard', offset: 0, length: 65536, granularity: 0 }],
  ['a write', WRITE, { type: 'write', offset: 12345, length: 5000, data: bytes('A'.repeat(5000)) }],
  [
    'a repeated pattern',
    WRITE_SAME,
    { type: 'write-same', offset: 2 ** 21, length: 8192, pattern: bytes('wxyz'.repeat(128)) },
  ],
  [
    'compare and write',
    COMPARE_AND_WRITE,
    {
      type: 'compare-and-write',
      offset: 2 ** 21,
      length: 512,
      compare: bytes('wxyz'.repeat(128)),
      data: bytes('Q'.repeat(512)),
    },
  ],
];

describe('parseJournalEvent', () => {
  it.each(EVENTS)('decodes %s', (_, entry, expected) => {
    expect(eventOf(entry).event).toEqual(expected);
  });
  it('tells when it was written', () => {
    expect(eventOf(FLUSH).timestamp).toEqual({ seconds: 0x6b01466c, nanoseconds: 0x2ab3c26d });
  });
  it.each([
    // By definition: offset 1, length 2; v1 to v3 end there, v4 has one byte more.
    ['v1', '0101 14000000 00000000 0100000000000000 0200000000000000'],
    ['v4', '0401 15000000 00000000 0100000000000000 0200000000000000 01'],
  ])('decodes a discard of %s without time', (_, data) => {
    expect(parseJournalEvent(hex(data))).toEqual({
      event: { type: 'discard', offset: 1, length: 2, granularity: 0 },
      timestamp: undefined,
    });
  });
  it('decodes snapshot events from before namespaces', () => {
    const name = '0100000000000000 01000000 61';
    expect(parseJournalEvent(hex(`0201 11000000 05000000 ${name}`)).event).toMatchObject({
      type: 'snap-remove',
      namespace: user,
    });
    const created = `0301 1b000000 04000000 ${name} 0101 04000000 00000000`;
    expect(parseJournalEvent(hex(created)).event).toMatchObject({
      type: 'snap-create',
      namespace: user,
    });
  });
  it('keeps the code of events it does not know', () => {
    expect(parseJournalEvent(hex('0501 06000000 63000000 ffff')).event).toEqual({
      type: 'unknown',
      code: 99,
    });
  });
  it('refuses a write whose length is not that of its bytes', () => {
    const data = '0501 19000000 01000000 0000000000000000 0200000000000000 01000000 41';
    expectCorrupt(() => parseJournalEvent(hex(data)), /2 bytes announced, 1 are there/);
  });
  it('refuses an empty pattern', () => {
    const data = '0501 18000000 12000000 0000000000000000 0200000000000000 00000000';
    expectCorrupt(() => parseJournalEvent(hex(data)), /pattern/);
  });
  it('refuses every truncation of an event', () => {
    for (const [, entry] of EVENTS.filter(([name]) => name !== 'a write')) {
      const data = parseJournalObject(hex(entry)).entries[0]?.data as Uint8Array;
      // The time is a structure of its own behind the event, and may be absent.
      const event = data.slice(0, data.length - 14);
      expectTruncationsCorrupt(event, parseJournalEvent);
      expectCorrupt(() => parseJournalEvent(data.slice(0, -1)));
      if (data.length < 100) expectFlipsSurvived(data, parseJournalEvent);
    }
  });
});

describe('parseJournalObject', () => {
  it('reads entries back to back', () => {
    const { entries, damage } = parseJournalObject(hex(FLUSH + ROLLBACK + FEATURES));
    expect(damage).toBeUndefined();
    expect(entries.map((e) => [e.tagTid, e.entryTid])).toEqual([
      [1n, 1n],
      [1n, 21n],
      [1n, 25n],
    ]);
  });
  it.each(Object.entries(ALL))(
    'finds the checksum of %s right, and wrong once a bit has changed',
    (_, entry) => {
      expect(parseJournalObject(hex(entry)).damage).toBeUndefined();
      const bad = hex(entry);
      bad[bad.length - 5] = (bad[bad.length - 5] as number) ^ 4;
      expect(parseJournalObject(bad).damage?.message).toMatch(/checksum/);
    },
  );
  it('stops at the first torn entry and keeps those before it', () => {
    const [first, second] = [hex(FLUSH), hex(FINISHED)];
    for (let n = 1; n < second.length; n++) {
      const { entries, damage } = parseJournalObject(Buffer.concat([first, second.slice(0, n)]));
      expect(entries).toHaveLength(1);
      expect(damage?.code).toBe('CORRUPT');
    }
  });
  it('does not look behind a broken entry', () => {
    const broken = hex(FLUSH + ROLLBACK + FEATURES);
    broken[hex(FLUSH).length] = 0;
    const { entries, damage } = parseJournalObject(broken);
    expect(entries).toHaveLength(1);
    expect(damage).toMatchObject({ code: 'CORRUPT', data: { offset: hex(FLUSH).length } });
  });
  it('is empty for an empty object, and for zeros', () => {
    expect(parseJournalObject(hex(''))).toEqual({ entries: [], damage: undefined });
    expect(parseJournalObject(new Uint8Array(4096))).toMatchObject({ entries: [] });
  });
  it('survives any byte', () => expectFlipsSurvived(hex(FLUSH + FINISHED), parseJournalObject));
});
