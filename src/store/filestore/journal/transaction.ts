import { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKey } from '../../../bytes/names.ts';
import { readHead, type StructHead, skipVersioned } from '../../../ceph/encoding.ts';
import { formatColl, readColl } from '../../../ceph/pg.ts';
import { isSourceFault, type SalvageError } from '../../../errors/salvage-error.ts';
import type { PayloadCursor } from './cursor.ts';
import { readArgument } from './op-argument.ts';
import { type JournalOp, MAX_OPS } from './op-codes.ts';
import type { JournalExtent } from './ring.ts';
import { decodeStreamOps } from './transaction-stream.ts';

/**
 * Transactions as they stand in an entry. docs/formats/filestore-journal.md, "Transactions".
 */

/** Bytes of an op record. */
const OP_BYTES = 72;
/** TransactionData at the end: u64 ops and four u32 */
const TAIL_BYTES = 24;
/** The layout with op records: since Infernalis, an option in Hammer. */
const RECORDS_VERSION = 9;
/** Some of the new layout were written with the old version. */
const EITHER_VERSION = 8;
const OLDEST = 5;

const NONE: JournalExtent = { at: 0, length: 0 };

/** Takes each op with its place: the transaction in the entry, the op in that. */
export type OpTaker = (op: JournalOp, transaction: number, index: number) => void;

/** Hands out all ops of an entry's payload. @throws CORRUPT, UNSUPPORTED, SOURCE_IO */
export function decodeEntryOps(payload: PayloadCursor, take: OpTaker): void {
  for (let n = 0; payload.remaining > 0; n++) {
    const { head, body } = transactionBody(payload);
    const ops = decodeTransaction(body, head.version);
    for (const [i, op] of ops.entries()) {
      if (endOf(op) > MAX_FILE) throw payload.fail(`op ${op.code} reaches to ${endOf(op)}`);
      take(op, n, i);
    }
  }
}

/** Larger files ext4 does not have. */
const MAX_FILE = 2 ** 44;
const endOf = ({ offset, destOffset, length }: JournalOp): number =>
  Math.max(offset, destOffset) + length;

function transactionBody(payload: PayloadCursor): { head: StructHead; body: PayloadCursor } {
  const head = payload.item((r) => readHead(r, 'transaction', RECORDS_VERSION));
  if (head.version < OLDEST) throw payload.fail(`version ${head.version}`);
  return { head, body: payload.sub(head.length) };
}

function decodeTransaction(body: PayloadCursor, version: number): JournalOp[] {
  if (version >= RECORDS_VERSION) return decodeRecords(body);
  const { at } = body;
  try {
    return decodeStreamOps(body, version);
  } catch (error) {
    if (version !== EITHER_VERSION || !isSourceFault(error)) throw error;
    body.at = at;
    return recordsOr(error, body);
  }
}

/** Where neither layout fits, the older one's complaint is the one that counts. */
function recordsOr(error: SalvageError, body: PayloadCursor): JournalOp[] {
  try {
    const ops = decodeRecords(body);
    if (ops.length > 0) return ops;
  } catch {
    // falls through: it is no such transaction
  }
  throw error;
}

/** A map from something to its index, turned round. Entries are raw bytes or what `decode` makes. */
function invert(
  reader: ByteReader,
  minBytes: number,
  decode: (reader: ByteReader) => string,
): string[] {
  const count = reader.count(minBytes + 4);
  const found: string[] = [];
  for (let i = 0; i < count; i++) {
    const value = decode(reader);
    const index = reader.u32();
    if (index >= count) throw reader.fail(`index ${index} of ${count}`);
    found[index] = value;
  }
  return found;
}

function rawVersioned(reader: ByteReader): string {
  const from = reader.pos;
  skipVersioned(reader);
  return binaryKey(reader.bytes.subarray(from, reader.pos));
}

/** Version 9: data | op records | collections | objects | count. */
function decodeRecords(body: PayloadCursor): JournalOp[] {
  const data = body.sub(body.u32());
  const base = body.at;
  // Copied: reading arguments moves the window.
  const rest = new ByteReader(Buffer.from(body.bytes(body.remaining)), 'transaction', base);
  const records = rest.sub(rest.u32());
  const colls = invert(rest, 1, (r) => formatColl(readColl(r)));
  const objects = invert(rest, 6, rawVersioned);
  const count = rest.sub(TAIL_BYTES).size();
  if (count * OP_BYTES > records.length || count > MAX_OPS) throw rest.fail(`${count} ops claimed`);
  const ops: JournalOp[] = [];
  for (let i = 0; i < count; i++) ops.push(readRecord(records, colls, objects, data));
  return ops;
}

function readRecord(
  r: ByteReader,
  colls: string[],
  objects: string[],
  data: PayloadCursor,
): JournalOp {
  const code = r.u32();
  const op: JournalOp = {
    code,
    coll: colls[r.u32()] ?? '',
    object: objects[r.u32()] ?? '',
    offset: r.size(),
    length: r.size(),
    destColl: colls[r.u32()] ?? '',
    destObject: objects[r.u32()] ?? '',
    destOffset: r.size(),
    argument: NONE,
    bits: 0,
    remainder: 0,
  };
  r.skip(20); // hint type, expected sizes
  op.bits = r.u32();
  op.remainder = r.u32();
  op.argument = readArgument(code, data);
  return op;
}
