import { describe, expect, it } from 'vitest';
import { maskedCrc32c } from '../../src/bytes/crc32c.ts';
import type { Damage } from '../../src/errors/damage.ts';
import { readLog } from '../../src/kv/log-reader.ts';
import { bytesOf, fromHex, hex, MemoryDirectory } from './memory-directory.ts';

/** One physical record as `docs/formats/kv.md` defines it. */
function record(type: number, payload: Uint8Array, logNumber?: number): Uint8Array {
  const header = logNumber === undefined ? 7 : 11;
  const bytes = Buffer.alloc(header + payload.length);
  bytes.writeUInt16LE(payload.length, 4);
  bytes[6] = type;
  if (logNumber !== undefined) bytes.writeUInt32LE(logNumber, 7);
  bytes.set(payload, header);
  bytes.writeUInt32LE(maskedCrc32c(bytes.subarray(6)), 0);
  return bytes;
}

interface Read {
  payloads: string[];
  damages: Damage[];
}

function read(log: Uint8Array, options: { newest?: boolean; unreadableFrom?: number } = {}): Read {
  const directory = new MemoryDirectory([['000005.log', log]]);
  if (options.unreadableFrom !== undefined) {
    directory.unreadableFrom.set('000005.log', options.unreadableFrom);
  }
  const damages: Damage[] = [];
  const report = (damage: Damage) => damages.push(damage);
  const { newest = true } = options;
  const payloads: string[] = [];
  for (const { payload } of readLog(directory.open('000005.log'), { number: 5, newest, report })) {
    payloads.push(
      payload.length > 40 ? `${payload.length} bytes` : Buffer.from(payload).toString(),
    );
  }
  return { payloads, damages };
}

const join = (...parts: Uint8Array[]): Uint8Array => new Uint8Array(Buffer.concat(parts));
const BLOCK = 32768;
const filler = (bytes: number): Uint8Array => record(1, new Uint8Array(bytes - 7).fill(0x61));

describe('readLog', () => {
  it('reads the empty batch a RocksDB log of Ceph 16.2 begins with', () => {
    const directory = new MemoryDirectory([
      ['x', fromHex('73c466df 0c00 01 3125000000000000 00000000')],
    ]);
    const options = { number: 1, newest: true, report: (d: Damage) => expect.fail(d.reason) };
    const records = [...readLog(directory.open('x'), options)];
    expect(records.map(({ payload, offset }) => [hex(payload), offset])).toEqual([
      ['312500000000000000000000', 0],
    ]);
  });

  it('puts the fragments of a record together', () => {
    const log = join(filler(BLOCK - 20), record(2, bytesOf('one of ')), new Uint8Array(6));
    const rest = join(record(3, bytesOf('three ')), record(4, bytesOf('parts')));
    expect(read(join(log, rest)).payloads).toEqual(['32741 bytes', 'one of three parts']);
  });

  it('reads on after the 7 to 10 zeros at the end of a block of recyclable records', () => {
    const first = record(5, new Uint8Array(BLOCK - 11 - 9).fill(1), 5);
    const log = join(first, new Uint8Array(9), record(5, bytesOf('next block'), 5));
    expect(read(log)).toEqual({ payloads: ['32748 bytes', 'next block'], damages: [] });
  });

  it('ends at a record left over from an earlier use of the file', () => {
    const log = join(record(5, bytesOf('mine'), 5), record(5, bytesOf('older'), 3));
    expect(read(log)).toEqual({ payloads: ['mine'], damages: [] });
  });

  it('reports the bytes of a torn last record as the end of the log', () => {
    const log = join(record(1, bytesOf('whole')), record(1, bytesOf('torn')).subarray(0, 9));
    expect(read(log)).toEqual({
      payloads: ['whole'],
      damages: [
        {
          path: '/omap/000005.log',
          offset: 12,
          dropped: 9,
          reason: 'end of the log: a record is longer than what is left',
          harmless: true,
        },
      ],
    });
  });

  it('reports a record whose last fragments were never written', () => {
    const { payloads, damages } = read(record(2, bytesOf('beginning')));
    expect(payloads).toEqual([]);
    expect(damages).toMatchObject([{ offset: 0, dropped: 9 }]);
    expect(damages[0]!.reason).toMatch(/^end of the log: /);
  });

  it('does not call it the end when the log is not the newest', () => {
    const torn = record(1, bytesOf('torn')).subarray(0, 9);
    const { damages } = read(torn, { newest: false });
    expect(damages[0]!.reason).toMatch(/^tail of a closed log dropped: /);
  });

  it('takes zeros up to the end of the file for space allocated ahead', () => {
    const log = join(record(1, bytesOf('all')), new Uint8Array(3 * BLOCK));
    expect(read(log)).toEqual({ payloads: ['all'], damages: [] });
  });

  it('gives up zeros without end, as a damaged size has them, and says so', () => {
    const first = record(1, bytesOf('first'));
    let reads = 0;
    const source = {
      path: 'claims',
      size: 2 ** 43,
      read: (target: Uint8Array, position: number) => {
        reads++;
        target.fill(0);
        if (position === 0) target.set(first);
        return target.length;
      },
      close: () => {},
    };
    const damages: Damage[] = [];
    const report = (damage: Damage) => damages.push(damage);
    const found: string[] = [];
    for (const { payload } of readLog(source, { number: 5, newest: true, report })) {
      found.push(Buffer.from(payload).toString());
    }
    expect(found).toEqual(['first']);
    expect(damages.map(({ reason }) => reason).join()).toContain('zeros for 268435456 bytes');
    expect(reads).toBeLessThan(2 ** 14);
  });

  it('drops a bad record with the rest of its block, and reads the next block', () => {
    const bad = record(1, bytesOf('bad'));
    bad[8]! ^= 1;
    const lost = join(bad, record(1, bytesOf('behind it')));
    const block = join(record(1, bytesOf('before')), lost);
    const pad = filler(BLOCK - block.length);
    const { payloads, damages } = read(join(block, pad, record(1, bytesOf('after'))));
    expect(payloads).toEqual(['before', 'after']);
    expect(damages).toEqual([
      {
        path: '/omap/000005.log',
        offset: 13,
        dropped: BLOCK - 13,
        reason: 'log record dropped: a record has a wrong checksum',
      },
    ]);
  });

  it('reports zeros in the middle of a log', () => {
    const log = join(record(1, bytesOf('one')), new Uint8Array(BLOCK - 10));
    const { payloads, damages } = read(join(log, record(1, bytesOf('two'))));
    expect(payloads).toEqual(['one', 'two']);
    expect(damages).toMatchObject([{ offset: 10, dropped: BLOCK - 10 }]);
  });

  it('reports fragments whose beginning is lost', () => {
    const log = join(
      record(3, bytesOf('middle')),
      record(4, bytesOf('!')),
      record(1, bytesOf('ok')),
    );
    const { payloads, damages } = read(log);
    expect(payloads).toEqual(['ok']);
    expect(damages.map((damage) => damage.dropped)).toEqual([6, 1]);
  });

  it('goes on behind blocks that cannot be read', () => {
    const log = join(filler(BLOCK), filler(BLOCK));
    const { payloads, damages } = read(log, { unreadableFrom: BLOCK });
    expect(payloads).toEqual(['32761 bytes']);
    expect(damages).toMatchObject([{ offset: BLOCK, dropped: BLOCK }]);
    expect(damages[0]!.reason).toContain('read failed');
  });

  it('leaves out the rest of a compressed log, and says so', () => {
    const log = join(record(9, bytesOf('\x07')), record(1, bytesOf('zstd')));
    const { payloads, damages } = read(log);
    expect(payloads).toEqual([]);
    expect(damages).toMatchObject([{ offset: 0, dropped: log.length }]);
  });

  it('skips records of unknown types that may be skipped', () => {
    const log = join(record(130, bytesOf('?')), record(10, bytesOf('?')), record(1, bytesOf('ok')));
    expect(read(log)).toEqual({ payloads: ['ok'], damages: [] });
  });
});
