import { ByteReader } from '../../../bytes/byte-reader.ts';
import { versioned } from '../../../ceph/encoding.ts';

/** Which op of the journal: entry, transaction in it, op in that. */
export interface Position {
  seq: number;
  transaction: number;
  op: number;
}

/** Negative, zero or positive as `a` comes before `b`, is `b`, or comes behind it. */
export const comparePositions = (a: Position, b: Position): number =>
  a.seq - b.seq || a.transaction - b.transaction || a.op - b.op;

/** What a file or collection already is the outcome of. docs/formats/filestore-journal.md, "Guards". */
export interface ReplayGuard {
  position: Position;
  /** the op at `position` was begun and may have been broken off */
  inProgress: boolean;
}

/** `user.cephos.seq`, or `user.cephos.gseq`, which has no flag. @throws CORRUPT */
export function decodeReplayGuard(bytes: Uint8Array): ReplayGuard {
  const reader = new ByteReader(bytes, 'replay guard');
  const position = versioned(reader, 'replay guard', 1, (body) => ({
    seq: body.size(),
    transaction: body.u32(),
    op: body.u32(),
  }));
  return { position, inProgress: reader.remaining > 0 && reader.bool() };
}

/** Is the op at `position` done already? Then it must not be done again. */
export function isDone(guard: ReplayGuard | undefined, position: Position): boolean {
  if (guard === undefined) return false;
  const order = comparePositions(guard.position, position);
  return order > 0 || (order === 0 && !guard.inProgress);
}
