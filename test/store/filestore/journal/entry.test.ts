import { describe, expect, it } from 'vitest';
import { hasFoot, isIntact, readEntryHead } from '../../../../src/store/filestore/journal/entry.ts';
import { decodeJournalHeader } from '../../../../src/store/filestore/journal/header.ts';
import { JournalRing } from '../../../../src/store/filestore/journal/ring.ts';
import { hex } from '../../../helpers/hex.ts';
import { BLOCK, type BuiltJournal, journal } from './journal-builder.ts';

function ringOf({ bytes }: BuiltJournal, onRead: (n: number) => void = () => {}): JournalRing {
  const source = {
    ...{ path: 'journal', size: bytes.length, close: () => {} },
    read(target: Uint8Array, position: number): number {
      onRead(target.length);
      return bytes.copy(target, 0, position, position + target.length);
    },
  };
  return new JournalRing(source, decodeJournalHeader(bytes));
}

describe('an entry', () => {
  it('is told by its place and the fsid of its journal (Ceph 16.2.15)', () => {
    const head = hex(`
      9700000000000000 1ca4c9cf 0a050000 00000000 a60a0000 0050780000000000 a7dd02e15ed442cc`);
    const bytes = Buffer.alloc(0x786000);
    const built = journal([], { ring: 0x785000 });
    built.bytes.copy(bytes);
    bytes.set(hex('3ad802e15ed442ccabf5a5607373d5b2'), 16);
    bytes.set(head, 0x785000);
    const entry = readEntryHead(ringOf({ bytes, at: [] }), 0x785000);
    expect(entry).toEqual({
      ...{ seq: 151, at: 0x785000, payload: 0x785028, length: 1290, crc: 0xcfc9a41c },
      // 80 + 1290 + 2726 bytes: the ring ends behind it
      next: BLOCK,
    });
  });

  const payload = Buffer.alloc(10_000, 'payload');

  it('is none where the place, the fsid or the length is not its own', () => {
    const built = journal([payload]);
    const at = built.at[0]!;
    for (const offset of [0, 12, 24, 32]) {
      const bytes = Buffer.from(built.bytes);
      bytes[at + offset]! ^= 1;
      expect(readEntryHead(ringOf({ bytes, at: [] }), at)).toBeUndefined();
    }
    expect(readEntryHead(ringOf(built), at)).toMatchObject({ seq: 101, length: 10_000 });
    expect(readEntryHead(ringOf(built), at + BLOCK)).toBeUndefined();
  });

  it.each([0, 1, 2, 3])(
    'is whole, wherever the ring ends in it (%i blocks from its end)',
    (blocks) => {
      const ring = 16 * BLOCK;
      const built = journal([payload], {
        ring,
        start: BLOCK + ring - blocks * BLOCK - (blocks === 0 ? 8 * BLOCK : 0),
      });
      const opened = ringOf(built);
      const entry = readEntryHead(opened, built.at[0]!)!;
      expect(entry.next).toBe(built.at[1]);
      expect(hasFoot(opened, entry)).toBe(true);
      expect(isIntact(opened, entry)).toBe(true);
      expect(Buffer.from(opened.bytes(entry.payload, entry.length)).equals(payload)).toBe(true);
    },
  );

  it('is not whole without its foot or with another payload', () => {
    const built = journal([payload]);
    const at = built.at[0]!;
    const entry = readEntryHead(ringOf(built), at)!;
    const flipped = (offset: number) => {
      const bytes = Buffer.from(built.bytes);
      bytes[at + offset]! ^= 1;
      return ringOf({ bytes, at: [] });
    };
    expect(hasFoot(flipped(3 * BLOCK - 1), entry)).toBe(false);
    expect(isIntact(flipped(40), entry)).toBe(false);
    expect(isIntact(flipped(40 + 9_999), entry)).toBe(false);
    expect(isIntact(flipped(40 + 10_000), entry)).toBe(true);
  });

  it('has no checksum where header and entry say so', () => {
    const built = journal([payload], { hasCrcs: false });
    const at = built.at[0]!;
    built.bytes[at + 40]! ^= 1;
    const opened = ringOf(built);
    const entry = readEntryHead(opened, at)!;
    expect(isIntact(opened, entry)).toBe(false);
    expect(isIntact(opened, { ...entry, crc: 0 })).toBe(true);
  });

  it('is passed over without its payload being read', () => {
    const large = Buffer.alloc(8 << 20);
    const built = journal([large, payload], { ring: 16 << 20 });
    let read = 0;
    const opened = ringOf(built, (n) => {
      read += n;
    });
    const first = readEntryHead(opened, built.at[0]!)!;
    expect(readEntryHead(opened, first.next)!.seq).toBe(102);
    expect(read).toBeLessThan(64 << 10);
  });
});
