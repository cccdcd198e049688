import { ByteReader } from '../../bytes/byte-reader.ts';
import type { ByteSource } from '../../io/ports.ts';

/** GUID partition tables (UEFI specification 2.10, section 5.3): where partitions begin. */

export interface Partition {
  /** bytes */
  offset: number;
  size: number;
  /** where it is not one stretch: its stretches in order, `offset` being that of the first */
  stretches?: { offset: number; size: number }[];
}

const SIGNATURE = 'EFI PART';
/** Logical block sizes of disks. */
const SECTORS = [512, 4096];
const HEADER_BYTES = 92;
const ENTRY_MIN_BYTES = 128;
/** A table has 128 entries as a rule; more than this is damage. */
const MAX_ENTRIES = 1024;

function readEntries(device: ByteSource, header: Uint8Array, sector: number): Partition[] {
  const reader = new ByteReader(header, 'GPT header', sector);
  reader.seek(72);
  const at = reader.size() * sector;
  const count = Math.min(reader.u32(), MAX_ENTRIES);
  const entryBytes = reader.u32();
  if (entryBytes < ENTRY_MIN_BYTES || entryBytes > 4096) return [];
  const bytes = Buffer.alloc(count * entryBytes);
  const table = new ByteReader(bytes.subarray(0, device.read(bytes, at)), 'GPT entries', at);
  const partitions: Partition[] = [];
  while (table.remaining >= entryBytes) {
    const entry = table.sub(entryBytes);
    if (entry.take(16).every((byte) => byte === 0)) continue;
    entry.skip(16);
    const first = entry.size();
    const last = entry.size();
    if (last >= first) {
      partitions.push({ offset: first * sector, size: (last - first + 1) * sector });
    }
  }
  return partitions;
}

/** Partitions of a disk; none where it has no such table. @throws SOURCE_IO, CORRUPT */
export function readPartitions(device: ByteSource): Partition[] {
  for (const sector of SECTORS) {
    const header = Buffer.alloc(HEADER_BYTES);
    if (device.read(header, sector) < HEADER_BYTES) continue;
    if (header.toString('latin1', 0, SIGNATURE.length) !== SIGNATURE) continue;
    return readEntries(device, header, sector);
  }
  return [];
}
