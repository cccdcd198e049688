import { describe, expect, it } from 'vitest';
import { CONTENT_BYTES, contentSize } from '../../src/image/content-size.ts';
import { concat, hex, u32, u64 } from '../helpers/hex.ts';

/** The start of a disk: bytes at offsets, zeros between. */
function disk(...parts: [at: number, bytes: Uint8Array][]): Buffer {
  const bytes = Buffer.alloc(CONTENT_BYTES);
  for (const [at, part] of parts) bytes.set(part, at);
  return bytes;
}
const MIB = 1 << 20;
const MBR_MAGIC = hex('55aa');

/** A partition entry: status, CHS start, type, CHS end, first sector, sectors. */
const entry = (type: number, first: number, sectors: number, status = 0) =>
  concat(Uint8Array.of(status, 0, 2, 0, type, 0xff, 0xff, 0xff), u32(first), u32(sectors));

/** UEFI 2.10, table 5-5: revision 1.0, header size, CRC, reserved, MyLBA 1, AlternateLBA, first and last usable. */
const gptHeader = (lastSector: number) =>
  concat(
    Buffer.from('EFI PART'),
    hex('00000100 5c000000 12345678 00000000'),
    ...[1, lastSector, 34, lastSector - 33].map((lba) => u64(lba)),
  );

/** ext4's superblock: s_blocks_count_lo, s_log_block_size, s_magic, s_feature_incompat, s_blocks_count_hi. */
const ext = (blocks: number, log: number, incompat = 0x2c2, high = 0): [number, Uint8Array][] => [
  [1024 + 4, u32(blocks)],
  [1024 + 24, u32(log)],
  [1024 + 56, hex('53ef')],
  [1024 + 96, u32(incompat)],
  [1024 + 336, u32(high)],
];

describe('contentSize', () => {
  it('is what the backup header of a GPT says, to the byte', () => {
    // A disk of 64 MiB: 131072 sectors, the last is 131071.
    const bytes = disk([512, gptHeader(131071)]);
    expect(contentSize(bytes)).toEqual({
      bytes: 64 * MIB,
      exact: true,
      what: 'GPT partition table',
    });
  });

  it('believes a GPT before the protective MBR in front of it', () => {
    const bytes = disk(
      [446, entry(0xee, 1, 0xffffffff)],
      [510, MBR_MAGIC],
      [512, gptHeader(131071)],
    );
    expect(contentSize(bytes)).toMatchObject({ bytes: 64 * MIB, exact: true });
  });

  it('reaches to the end of the last partition of an MBR', () => {
    const bytes = disk(
      [
        446,
        concat(entry(0x83, 2048, 18432, 0x80), entry(0x82, 40960, 2048), entry(0x83, 20480, 20480)),
      ],
      [510, MBR_MAGIC],
    );
    expect(contentSize(bytes)).toEqual({
      bytes: 43008 * 512,
      exact: false,
      what: 'MBR partition table',
    });
  });

  it('takes no boot sector without partitions for a partition table', () => {
    expect(contentSize(disk([0, hex('eb3c90')], [510, MBR_MAGIC]))).toBeUndefined();
    // entries of type 0 are unused, and a status is 00 or 80
    expect(contentSize(disk([446, entry(0, 5, 5)], [510, MBR_MAGIC]))).toBeUndefined();
    expect(contentSize(disk([446, entry(0x83, 5, 5, 0x12)], [510, MBR_MAGIC]))).toBeUndefined();
    expect(contentSize(disk([446, entry(0x83, 2048, 100)]))).toBeUndefined();
  });

  it.each([
    [8192, 0, 1024],
    [24576, 2, 4096],
    [10, 6, 65536],
  ])('counts %i blocks of an ext file system, log %i, as %i bytes each', (blocks, log, size) => {
    const found = contentSize(disk(...ext(blocks, log)));
    expect(found).toEqual({ bytes: blocks * size, exact: false, what: 'ext2/3/4 file system' });
  });

  it('adds the high half of the block count only with feature 64bit', () => {
    expect(contentSize(disk(...ext(16, 2, 0x2c2, 1)))?.bytes).toBe((2 ** 32 + 16) * 4096);
    expect(contentSize(disk(...ext(16, 2, 0x242, 1)))?.bytes).toBe(16 * 4096);
  });

  it('knows no ext file system by a block size that there is not', () => {
    expect(contentSize(disk(...ext(16, 7)))).toBeUndefined();
  });

  it('reads XFS, which is big-endian', () => {
    // sb_magicnum, sb_blocksize 4096, sb_dblocks 76800
    const bytes = disk([0, hex('58465342 00001000 0000000000012c00')]);
    expect(contentSize(bytes)).toEqual({ bytes: 300 * MIB, exact: false, what: 'XFS file system' });
  });

  it('reads btrfs, whose superblock is 64 KiB in', () => {
    const bytes = disk([65536 + 64, Buffer.from('_BHRfS_M')], [65536 + 112, u64(110 * MIB)]);
    expect(contentSize(bytes)).toEqual({
      bytes: 110 * MIB,
      exact: false,
      what: 'btrfs file system',
    });
  });

  it('reads NTFS, whose partition has one sector more than it counts', () => {
    const bytes = disk(
      [3, Buffer.from('NTFS    ')],
      [11, hex('0002')],
      [40, u64(20479)],
      [510, MBR_MAGIC],
    );
    expect(contentSize(bytes)).toEqual({ bytes: 10 * MIB, exact: false, what: 'NTFS file system' });
  });

  it('reads the device size of an LVM physical volume', () => {
    // label_header: id, sector 1, crc, offset of the PV header, type; then uuid and device size
    const label = concat(Buffer.from('LABELONE'), u64(1), u32(0), u32(32), Buffer.from('LVM2 001'));
    const uuid = Buffer.from('zZ1AbcDeFgHiJkLmNoPqRsTuVwXyZ012');
    const bytes = disk([512, concat(label, uuid, u64(64 * MIB))]);
    expect(contentSize(bytes)).toEqual({
      bytes: 64 * MIB,
      exact: true,
      what: 'LVM physical volume',
    });
    const beyond = disk([512, concat(label.subarray(0, 20), u32(0xfffffff0), uuid)]);
    expect(contentSize(beyond)).toBeUndefined();
  });

  it('says nothing of zeros, of unknown bytes and of an empty start', () => {
    expect(contentSize(disk())).toBeUndefined();
    expect(contentSize(new Uint8Array(0))).toBeUndefined();
    expect(contentSize(Buffer.alloc(CONTENT_BYTES * 2, 0x5a))).toBeUndefined();
  });

  it('says nothing where the size is none that can be', () => {
    expect(
      contentSize(disk([512, Buffer.from('EFI PART')], [512 + 32, u64(0xffffffffffffffffn)])),
    ).toBeUndefined();
    expect(contentSize(disk([0, Buffer.from('XFSB')]))).toBeUndefined();
    expect(contentSize(disk(...ext(0, 2)))).toBeUndefined();
  });

  it('survives a start cut short at any byte', () => {
    const whole = disk(
      [446, entry(0x83, 2048, 18432)],
      [510, MBR_MAGIC],
      [512, gptHeader(131071)],
      ...ext(16, 2),
    );
    for (let cut = 0; cut < 2048; cut++) {
      const found = contentSize(whole.subarray(0, cut));
      expect(found === undefined || Number.isSafeInteger(found.bytes)).toBe(true);
    }
  });
});
