import { describe, expect, it } from 'vitest';
import { RECORD, RecordLog } from '../../src/catalog/record-log.ts';
import { bytesStorage } from './bytes-storage.ts';

const text = (log: RecordLog) =>
  log.entries.map((entry) => Buffer.from(log.payload(entry)).toString());

function written(...payloads: string[]) {
  const storage = bytesStorage();
  const log = new RecordLog(storage);
  log.prepareToAppend();
  for (const payload of payloads) log.append(RECORD.segment, Buffer.from(payload));
  return storage;
}

describe('a log', () => {
  it('gives back what was appended', () => {
    const log = new RecordLog(written('one', '', 'three'));
    expect(text(log)).toEqual(['one', '', 'three']);
    expect([log.torn, log.gaps]).toEqual([0, []]);
  });

  it.each([
    ['another file', Buffer.from('#!/bin/sh\nexit 0\nlonger than the magic')],
    ['zeros', Buffer.alloc(100)],
    ['one wrong byte', Buffer.from('x')],
    ['another version', Buffer.from('rbd-salvage cat2')],
  ])('is not %s', (_, bytes) => {
    expect(() => new RecordLog(bytesStorage(bytes))).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });

  it('cut off at any byte has the records before, and takes new ones behind them', () => {
    const { bytes } = written('one', 'two');
    const ends = [16, 16 + 24 + 3, bytes.length];
    for (let n = 0; n <= bytes.length; n++) {
      const storage = bytesStorage(bytes.subarray(0, n));
      const log = new RecordLog(storage);
      const whole = ends.filter((end) => end <= n);
      expect(text(log)).toEqual(['one', 'two'].slice(0, Math.max(0, whole.length - 1)));
      expect(log.torn).toBe(n - (whole.at(-1) ?? 0));
      log.prepareToAppend();
      log.append(RECORD.segment, Buffer.from('new'));
      const again = new RecordLog(bytesStorage(storage.bytes));
      expect(text(again)).toEqual([...text(log)]);
      expect([again.torn, text(again).at(-1)]).toEqual([0, 'new']);
    }
  });

  it('with a bad head has the records behind it, and says where the gap is', () => {
    const storage = written('one', 'two', 'three');
    storage.bytes[16 + 27 + 2]! ^= 1;
    const log = new RecordLog(storage);
    expect(text(log)).toEqual(['one', 'three']);
    expect(log.gaps).toEqual([{ entry: 1, at: 43, length: 27 }]);
    log.prepareToAppend();
    expect(storage.bytes.length).toBe(16 + 27 + 27 + 29);
  });

  it('with a bit flipped anywhere never gives a wrong payload', () => {
    const { bytes } = written('one', 'two', 'three');
    for (let at = 16; at < bytes.length; at++) {
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x40;
      const log = new RecordLog(bytesStorage(damaged));
      const read = log.entries.map((entry) => {
        try {
          return Buffer.from(log.payload(entry)).toString();
        } catch (error) {
          expect(error).toMatchObject({ code: 'CORRUPT', data: { offset: entry.at } });
          return undefined;
        }
      });
      expect(['one', 'two', 'three']).toEqual(expect.arrayContaining(read.filter(Boolean)));
      expect(read.filter(Boolean).length).toBe(2);
    }
  });

  it('does not believe a length beyond its end', () => {
    const storage = written('one', 'x'.repeat(100));
    storage.truncate(storage.size() - 1);
    expect(new RecordLog(storage).torn).toBe(24 + 99);
  });
});
