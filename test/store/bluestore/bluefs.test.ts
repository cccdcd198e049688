import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../../src/bytes/crc32c.ts';
import type { Damage } from '../../../src/errors/damage.ts';
import { BlueFs } from '../../../src/store/bluestore/bluefs.ts';
import { blueFsDirectory } from '../../../src/store/bluestore/bluefs-directory.ts';
import { applyDelta } from '../../../src/store/bluestore/bluefs-log.ts';
import { decodeBlueFsSuperblock } from '../../../src/store/bluestore/bluefs-superblock.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from '../../ceph/damage.ts';
import { blob, concat, framed, hex, patched, u8, u32, u64 } from '../../helpers/hex.ts';
import { MemoryDevice } from './memory-device.ts';
import { DB_SUPERBLOCK, SUPERBLOCK, TRANSACTION_1, TRANSACTION_2 } from './samples.ts';

const FSID = SUPERBLOCK.subarray(6, 22);
const BLOCK = 4096;
/** The superblock's extent of the log. */
const LOG = 0x2000;

function transaction(sequence: number, ...ops: Uint8Array[]): Uint8Array {
  const bytes = concat(...ops);
  const crc = u32(cephCrc32c(0xffffffff, bytes));
  return framed(1, 1, FSID, u64(sequence), blob(bytes), crc);
}

const link = (directory: string, name: string, ino: number) =>
  concat(u8(4), blob(directory), blob(name), u64(ino));
/** extents: offset (multiples of 4 KiB below 4 TiB), length (multiples of 4 KiB), device */
const extents = (...list: [number, number, number][]) =>
  concat(
    u32(list.length),
    ...list.map(([offset, length, device]) =>
      framed(1, 1, u32(offset / 2048), u8((length / 4096) * 4 + 3), u8(device)),
    ),
  );
const update = (ino: number, size: number, ...list: [number, number, number][]) =>
  concat(u8(8), framed(1, 1, u8(ino), u8(size), new Uint8Array(9), extents(...list)));
const jump = (sequence: number, offset: number) => concat(u8(10), u64(sequence), u64(offset));

/** A device with the real superblock and first transactions, and others behind them. */
function device(...more: Uint8Array[]): MemoryDevice {
  const disk = new MemoryDevice(0x500000).put(BLOCK, SUPERBLOCK);
  let at = LOG;
  for (const bytes of [TRANSACTION_1, TRANSACTION_2, ...more]) {
    disk.put(at, bytes);
    at += Math.ceil(bytes.length / BLOCK) * BLOCK;
  }
  return disk;
}

function open(main: MemoryDevice, db?: MemoryDevice) {
  const damage: Damage[] = [];
  const bluefs = new BlueFs({ main, db, wal: undefined }, (found) => damage.push(found));
  return { bluefs, damage };
}

describe('BlueFS superblock', () => {
  it('reads that of a single-device OSD', () => {
    expect(decodeBlueFsSuperblock(SUPERBLOCK)).toEqual({
      fsid: 'bfde4a57-70a9-49b8-86a1-c5b02e3f583f',
      osdFsid: 'c980efe9-09eb-4394-a7ee-3c0d878b9229',
      sequence: 1,
      blockSize: BLOCK,
      log: {
        ino: 1,
        size: 0x1000,
        extents: [{ device: 1, offset: LOG, length: 0x400000 }],
        encoding: 0,
      },
      layout: { dedicatedDb: false, dedicatedWal: false },
      intact: true,
    });
  });

  it('reads that of an OSD with block.db and block.wal', () => {
    expect(decodeBlueFsSuperblock(DB_SUPERBLOCK)).toMatchObject({
      sequence: 1321,
      layout: { dedicatedDb: true, dedicatedWal: true },
      intact: true,
    });
  });

  it('survives every truncation and every lie', () => {
    expectTruncationsCorrupt(decodeBlueFsSuperblock, SUPERBLOCK);
    expectSurvivesLies(decodeBlueFsSuperblock, SUPERBLOCK);
  });
});

describe('BlueFS log', () => {
  it('replays real transactions', () => {
    const { bluefs, damage } = open(device());
    expect(bluefs.sequence).toBe(2);
    expect(bluefs.directories).toEqual(['db', 'db.slow', 'db.wal']);
    expect(bluefs.list('db')).toEqual(['LOCK', '000000.dbtmp']);
    expect(bluefs.open('db', '000000.dbtmp').size).toBe(0x25);
    expect(damage).toEqual([]);
  });

  it('ends, without a word, at a leftover of an earlier lap and at a foreign uuid', () => {
    expect(open(device(transaction(4, link('db', 'x', 9)))).bluefs.list('db')).toHaveLength(2);
    const foreign = patched(transaction(3, link('db', 'x', 9)), 8, u8(0));
    const { bluefs, damage } = open(device(foreign));
    expect(bluefs.list('db')).toHaveLength(2);
    expect(damage).toEqual([]);
  });

  it('reports a transaction that fails its checksum, and keeps what came before', () => {
    const bad = transaction(3, link('db', 'x', 9));
    bad[bad.length - 1]! ^= 1;
    const { bluefs, damage } = open(device(bad));
    expect(bluefs.sequence).toBe(2);
    expect(damage).toMatchObject([{ offset: 2 * BLOCK, dropped: bad.length }]);
    expect(damage[0]!.reason).toContain('damaged transaction (sequence 3)');
  });

  it('goes on behind transactions that are damaged, and says which are lost', () => {
    const bad = transaction(3, link('db', 'x', 9));
    bad[bad.length - 1]! ^= 1;
    const wiped = new Uint8Array(BLOCK);
    const { bluefs, damage } = open(device(bad, wiped, transaction(5, link('db', 'y', 9))));
    expect(bluefs.sequence).toBe(5);
    expect(bluefs.list('db')).toEqual(['LOCK', '000000.dbtmp', 'y']);
    expect(damage.at(-1)).toMatchObject({ offset: 2 * BLOCK, dropped: 2 * BLOCK });
    expect(damage.at(-1)!.reason).toContain('transactions 3 to 4 are damaged');
  });

  it('calls a transaction of several blocks that is cut short torn', () => {
    const long = transaction(3, link('db', 'x'.repeat(5000), 9));
    const { damage } = open(device(long.subarray(0, BLOCK)));
    expect(damage[0]!.reason).toContain('torn transaction');
  });

  it('jumps, and then wants the sequence that the jump told', () => {
    const disk = device(transaction(3, jump(10, 0x8000)));
    disk.put(LOG + 0x8000, transaction(11, link('db', 'x', 3)));
    disk.put(LOG + 0x9000, transaction(9, link('db', 'stale', 3)));
    const { bluefs } = open(disk);
    expect(bluefs.sequence).toBe(11);
    expect(bluefs.list('db')).toEqual(['LOCK', '000000.dbtmp', 'x']);
  });

  it('does not jump back, which could go on for ever', () => {
    const { bluefs, damage } = open(device(transaction(3, jump(0, 0))));
    expect(bluefs.sequence).toBe(3);
    expect(damage[0]!.reason).toContain('jump back');
  });

  it('goes on in extents that the log was given while it is read', () => {
    // 0x2000 + 0x3000 at first, then also 0x100000
    const grown = update(1, 0, [LOG, 0x3000, 1], [0x100000, 0x4000, 1]);
    const disk = device(transaction(3, grown)).put(0x100000, transaction(4, link('db', 'x', 3)));
    expect(open(disk).bluefs.list('db')).toContain('x');
  });

  it('unlinks files and removes directories', () => {
    const ops = [
      concat(u8(5), blob('db'), blob('LOCK')),
      concat(u8(7), blob('db.slow')),
      concat(u8(9), u64(2)),
      concat(u8(2), new Uint8Array(17)),
    ];
    const { bluefs } = open(device(transaction(3, ...ops)));
    expect(bluefs.list('db')).toEqual(['000000.dbtmp']);
    expect(bluefs.directories).not.toContain('db.slow');
  });

  it('stops at an operation that it does not know', () => {
    const { bluefs, damage } = open(device(transaction(3, u8(99))));
    expect(bluefs.sequence).toBe(3);
    expect(damage[0]!.reason).toContain('operation 99');
  });

  it('never fails worse than a source does, whatever the log says', () => {
    const at = LOG + BLOCK;
    for (let i = 0; i < TRANSACTION_2.length; i++) {
      const disk = device().put(at + i, u8(TRANSACTION_2[i]! ^ 0xff));
      expect(open(disk).bluefs.sequence).toBeLessThanOrEqual(2);
    }
  });
});

describe('BlueFS files', () => {
  it('lie on several devices, one extent after the other', () => {
    const db = device(
      transaction(3, link('db.wal', '000001.log', 7), update(7, 100, [0x480000, 4096, 1])),
      transaction(4, link('db.slow', '000002.sst', 8), update(8, 9, [0x480000, 4096, 2])),
    );
    const main = new MemoryDevice(0x500000).put(0x480000, Buffer.from('on block.'));
    const { bluefs } = open(main, db.put(0x480000, Buffer.from('on block.db')));
    const directory = blueFsDirectory(bluefs);
    expect(directory.list().sort()).toEqual(['000000.dbtmp', '000001.log', '000002.sst', 'LOCK']);
    const content = (name: string) => {
      const file = directory.open(name);
      const bytes = Buffer.alloc(200);
      return bytes.toString('latin1', 0, file.read(bytes, 0)).replace(/\0+$/, '');
    };
    expect(content('000001.log')).toBe('on block.db');
    expect(content('000002.sst')).toBe('on block.');
    expect(() => directory.open('000003.sst')).toThrow(
      expect.objectContaining({ data: expect.objectContaining({ errno: 'ENOENT' }) }),
    );
  });

  it('name the device that is missing', () => {
    const wal = transaction(3, link('db.wal', 'x', 7), update(7, 100, [0x1000, 4096, 0]));
    const file = open(device(wal)).bluefs.open('db.wal', 'x');
    expect(() => file.read(new Uint8Array(1), 0)).toThrow(/block\.wal, which is missing/);
  });

  it('that claim more than they were given are cut, and reported', () => {
    const { bluefs, damage } = open(device(transaction(3, link('db', 'x', 7), update(7, 100))));
    expect(bluefs.open('db', 'x').size).toBe(0);
    expect(damage).toMatchObject([{ dropped: 100 }]);
  });

  it('since Tentacle may be in envelopes, of which some are not recorded yet', () => {
    const stamp = hex('0102030405060708');
    const envelope = (text: string) => concat(u64(text.length), Buffer.from(text), stamp);
    const node = framed(
      2,
      1,
      concat(u8(7), u8(5), new Uint8Array(9), extents([0x480000, 4096, 1]), u8(1), u8(5)),
    );
    const disk = device(transaction(3, link('db.wal', 'x', 7), concat(u8(8), node)));
    disk.put(0x480000, concat(envelope('hello '), envelope('world'), envelope('!').fill(9, 9)));
    const file = open(disk).bluefs.open('db.wal', 'x');
    const bytes = Buffer.alloc(20);
    expect(bytes.toString('latin1', 0, file.read(bytes, 0))).toBe('hello world');
    expect(bytes.toString('latin1', 0, file.read(bytes.subarray(0, 5), 4))).toBe('o wor');
  });
});

describe('an incremental update', () => {
  it('keeps the extents up to its offset and appends its own', () => {
    const a = { device: 1, offset: 0, length: 100 };
    const b = { device: 1, offset: 500, length: 100 };
    const c = { device: 2, offset: 900, length: 100 };
    const node = { ino: 5, size: 200, extents: [a, b], encoding: 0 };
    const delta = { ino: 5, size: 250, extents: [c], encoding: 0, offset: 150 };
    const after = applyDelta(node, delta);
    expect(after).toMatchObject({ size: 250, extents: [a, { ...b, length: 50 }, c] });
    expect(applyDelta(undefined, delta).extents).toEqual([c]);
  });
});
