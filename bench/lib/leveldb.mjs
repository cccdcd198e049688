import fs from 'node:fs';
import path from 'node:path';
import { crc32c } from '@node-rs/crc32';

/** Writes a LevelDB database whose entries are all in its log: docs/formats/kv.md. */

const BLOCK = 32768;
const RECORD_HEAD = 7;

const u32 = (n) => {
  const b = Buffer.alloc(4);
  b.writeUInt32LE(n);
  return b;
};
const u64 = (n) => {
  const b = Buffer.alloc(8);
  b.writeBigUInt64LE(BigInt(n));
  return b;
};

function varint(n) {
  const bytes = [];
  for (; n > 0x7f; n >>>= 7) bytes.push((n & 0x7f) | 0x80);
  return Buffer.from([...bytes, n]);
}

const sized = (bytes) => Buffer.concat([varint(bytes.length), bytes]);

function masked(type, payload) {
  const crc = crc32c(Buffer.concat([Buffer.from([type]), payload]));
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

/** Payloads as records of a log file. */
export function logFile(payloads) {
  const out = [];
  let at = 0;
  const put = (bytes) => {
    out.push(bytes);
    at += bytes.length;
  };
  for (const payload of payloads) {
    let done = 0;
    do {
      if (BLOCK - (at % BLOCK) < RECORD_HEAD) put(Buffer.alloc(BLOCK - (at % BLOCK)));
      const room = BLOCK - (at % BLOCK) - RECORD_HEAD;
      const piece = payload.subarray(done, done + room);
      const first = done === 0;
      done += piece.length;
      const last = done === payload.length;
      const type = first ? (last ? 1 : 2) : last ? 4 : 3;
      const length = Buffer.from([piece.length & 0xff, piece.length >> 8]);
      put(Buffer.concat([u32(masked(type, piece)), length, Buffer.from([type]), piece]));
    } while (done < payload.length);
  }
  return Buffer.concat(out);
}

const LOG_NUMBER = 3;

/** @param entries [key, value] buffers */
export function writeLevelDb(directory, entries) {
  fs.mkdirSync(directory, { recursive: true });
  const batches = [];
  for (let i = 0; i < entries.length; i += 64) {
    const some = entries.slice(i, i + 64);
    const puts = some.map(([k, v]) => Buffer.concat([Buffer.from([1]), sized(k), sized(v)]));
    batches.push(Buffer.concat([u64(i + 1), u32(some.length), ...puts]));
  }
  const edit = Buffer.concat([
    ...[varint(1), sized(Buffer.from('leveldb.BytewiseComparator'))],
    ...[varint(2), varint(LOG_NUMBER), varint(9), varint(0)],
    ...[varint(3), varint(LOG_NUMBER + 1), varint(4), varint(0)],
  ]);
  fs.writeFileSync(path.join(directory, '000003.log'), logFile(batches));
  fs.writeFileSync(path.join(directory, 'MANIFEST-000002'), logFile([edit]));
  fs.writeFileSync(path.join(directory, 'CURRENT'), 'MANIFEST-000002\n');
}
