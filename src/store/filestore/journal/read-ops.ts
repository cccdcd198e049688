import { PayloadCursor } from './cursor.ts';
import { type JournalEntry, readAhead } from './entry.ts';
import type { OpLogs } from './op-log.ts';
import type { JournalRing } from './ring.ts';
import { decodeEntryOps } from './transaction.ts';

/** Adds an entry's ops to the logs. @throws CORRUPT, UNSUPPORTED, SOURCE_IO */
export function readOps(
  ring: JournalRing,
  { seq, payload, length }: JournalEntry,
  logs: OpLogs,
): void {
  const cursor = new PayloadCursor(ring, { at: payload, length }, readAhead(length));
  decodeEntryOps(cursor, (op, transaction, index) => {
    logs.apply(op, { seq, transaction, op: index });
  });
}
