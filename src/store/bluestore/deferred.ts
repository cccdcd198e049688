import { ByteReader } from '../../bytes/byte-reader.ts';
import { versioned } from '../../ceph/encoding.ts';
import type { DamageReporter } from '../../errors/damage.ts';
import { errorText, isSourceFault } from '../../errors/salvage-error.ts';
import { lowerBound } from '../../kv/key-order.ts';
import { type Piece, readPieces } from './packed-numbers.ts';
import type { PrefixedKv } from './prefixed-kv.ts';

/**
 * Writes that were promised but may not have reached the main device: docs/formats/bluestore.md,
 * "Deferred writes". Whoever reads object data must lay them over what the device holds.
 */

export const DEFERRED_PREFIX = 'L';
/** bluestore_deferred_op_t::OP_WRITE, the only operation there is */
const OP_WRITE = 1;
/** head, operation, no pieces, no data */
const OP_MIN_BYTES = 12;

export interface DeferredWrite {
  pieces: Piece[];
  data: Uint8Array;
}

function readOperation(reader: ByteReader): DeferredWrite {
  return versioned(reader, 'bluestore_deferred_op_t', 1, (body) => {
    const type = body.u8();
    if (type !== OP_WRITE) throw body.fail(`deferred operation ${type}`);
    const pieces = readPieces(body);
    return { pieces, data: body.blob() };
  });
}

/** Decodes a record: its writes, in the order in which they were made. @throws CORRUPT */
export function decodeDeferred(bytes: Uint8Array): DeferredWrite[] {
  const reader = new ByteReader(bytes, 'bluestore_deferred_transaction_t');
  return versioned(reader, reader.structure, 1, (body) => {
    body.skip(8); // sequence: the key has it too
    return body.list(OP_MIN_BYTES, readOperation);
  });
}

/** Bytes that belong at `offset` of the device. */
interface Patch {
  offset: number;
  bytes: Uint8Array;
}

const endOf = (patch: Patch): number => patch.offset + patch.bytes.length;

/** Writes over each other resolved: disjoint patches in device order. */
export class DeferredOverlay {
  #patches: Patch[] = [];

  get bytes(): number {
    return this.#patches.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Adds a write that comes **before** all those added so far: it fills what they leave. */
  addOlder({ pieces, data }: DeferredWrite): void {
    let at = 0;
    for (const { offset, length } of pieces) {
      if (offset >= 0) this.#fill(offset, data.subarray(at, at + length));
      at += length;
    }
  }

  #fill(offset: number, bytes: Uint8Array): void {
    const end = offset + bytes.length;
    const first = this.#firstEndingAfter(offset);
    const added: Patch[] = [];
    let from = offset;
    let i = first;
    for (; i < this.#patches.length && this.#patches[i]!.offset < end; i++) {
      const newer = this.#patches[i]!;
      if (newer.offset > from) added.push(slice(bytes, offset, from, newer.offset));
      added.push(newer);
      from = endOf(newer);
    }
    if (from < end) added.push(slice(bytes, offset, from, end));
    this.#patches.splice(first, i - first, ...added);
  }

  #firstEndingAfter(offset: number): number {
    const patches = this.#patches;
    return lowerBound(patches.length, (i) => endOf(patches[i]!) > offset);
  }

  /** Lays the writes over `target`, which holds the device's bytes from `offset` on. */
  apply(target: Uint8Array, offset: number): void {
    const end = offset + target.length;
    for (let i = this.#firstEndingAfter(offset); i < this.#patches.length; i++) {
      const patch = this.#patches[i]!;
      if (patch.offset >= end) return;
      const skip = Math.max(0, offset - patch.offset);
      const to = patch.offset + skip - offset;
      target.set(patch.bytes.subarray(skip, skip + target.length - to), to);
    }
  }
}

/** A copy: a view would keep the table block it lies in. */
const slice = (bytes: Uint8Array, base: number, from: number, to: number): Patch => ({
  offset: from,
  bytes: bytes.slice(from - base, to - base),
});

/** Reads all pending writes of an OSD; records that make no sense are reported and left out. */
export function readDeferred(kv: PrefixedKv, report: DamageReporter): DeferredOverlay {
  const records: DeferredWrite[] = [];
  for (const { key, value } of kv.iterate(DEFERRED_PREFIX)) {
    try {
      for (const write of decodeDeferred(value)) records.push(write);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const sequence = Buffer.from(key).toString('hex');
      const reason = `deferred write ${sequence} left out: ${errorText(error)}`;
      report({ path: kv.path, dropped: value.length, reason });
    }
  }
  const overlay = new DeferredOverlay();
  for (const write of records.reverse()) overlay.addOlder(write);
  return overlay;
}
