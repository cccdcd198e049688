import { ByteReader } from '../bytes/byte-reader.ts';
import { type Utime, utime, versioned } from '../ceph/encoding.ts';
import { readSnapshotNamespace, type SnapshotNamespace } from './snapshot.ts';

/** What a journal entry asks to be done to the image. Offsets and lengths are image bytes. */
export type JournalEvent =
  | { type: 'discard'; offset: number; length: number; granularity: number }
  | { type: 'write'; offset: number; length: number; data: Uint8Array }
  | { type: 'write-same'; offset: number; length: number; pattern: Uint8Array }
  | {
      type: 'compare-and-write';
      offset: number;
      length: number;
      compare: Uint8Array;
      data: Uint8Array;
    }
  | { type: 'flush' }
  | { type: 'operation-finished'; opTid: bigint; result: number }
  | SnapshotEvent
  | { type: 'snap-rename'; opTid: bigint; snapId: bigint; name: Uint8Array }
  | { type: 'rename'; opTid: bigint; name: Uint8Array }
  | { type: 'resize'; opTid: bigint; size: number }
  | { type: 'flatten'; opTid: bigint }
  | { type: 'snap-limit'; opTid: bigint; limit: bigint }
  | { type: 'update-features'; opTid: bigint; features: bigint; enabled: boolean }
  | { type: 'metadata-set'; opTid: bigint; key: Uint8Array; value: Uint8Array }
  | { type: 'metadata-remove'; opTid: bigint; key: Uint8Array }
  | { type: 'demote-promote' }
  | { type: 'unknown'; code: number };

export interface SnapshotEvent {
  type: 'snap-create' | 'snap-remove' | 'snap-protect' | 'snap-unprotect' | 'snap-rollback';
  opTid: bigint;
  name: Uint8Array;
  namespace: SnapshotNamespace;
}

export interface TimedJournalEvent {
  event: JournalEvent;
  /** when it was written */
  timestamp: Utime | undefined;
}

type EventDecoder = (r: ByteReader, v: number) => JournalEvent;

const snapshotEvent =
  (type: SnapshotEvent['type']): EventDecoder =>
  (r, v) => ({
    type,
    opTid: r.u64(),
    name: r.blob(),
    // v3 had it for creation only.
    namespace: hasNamespace(type, v) ? readSnapshotNamespace(r) : { type: 'user' },
  });

const hasNamespace = (type: SnapshotEvent['type'], v: number): boolean =>
  v >= 4 || (v === 3 && type === 'snap-create');

function readDiscard(r: ByteReader, v: number): JournalEvent {
  const offset = r.size();
  const length = r.size();
  if (v >= 4) r.bool(); // skip partial objects: superseded by the granularity
  return { type: 'discard', offset, length, granularity: v >= 5 ? r.u32() : 0 };
}

function readOperationFinished(r: ByteReader): JournalEvent {
  const opTid = r.u64();
  r.skip(8); // the same once more
  return { type: 'operation-finished', opTid, result: r.s32() };
}

/** By event code, in its order; codes and fields as of 16.2. */
const DECODERS: readonly EventDecoder[] = [
  readDiscard,
  (r) => ({ type: 'write', offset: r.size(), length: r.size(), data: r.blob() }),
  () => ({ type: 'flush' }),
  readOperationFinished,
  snapshotEvent('snap-create'),
  snapshotEvent('snap-remove'),
  (r) => ({ type: 'snap-rename', opTid: r.u64(), name: r.blob(), snapId: r.u64() }),
  snapshotEvent('snap-protect'),
  snapshotEvent('snap-unprotect'),
  snapshotEvent('snap-rollback'),
  (r) => ({ type: 'rename', opTid: r.u64(), name: r.blob() }),
  (r) => ({ type: 'resize', opTid: r.u64(), size: r.size() }),
  (r) => ({ type: 'flatten', opTid: r.u64() }),
  () => ({ type: 'demote-promote' }),
  (r) => ({ type: 'snap-limit', opTid: r.u64(), limit: r.u64() }),
  (r) => ({ type: 'update-features', opTid: r.u64(), features: r.u64(), enabled: r.bool() }),
  (r) => ({ type: 'metadata-set', opTid: r.u64(), key: r.blob(), value: r.blob() }),
  (r) => ({ type: 'metadata-remove', opTid: r.u64(), key: r.blob() }),
  (r) => ({ type: 'write-same', offset: r.size(), length: r.size(), pattern: r.blob() }),
  (r) => ({
    type: 'compare-and-write',
    offset: r.size(),
    length: r.size(),
    compare: r.blob(),
    data: r.blob(),
  }),
];

function readEvent(r: ByteReader, v: number): JournalEvent {
  const code = r.u32();
  return DECODERS[code]?.(r, v) ?? { type: 'unknown', code };
}

const readTimestamp = (reader: ByteReader): Utime | undefined =>
  reader.remaining === 0 ? undefined : versioned(reader, 'journal event metadata', 1, utime);

/** A write whose length is not that of its bytes must not be applied. */
function checkLength(reader: ByteReader, event: JournalEvent): void {
  const isWrite = event.type === 'write' || event.type === 'compare-and-write';
  if (isWrite && event.data.length !== event.length) {
    throw reader.fail(`${event.length} bytes announced, ${event.data.length} are there`);
  }
  if (event.type === 'write-same' && event.pattern.length === 0) {
    throw reader.fail('the pattern is empty');
  }
}

/**
 * Decodes the data of a journal entry (`docs/formats/rbd.md`, "Journal").
 * @throws CORRUPT, or UNSUPPORTED when a later release wrote it
 */
export function parseJournalEvent(data: Uint8Array): TimedJournalEvent {
  const reader = new ByteReader(data, 'journal event');
  const event = versioned(reader, 'journal event', 5, readEvent);
  checkLength(reader, event);
  return { event, timestamp: readTimestamp(reader) };
}
