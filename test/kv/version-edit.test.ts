import { describe, expect, it } from 'vitest';
import { decodeVersionEdit } from '../../src/kv/version-edit.ts';
import { bytesOf, fromHex, hex } from './memory-directory.ts';

describe('decodeVersionEdit', () => {
  // Second record of a MANIFEST of a FileStore OSD of Ceph 16.2.15 (RocksDB), with its one table.
  const NEW_FILE = `
    020a 6701 0f b9bf04
    26 5f484f424a544f5345515f002e2e2e686561642e312e303030303030303001 00000000000000
    35 5f555345525f303030303030303030303030303033375f4158415454525f005f6c6f636b2e7262645f6c6f636b
    01 00000000000000 00 00`;

  it('reads the table that FileStore compacted everything into', () => {
    const fields = '0505c4a683d806 0605eda683d806 070008 07556e6b6e6f776e 01';
    const edit = decodeVersionEdit(fromHex(NEW_FILE + fields));
    expect(edit).toMatchObject({ family: 0, logNumber: 10, familyDrop: false, deletedFiles: [] });
    expect(edit.newFiles.map(({ number, size }) => [number, size])).toEqual([[15, 73657]]);
    expect(Buffer.from(edit.newFiles[0]!.smallest.subarray(0, 12)).toString()).toBe(
      '_HOBJTOSEQ_\0',
    );
    expect(hex(edit.newFiles[0]!.largest.subarray(-8))).toBe('0100000000000000');
  });

  it('refuses a file whose fields are cut short', () => {
    expect(() => decodeVersionEdit(fromHex(`${NEW_FILE}05`))).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });

  it('reads the column family an edit adds', () => {
    const edit = decodeVersionEdit(fromHex('c801 03 c901 03 6d2d30 02 2a'));
    expect(edit).toMatchObject({ family: 3, familyAdd: 'm-0', logNumber: 42 });
  });

  it('passes over tags that may be ignored, and over no others', () => {
    // 0x2001 and a slice of 3 bytes
    expect(decodeVersionEdit(fromHex('8140 03 616263 02 07')).logNumber).toBe(7);
    expect(() => decodeVersionEdit(bytesOf('\x0c'))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });

  it('refuses a tag that does not fit 32 bits', () => {
    expect(() => decodeVersionEdit(fromHex('ffffffffff7f'))).toThrow(
      expect.objectContaining({ code: 'CORRUPT' }),
    );
  });
});
