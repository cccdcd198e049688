import { ByteReader } from '../../../bytes/byte-reader.ts';
import { cephCrc32c } from '../../../bytes/crc32c.ts';
import type { JournalRing } from './ring.ts';

/** An entry of the journal. docs/formats/filestore-journal.md, "Entry". */
export interface JournalEntry {
  seq: number;
  /** position of the entry, where its head lies */
  at: number;
  /** position of the payload, which may be behind the ring's end */
  payload: number;
  length: number;
  crc: number;
  /** position of the next entry, in the ring */
  next: number;
}

export const ENTRY_HEAD_BYTES = 40;
/** Heads lie in front of what is read next. */
const HEAD_AHEAD = 4096;
const CRC_PIECE = 1 << 20;

/** The head at a position, undefined where there is none of this journal's. @throws SOURCE_IO */
export function readEntryHead(ring: JournalRing, at: number): JournalEntry | undefined {
  const bytes = ring.bytes(at, ENTRY_HEAD_BYTES, HEAD_AHEAD);
  return decodeEntryHead(bytes, at, ring);
}

/** The same from bytes. */
export function decodeEntryHead(
  bytes: Uint8Array,
  at: number,
  ring: JournalRing,
): JournalEntry | undefined {
  const reader = new ByteReader(bytes, 'journal entry');
  const seq = reader.u64();
  const crc = reader.u32();
  const length = reader.u32();
  const prePad = reader.u32();
  const postPad = reader.u32();
  if (reader.u64() !== BigInt(at)) return undefined;
  if (reader.u64() !== BigInt.asUintN(64, ring.header.fsidLow ^ seq ^ BigInt(length)))
    return undefined;
  const total = 2 * ENTRY_HEAD_BYTES + prePad + length + postPad;
  if (total > ring.length || seq === 0n || seq > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const payload = at + ENTRY_HEAD_BYTES + prePad;
  return { seq: Number(seq), at, payload, length, crc, next: ring.wrap(at + total) };
}

/** Does it end with a copy of its head, as an entry does that was written to its end? */
export function hasFoot(ring: JournalRing, entry: JournalEntry): boolean {
  const head = Buffer.from(ring.bytes(entry.at, ENTRY_HEAD_BYTES));
  const total = entry.next > entry.at ? entry.next - entry.at : entry.next + ring.length - entry.at;
  const foot = ring.bytes(entry.at + total - ENTRY_HEAD_BYTES, ENTRY_HEAD_BYTES);
  return head.equals(foot);
}

/** Is its payload what its checksum says? Reads all of it. */
export function isIntact(ring: JournalRing, { payload, length, crc }: JournalEntry): boolean {
  if (crc === 0 && !ring.header.hasCrcs) return true;
  let sum = 0;
  for (let done = 0; done < length; done += CRC_PIECE) {
    const n = Math.min(CRC_PIECE, length - done);
    sum = cephCrc32c(sum, ring.bytes(payload + done, n, readAhead(length)));
  }
  return sum === crc;
}

/** Small entries lie close together: one read serves many. In large ones most is skipped. */
const SMALL_ENTRY = 1 << 17;
const AHEAD_SMALL = 1 << 18;
const AHEAD_LARGE = 1 << 14;
export const readAhead = (entryLength: number): number =>
  entryLength < SMALL_ENTRY ? AHEAD_SMALL : AHEAD_LARGE;
