import type { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKey } from '../../../bytes/names.ts';
import { skipVersioned } from '../../../ceph/encoding.ts';
import { formatColl, readColl } from '../../../ceph/pg.ts';
import type { PayloadCursor } from './cursor.ts';
import { readArgument } from './op-argument.ts';
import { type JournalOp, MAX_OPS, OP } from './op-codes.ts';

/**
 * Transactions of Firefly and Hammer: a stream of ops with their arguments in full.
 * docs/formats/filestore-journal.md, "Stream".
 */

/**
 * Fields of each op in their order: c collection, d target collection, o object, t target object,
 * p offset, n length, q target offset, b bits, m remainder, x something that is skipped.
 */
const FIELDS: Record<number, string> = {
  [OP.nop]: '',
  [OP.startSync]: '',
  [OP.create]: 'co',
  [OP.touch]: 'co',
  [OP.write]: 'copn',
  [OP.zero]: 'copn',
  [OP.truncate]: 'cop',
  [OP.remove]: 'co',
  [OP.setattr]: 'co',
  [OP.setattrs]: 'co',
  [OP.rmattr]: 'co',
  [OP.rmattrs]: 'co',
  [OP.clone]: 'cot',
  [OP.cloneRange]: 'cotpn',
  [OP.cloneRange2]: 'cotpnq',
  [OP.trimCache]: 'copn',
  [OP.mkcoll]: 'c',
  [OP.rmcoll]: 'c',
  [OP.collAdd]: 'dco', // new collection first
  [OP.collRemove]: 'co',
  [OP.collMoveRename]: 'codt',
  [OP.tryRename]: 'cot',
  [OP.collSetattr]: 'c',
  [OP.collRmattr]: 'c',
  [OP.collSetattrs]: 'c',
  [OP.collRename]: 'cd',
  [OP.omapClear]: 'co',
  [OP.omapSetKeys]: 'co',
  [OP.omapRmKeys]: 'co',
  [OP.omapRmKeyRange]: 'co',
  [OP.omapSetHeader]: 'co',
  [OP.splitCollection]: 'cbmd',
  [OP.splitCollection2]: 'cbmd',
  [OP.setAllocHint]: 'coxx',
  [OP.collHint]: 'cb', // u32 type of the hint
};

const emptyOp = (code: number): JournalOp => ({
  ...{ code, coll: '', object: '', destColl: '', destObject: '' },
  ...{ offset: 0, length: 0, destOffset: 0, argument: { at: 0, length: 0 }, bits: 0, remainder: 0 },
});

function rawObject(reader: ByteReader): string {
  const from = reader.pos;
  skipVersioned(reader);
  return binaryKey(reader.bytes.subarray(from, reader.pos));
}

const collection = (stream: PayloadCursor): string => stream.item((r) => formatColl(readColl(r)));

const READ: Record<string, (op: JournalOp, stream: PayloadCursor) => void> = {
  c: (op, stream) => {
    op.coll = collection(stream);
  },
  d: (op, stream) => {
    op.destColl = collection(stream);
  },
  o: (op, stream) => {
    op.object = stream.item(rawObject);
  },
  t: (op, stream) => {
    op.destObject = stream.item(rawObject);
  },
  p: (op, stream) => {
    op.offset = stream.u64();
  },
  n: (op, stream) => {
    op.length = stream.u64();
  },
  q: (op, stream) => {
    op.destOffset = stream.u64();
  },
  b: (op, stream) => {
    op.bits = stream.u32();
  },
  m: (op, stream) => {
    op.remainder = stream.u32();
  },
  x: (_, stream) => {
    stream.extent(8);
  },
};

function readOp(stream: PayloadCursor): JournalOp {
  const op = emptyOp(stream.u32());
  const fields = FIELDS[op.code];
  if (fields === undefined) throw stream.fail(`op ${op.code} is none that we know`);
  for (const field of fields) READ[field]!(op, stream);
  op.argument = readArgument(op.code, stream);
  return op;
}

/** Versions 5 to 8. @throws CORRUPT */
export function decodeStreamOps(body: PayloadCursor, version: number): JournalOp[] {
  const count = body.u64();
  body.extent(8 + 12); // padding, where the largest data lies
  const stream = body.sub(body.u32());
  if (version >= 7) body.extent(1);
  if (version >= 8) body.extent(4);
  if (count * 4 > stream.remaining || count > MAX_OPS) throw stream.fail(`${count} ops claimed`);
  const ops: JournalOp[] = [];
  for (let i = 0; i < count; i++) ops.push(readOp(stream));
  if (stream.remaining > 0) throw stream.fail(`${stream.remaining} bytes behind its last op`);
  return ops;
}
