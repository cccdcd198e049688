import { describe, expect, it } from 'vitest';
import { parseTrash, parseTrashRecord } from '../../src/rbd/trash.ts';
import { bytes, expectFlipsSurvived, expectTruncationsCorrupt, hex, omap } from './helpers.ts';

// A pool's trash (16.2): one image moved there for two days, one that is a migration's source.
const USER = '020118000000000200000074726946016b01608d0869e9036b01608d0800';
const MIGRATION = '02011a00000002040000006d7372636a46016b8a7a0f216a46016b8a7a0f2100';

describe('parseTrash', () => {
  it('reads what was put there and by whom', () => {
    const trash = parseTrash(
      omap({ id_1041d6d79820: USER, id_1045f41b6ef7: MIGRATION, other: '' }),
    );
    expect(trash.problems).toEqual([]);
    expect(trash.images).toEqual([
      {
        id: '1041d6d79820',
        name: bytes('tr'),
        source: 'user',
        deletedAt: { seconds: 0x6b014669, nanoseconds: 0x088d6001 },
        defermentEnd: { seconds: 0x6b014669 + 2 * 86400, nanoseconds: 0x088d6001 },
        state: 0,
      },
      expect.objectContaining({ id: '1045f41b6ef7', name: bytes('msrc'), source: 'migration' }),
    ]);
  });
  it('reads v1, which has no state', () => {
    const v1 = hex('0101 17000000 00 02000000 7472 6946016b01608d08 69e9036b01608d08');
    expect(parseTrashRecord('x', v1)).toMatchObject({ name: bytes('tr'), state: 0 });
  });
  it('goes on after a broken record and says so', () => {
    const trash = parseTrash(omap({ id_a: '0201ff', id_b: USER }));
    expect(trash.images.map((image) => image.id)).toEqual(['b']);
    expect(trash.problems[0]).toMatch(/^id_a: rbd trash record: need 4 bytes/);
  });
  it('refuses every truncation and survives any byte', () => {
    const parse = (value: Uint8Array) => parseTrashRecord('x', value);
    expectTruncationsCorrupt(hex(MIGRATION), parse);
    expectFlipsSurvived(hex(MIGRATION), parse);
  });
});
