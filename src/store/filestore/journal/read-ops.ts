import { ByteReader } from '../../../bytes/byte-reader.ts';
import { binaryKeyBytes } from '../../../bytes/names.ts';
import { readGhobject } from '../../../ceph/hobject.ts';
import { PayloadCursor } from './cursor.ts';
import { type JournalEntry, readAhead } from './entry.ts';
import { BETWEEN_OBJECTS, type JournalOp, ON_OBJECT, OP } from './op-codes.ts';
import type { OpLogs } from './op-log.ts';
import type { JournalRing } from './ring.ts';
import { decodeEntryOps, type OpTaker } from './transaction.ts';

function eachOp(ring: JournalRing, { payload, length }: JournalEntry, take: OpTaker): void {
  decodeEntryOps(new PayloadCursor(ring, { at: payload, length }, readAhead(length)), take);
}

/** Adds an entry's ops to the logs. @throws CORRUPT, UNSUPPORTED, SOURCE_IO */
export function readOps(ring: JournalRing, entry: JournalEntry, logs: OpLogs): void {
  const { seq } = entry;
  eachOp(ring, entry, (op, transaction, index) => {
    logs.apply(op, { seq, transaction, op: index });
  });
}

/** Objects that an op cannot do without, as encoded. */
function objectsOf({ code, object, destObject }: JournalOp): string[] {
  if (BETWEEN_OBJECTS.has(code)) return [object, destObject];
  return ON_OBJECT.has(code) || code === OP.collAdd ? [object] : [];
}

/**
 * Reads an entry's ops for nothing but to see that they can be read.
 * @param seen objects that are known to decode
 * @throws CORRUPT, UNSUPPORTED, SOURCE_IO
 */
export function testOps(ring: JournalRing, entry: JournalEntry, seen: Set<string>): void {
  eachOp(ring, entry, (op) => {
    for (const object of objectsOf(op)) {
      if (seen.has(object)) continue;
      readGhobject(new ByteReader(binaryKeyBytes(object), 'ghobject_t'));
      seen.add(object);
    }
  });
}
