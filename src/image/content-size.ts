/**
 * How large a disk says it is, by what stands at its start. Facts are those of the formats' public
 * definitions; offsets in bytes.
 */
export interface ContentSize {
  bytes: number;
  /** a partition table that spans the disk tells its exact size; a file system may be smaller */
  exact: boolean;
  what: string;
}

/** Bytes at the start of an image that all of these fit into. */
export const CONTENT_BYTES = 65536 + 4096;
const SECTOR = 512;

const text = (b: Buffer, at: number, n: number): string => b.toString('latin1', at, at + n);

/** GPT: header in sector 1; the backup header's sector, at 32, is the disk's last. */
function gpt(b: Buffer): ContentSize | undefined {
  if (text(b, SECTOR, 8) !== 'EFI PART') return undefined;
  const last = Number(b.readBigUInt64LE(SECTOR + 32));
  return { bytes: (last + 1) * SECTOR, exact: true, what: 'GPT partition table' };
}

/** MBR: four entries of 16 bytes at 446; first sector at 8 and sectors at 12 of each. */
function mbr(b: Buffer): ContentSize | undefined {
  if (b.readUInt16LE(510) !== 0xaa55) return undefined;
  let end = 0;
  for (let at = 446; at < 510; at += 16) {
    if (b[at + 4] === 0 || (b[at]! & 0x7f) !== 0) continue;
    end = Math.max(end, b.readUInt32LE(at + 8) + b.readUInt32LE(at + 12));
  }
  return end === 0 ? undefined : { bytes: end * SECTOR, exact: false, what: 'MBR partition table' };
}

/** ext2/3/4: superblock at 1024, magic 0xef53 at 56, blocks at 4 (high half at 336), 1024 << log at 24 */
function ext(b: Buffer): ContentSize | undefined {
  if (b.readUInt16LE(1024 + 56) !== 0xef53) return undefined;
  const log = b.readUInt32LE(1024 + 24);
  if (log > 6) return undefined;
  const has64 = (b.readUInt32LE(1024 + 96) & 0x80) !== 0;
  const blocks = b.readUInt32LE(1024 + 4) + (has64 ? b.readUInt32LE(1024 + 336) * 2 ** 32 : 0);
  return { bytes: blocks * 1024 * 2 ** log, exact: false, what: 'ext2/3/4 file system' };
}

/** XFS: big-endian, magic XFSB, block size at 4, blocks at 8 */
function xfs(b: Buffer): ContentSize | undefined {
  if (text(b, 0, 4) !== 'XFSB') return undefined;
  return {
    bytes: Number(b.readBigUInt64BE(8)) * b.readUInt32BE(4),
    exact: false,
    what: 'XFS file system',
  };
}

/** btrfs: superblock at 65536, magic at 64, total bytes at 112 */
function btrfs(b: Buffer): ContentSize | undefined {
  if (text(b, 65536 + 64, 8) !== '_BHRfS_M') return undefined;
  return { bytes: Number(b.readBigUInt64LE(65536 + 112)), exact: false, what: 'btrfs file system' };
}

/** NTFS: OEM id at 3, bytes per sector at 11, total sectors at 40 (one less than the partition has) */
function ntfs(b: Buffer): ContentSize | undefined {
  if (text(b, 3, 8) !== 'NTFS    ') return undefined;
  const sectors = Number(b.readBigUInt64LE(40)) + 1;
  return { bytes: sectors * b.readUInt16LE(11), exact: false, what: 'NTFS file system' };
}

/** LVM: label in sector 1, PV header at the offset that stands at 20 of it: 32 bytes of uuid, u64 size */
function lvm(b: Buffer): ContentSize | undefined {
  if (text(b, SECTOR, 8) !== 'LABELONE') return undefined;
  const header = SECTOR + b.readUInt32LE(SECTOR + 20);
  if (header + 40 > b.length) return undefined;
  return {
    bytes: Number(b.readBigUInt64LE(header + 32)),
    exact: true,
    what: 'LVM physical volume',
  };
}

const PROBES = [gpt, lvm, ext, xfs, btrfs, ntfs, mbr];

/** What the first bytes of an image (`CONTENT_BYTES` of them, zero-padded) say of its size. */
export function contentSize(start: Uint8Array): ContentSize | undefined {
  const b = Buffer.alloc(CONTENT_BYTES);
  b.set(start.subarray(0, CONTENT_BYTES));
  for (const probe of PROBES) {
    const found = probe(b);
    if (found !== undefined && found.bytes > 0 && Number.isSafeInteger(found.bytes)) return found;
  }
  return undefined;
}
