import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { decodePgLogEntry, isDeletion, LOG_OPS } from '../../src/ceph/pg-log.ts';
import { blob, concat, framed, patched, u8, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { LOG_CLONE, LOG_DELETE, LOG_ERROR, LOG_MODIFY } from './samples.ts';
import { hobject, list, opaque, reqid, time, version } from './structures.ts';

const nothing = new Uint8Array(0);
const sealed = (entry: Uint8Array): Uint8Array => concat(blob(entry), u32(cephCrc32c(0, entry)));

/** pg_log_entry_t of version `v`. The slot before the request is 3'3; op 5 has 2'2 after mtime. */
function entryOf(v: number, op: number, snaps: Uint8Array = nothing): Uint8Array {
  const from = (since: number, ...parts: Uint8Array[]) => (v >= since ? concat(...parts) : nothing);
  return framed(
    v,
    4,
    concat(u32(op), hobject({ name: 'a', hash: 9 }), version(5, 6), version(3, 3)),
    concat(reqid, time(1500000000), op === 5 ? version(2, 2) : nothing),
    from(7, blob(snaps)),
    from(8, u64(4)),
    from(9, opaque),
    from(10, u32(0)),
    from(11, op === 10 ? u32(-2) : nothing),
    from(12, u32(0)),
    from(13, opaque),
    from(14, u32(0), op === 10 ? nothing : u32(0)),
  );
}

describe('real log entries', () => {
  it('reads the creation of an object', () => {
    const entry = decodePgLogEntry(LOG_MODIFY);
    expect(entry).toMatchObject({
      op: 'modify',
      object: { hash: 0x22a228f8, pool: 2 },
      version: { epoch: 21, version: 1n },
      priorVersion: { epoch: 0, version: 0n },
      mtime: { seconds: 1795216108, nanoseconds: 915842902 },
      snaps: [],
      userVersion: 1n,
    });
    expect(Buffer.from(entry.object.name).toString()).toBe(
      'rbd_data.102bd35b39f5.0000000000000003',
    );
    expect(entry.revertingTo).toBeUndefined();
  });

  it('reads a clone and the snapshots it serves', () => {
    expect(decodePgLogEntry(LOG_CLONE)).toMatchObject({
      op: 'clone',
      object: { snap: 6n },
      version: { epoch: 24, version: 43n },
      priorVersion: { epoch: 22, version: 37n },
      snaps: [6n, 5n],
      userVersion: 37n,
    });
  });

  it('tells deletions from failed requests', () => {
    const deletion = decodePgLogEntry(LOG_DELETE);
    expect(deletion).toMatchObject({ op: 'delete', version: { epoch: 21, version: 24n } });
    expect(isDeletion(deletion)).toBe(true);
    const failed = decodePgLogEntry(LOG_ERROR);
    expect(failed).toMatchObject({ op: 'error', version: { epoch: 29, version: 51n } });
    expect(isDeletion(failed)).toBe(false);
  });

  it('calls every truncation and lie damage', () => {
    for (const bytes of [LOG_MODIFY, LOG_CLONE, LOG_ERROR]) {
      expectTruncationsCorrupt(decodePgLogEntry, bytes);
      expectSurvivesLies(decodePgLogEntry, bytes);
    }
  });

  it('refuses an entry whose bytes do not match their crc', () => {
    for (let at = 4; at < LOG_DELETE.length; at++) {
      const bent = patched(LOG_DELETE, at, u8(LOG_DELETE[at]! ^ 1));
      expect(() => decodePgLogEntry(bent)).toThrow('pg_log_entry_t: crc mismatch');
    }
  });
});

describe('log entries of other releases', () => {
  it.each([7, 8, 9, 10, 11, 12, 13, 14, 15])('reads version %i', (v) => {
    expect(decodePgLogEntry(sealed(entryOf(v, 1)))).toMatchObject({
      op: 'modify',
      version: { epoch: 5, version: 6n },
      priorVersion: { epoch: 3, version: 3n },
      mtime: { seconds: 1500000000 },
      userVersion: v >= 8 ? 4n : 6n,
    });
  });

  it.each([9, 10, 11])('reads a clone of version %i', (v) => {
    const entry = decodePgLogEntry(sealed(entryOf(v, 2, list(u64(9), u64(7)))));
    expect(entry).toMatchObject({ op: 'clone', snaps: [9n, 7n], userVersion: 4n });
  });

  it.each([9, 10, 14])('swaps the versions of a reverted object in version %i', (v) => {
    expect(decodePgLogEntry(sealed(entryOf(v, 5)))).toMatchObject({
      op: 'lostRevert',
      revertingTo: { epoch: 3, version: 3n },
      priorVersion: { epoch: 2, version: 2n },
      userVersion: 4n,
    });
  });

  it('names every op and refuses others', () => {
    const names = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10].map(
      (op) => decodePgLogEntry(sealed(entryOf(14, op))).op,
    );
    expect(names).toEqual(Object.values(LOG_OPS));
    expect(names.indexOf('lostDelete')).toBe(5);
    expect(isDeletion(decodePgLogEntry(sealed(entryOf(14, 6))))).toBe(true);
    expect(() => decodePgLogEntry(sealed(entryOf(14, 11)))).toThrow('unknown op 11');
  });
});
