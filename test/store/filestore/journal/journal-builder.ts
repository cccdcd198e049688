import { cephCrc32c } from '../../../../src/bytes/crc32c.ts';
import { NOSNAP } from '../../../../src/ceph/encoding.ts';
import { type JournalOp, OP } from '../../../../src/store/filestore/journal/op-codes.ts';
import { blob, concat, framed, hex, u8, u32, u64 } from '../../../helpers/hex.ts';

/** Journals written as the format's definition says: docs/formats/filestore-journal.md. */

export const FSID = '02e1d83a-5ed4-42cc-abf5-a5607373d5b2';
export const BLOCK = 4096;

export interface Name {
  name: string;
  pool?: number;
  hash?: number;
  snap?: bigint;
}

/** ghobject_t as Jewel and later write it (v6), or Firefly (v5). */
export const ghobject = ({ name, pool = 2, hash = 0xb, snap = NOSNAP }: Name, version = 6) =>
  framed(
    version,
    3,
    ...[blob(''), blob(name), u64(snap), u32(hash), u8(0), blob(''), u64(BigInt(pool))],
    ...[u64(0xffffffffffffffffn), u8(0xff)],
    version >= 6 ? u8(0) : u8(0).subarray(1),
  );

/** coll_t v3: a directory name. */
export const coll = (name: string) => concat(u8(3), blob(name));

/** An op to write: names instead of indexes, what goes into the data blob as it is. */
export interface WrittenOp extends Partial<Omit<JournalOp, 'object' | 'destObject' | 'argument'>> {
  code: number;
  object?: Name;
  destObject?: Name;
  data?: Uint8Array;
}

class Table {
  readonly keys: string[] = [];
  readonly entries: Uint8Array[] = [];
  index(entry: Uint8Array | undefined): number {
    if (entry === undefined) return 0;
    const key = Buffer.from(entry).toString('hex');
    if (!this.keys.includes(key)) {
      this.keys.push(key);
      this.entries.push(entry);
    }
    return this.keys.indexOf(key);
  }
  get bytes(): Uint8Array {
    const pairs = this.entries.map((entry, i) => concat(entry, u32(i)));
    // Maps are ordered by what they map, not by index.
    return concat(u32(pairs.length), ...pairs.reverse());
  }
}

/** A transaction with op records (Infernalis and later). */
export function records(ops: readonly WrittenOp[], version = 9): Uint8Array {
  const colls = new Table();
  const objects = new Table();
  const rows = ops.map((op) =>
    concat(
      ...[u32(op.code), u32(colls.index(coll(op.coll ?? '2.b_head')))],
      u32(objects.index(op.object && ghobject(op.object))),
      ...[u64(op.offset ?? 0), u64(op.length ?? 0)],
      u32(colls.index(op.destColl === undefined ? undefined : coll(op.destColl))),
      u32(objects.index(op.destObject && ghobject(op.destObject))),
      ...[u64(op.destOffset ?? 0), u32(0), u64(0), u64(0)],
      ...[u32(op.bits ?? 0), u32(op.remainder ?? 0)],
    ),
  );
  const data = concat(...ops.map((op) => op.data ?? new Uint8Array(0)));
  const tail = concat(u64(ops.length), u32(0), u32(0), u32(0), u32(0));
  return framed(
    version,
    version,
    ...[blob(data), blob(concat(...rows)), colls.bytes, objects.bytes, tail],
  );
}

/** A transaction as a stream of ops already encoded (Firefly 7, Hammer 8). */
export const stream = (ops: readonly Uint8Array[], version: 7 | 8): Uint8Array =>
  framed(
    version,
    5,
    ...[u64(ops.length), u64(0), u32(0), u32(0), u32(0), blob(concat(...ops)), u8(0)],
    version === 8 ? u32(0) : new Uint8Array(0),
  );

/** Attributes or omap entries: map string -> blob. */
export const map = (entries: Record<string, string | Uint8Array>): Uint8Array => {
  const pairs = Object.entries(entries).map(([key, value]) => concat(blob(key), blob(value)));
  return concat(u32(pairs.length), ...pairs);
};

export const write = (
  object: Name,
  offset: number,
  data: Uint8Array | string,
  coll = '2.b_head',
) => {
  const { length } = Buffer.from(data as string);
  return { code: OP.write, coll, object, offset, length, data: blob(data) };
};

export interface JournalOptions {
  /** bytes of the ring */
  ring?: number;
  /** where the first entry lies */
  start?: number;
  firstSeq?: number;
  committedUpTo?: number;
  fsid?: string;
  hasCrcs?: boolean;
}

export interface BuiltJournal {
  bytes: Buffer;
  /** where each entry lies, and the end of the last */
  at: number[];
}

const fsidBytes = (fsid: string): Uint8Array => hex(fsid.replaceAll('-', ''));

/** A journal of entries with consecutive numbers; each is one or more transactions. */
export function journal(
  payloads: readonly Uint8Array[],
  options: JournalOptions = {},
): BuiltJournal {
  const { ring = 1 << 20, start = BLOCK, firstSeq = 101, fsid = FSID } = options;
  const end = BLOCK + ring;
  const bytes = Buffer.alloc(end);
  const id = fsidBytes(fsid);
  const committed = options.committedUpTo ?? firstSeq - 1;
  const header = concat(
    ...[u32(4), u32(64), u64(options.hasCrcs === false ? 0 : 1), id, u32(BLOCK), u32(BLOCK)],
    ...[u64(end), u64(start), u64(committed), u64(firstSeq)],
  );
  bytes.set(header);
  const at: number[] = [];
  let position = start;
  for (const [i, payload] of payloads.entries()) {
    at.push(position);
    const entry = entryBytes(position, firstSeq + i, payload, id);
    for (const byte of entry) {
      bytes[position++] = byte;
      if (position === end) position = BLOCK;
    }
  }
  at.push(position);
  return { bytes, at };
}

function entryBytes(at: number, seq: number, payload: Uint8Array, id: Uint8Array): Uint8Array {
  const postPad = (BLOCK - ((80 + payload.length) % BLOCK)) % BLOCK;
  const magic = Buffer.from(id).readBigUInt64LE() ^ BigInt(seq) ^ BigInt(payload.length);
  const head = concat(
    ...[u64(seq), u32(cephCrc32c(0, payload)), u32(payload.length), u32(0), u32(postPad)],
    ...[u64(at), u64(magic)],
  );
  return concat(head, payload, new Uint8Array(postPad), head);
}
