import { ByteReader } from '../../bytes/byte-reader.ts';
import { cephCrc32c } from '../../bytes/crc32c.ts';
import { uuid } from '../../ceph/encoding.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import type { BlueFsDevices } from './bluefs-file.ts';
import { replayBlueFsLog } from './bluefs-log.ts';
import { BLUEFS_DEVICE, type FoundLog } from './bluefs-superblock.ts';

/**
 * Finds BlueFS's log without its superblock, by the first transaction that every log begins with:
 * docs/formats/bluestore.md, "Without a superblock".
 */

/** BlueFS allocates multiples of this, counted from the beginning or from what is reserved there. */
const GRAIN = 64 << 10;
/** Reserved: nothing, the label, label and superblock. */
const RESERVED = [0, 4096, 8192];
const BLOCK = 4096;
const LOOK_BYTES = Math.max(...RESERVED) + BLOCK;
/** Enough for small disks and all separate devices; on a large one it is minutes, not a day. */
const SEARCHED = 64 * 2 ** 30;
/** A dying disk takes seconds over each read that fails. */
const MAX_FAILURES = 64;
/** First transactions that are followed; a real device has dozens. */
const MAX_CANDIDATES = 16384;
/** The first transaction of a compacted log lists all files. */
const MAX_TRANSACTION = 64 << 20;
/** versioned head, uuid, sequence, length of the operations */
const HEAD_BYTES = 6 + 16 + 8 + 4;
const INIT = 1;

/** A valid transaction of some BlueFS. */
interface Sighting {
  at: number;
  fsid: string;
  sequence: number;
  /** it makes a new file system, or a compacted log */
  first: boolean;
}

const looksLikeOne = (bytes: Uint8Array, at: number): boolean =>
  bytes[at] === 1 && bytes[at + 1] === 1 && at + HEAD_BYTES < bytes.length;

/** The transaction at a position; undefined where there is none, or it fails its checksum. */
function transactionAt(device: ByteSource, at: number): Sighting | undefined {
  const head = new ByteReader(readUpTo(device, at, HEAD_BYTES + 1), 'bluefs_transaction_t', at);
  if (head.remaining <= HEAD_BYTES) return undefined;
  head.skip(2);
  const length = head.u32();
  const fsid = uuid(head);
  const sequence = head.u64();
  const ops = head.u32();
  const first = sequence === 1n && head.u8() === INIT;
  if (length !== ops + HEAD_BYTES - 6 + 4 || ops > MAX_TRANSACTION) return undefined;
  if (sequence > BigInt(Number.MAX_SAFE_INTEGER)) return undefined;
  const rest = new ByteReader(readUpTo(device, at + HEAD_BYTES, ops + 4), 'bluefs_transaction_t');
  if (rest.remaining < ops + 4) return undefined;
  const valid = cephCrc32c(0xffffffff, rest.take(ops)) === rest.u32();
  return valid ? { at, fsid, sequence: Number(sequence), first } : undefined;
}

function readUpTo(device: ByteSource, at: number, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(0, Math.min(length, device.size - at)));
  return bytes.subarray(0, device.read(bytes, at));
}

/** Transactions that stand where space for a log begins: all first ones, and many others. */
function* sightings(device: ByteSource, onGap: () => void): Generator<Sighting> {
  const look = new Uint8Array(LOOK_BYTES);
  let failures = 0;
  if (device.size > SEARCHED) onGap();
  for (let base = 0; base < Math.min(device.size, SEARCHED); base += GRAIN) {
    try {
      const found = look.subarray(0, device.read(look, base));
      for (const reserved of RESERVED) {
        if (!looksLikeOne(found, reserved)) continue;
        const sighting = transactionAt(device, base + reserved);
        if (sighting !== undefined) yield sighting;
      }
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      onGap();
      if (++failures >= MAX_FAILURES) return;
    }
  }
}

interface Candidate {
  log: FoundLog;
  /** where it leads to */
  sequence: number;
}

/** A log that leads to a database; undefined for what does not, or not any more. */
function candidate(devices: BlueFsDevices, id: number, { at, fsid }: Sighting) {
  const device = devices[id]!;
  // Where its first extent ends nobody knows: it may go on as far as its transactions do.
  const length = Math.floor((device.size - at) / BLOCK) * BLOCK;
  const node = { ino: 1, size: 0, extents: [{ device: id, offset: at, length }], encoding: 0 };
  const log: FoundLog = { fsid, blockSize: BLOCK, log: node, searched: { newest: false } };
  const { directories, sequence } = replayBlueFsLog(device.path, devices, log, () => {});
  const hasDatabase = directories.get('db')?.has('CURRENT') === true;
  return hasDatabase ? { log, sequence } : undefined;
}

/**
 * The logs that lead to a database, the one that goes on longest first: what earlier compactions
 * have left over begins in the same way.
 */
export function findBlueFsLogs(devices: BlueFsDevices): FoundLog[] {
  const found: Candidate[] = [];
  const newest = new Map<string, number>();
  let tried = 0;
  // Where nobody has looked a newer one may be.
  let complete = true;
  const onGap = () => {
    complete = false;
  };
  for (const id of [BLUEFS_DEVICE.wal, BLUEFS_DEVICE.db]) {
    const device = devices[id];
    if (device === undefined) continue;
    for (const sighting of sightings(device, onGap)) {
      const { fsid, sequence } = sighting;
      newest.set(fsid, Math.max(sequence, newest.get(fsid) ?? 0));
      if (!sighting.first) continue;
      if (++tried > MAX_CANDIDATES) {
        onGap();
        continue;
      }
      const log = candidate(devices, id, sighting);
      if (log !== undefined) found.push(log);
    }
  }
  return found
    .sort((a, b) => b.sequence - a.sequence)
    .map(({ log, sequence }) => ({
      ...log,
      searched: { newest: complete && sequence >= newest.get(log.fsid)! },
    }));
}

/** Does a log that was found earlier still begin where it did? */
export function isLogThere(devices: BlueFsDevices, { fsid, log }: FoundLog): boolean {
  const [first] = log.extents;
  const device = first && devices[first.device];
  if (device === undefined) return false;
  try {
    return transactionAt(device, first!.offset)?.fsid === fsid;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return false;
  }
}
