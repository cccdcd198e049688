import { ByteReader } from '../bytes/byte-reader.ts';
import { bytesEqual } from '../bytes/names.ts';
import { checkOrder } from './striping.ts';

export interface SnapshotV1 {
  id: bigint;
  name: Uint8Array;
  /** image size in bytes when it was taken */
  size: number;
}

/** The header of an image of format 1: no clones, no features, no striping. */
export interface ImageHeaderV1 {
  /** a migration has made this image its source */
  migrating: boolean;
  /** data object names without the dot and the object number */
  objectPrefix: Uint8Array;
  /** log2 of the object size in bytes */
  order: number;
  /** bytes of the head */
  size: number;
  snapSeq: bigint;
  /** ascending by id, unlike on disk */
  snapshots: SnapshotV1[];
}

/** What a format 1 header begins with, and what a migration writes in its place. */
const TEXT = Buffer.from('<<< Rados Block Device Image >>>\n');
const MIGRATING_TEXT = Buffer.from('<<< Migrating RBD Image      >>>\n');
/** 40 bytes for the text and 24 for the block name, both NUL padded */
const TEXT_BYTES = 40;
const BLOCK_NAME_BYTES = 24;
const SIGNATURE = Buffer.from('RBD\0');
/** u64 id and u64 size */
const SNAPSHOT_BYTES = 16;

const startsWith = (bytes: Uint8Array, text: Uint8Array): boolean =>
  bytesEqual(bytes.subarray(0, text.length), text);

function untilNul(padded: Uint8Array): Uint8Array {
  const end = padded.indexOf(0);
  return end < 0 ? padded : padded.subarray(0, end);
}

/** Whether an object's first bytes are a format 1 header's (33 bytes are enough to tell). */
export const isHeaderV1 = (bytes: Uint8Array): boolean =>
  startsWith(bytes, TEXT) || startsWith(bytes, MIGRATING_TEXT);

function readText(reader: ByteReader): boolean {
  const text = reader.take(TEXT_BYTES);
  if (isHeaderV1(text)) return startsWith(text, MIGRATING_TEXT);
  reader.seek(0);
  throw reader.fail('the text that begins a header is not there');
}

function readBlockName(reader: ByteReader): Uint8Array {
  const name = untilNul(reader.take(BLOCK_NAME_BYTES));
  if (name.length === 0) throw reader.fail('the block name is empty');
  return name;
}

function readSnapshotCount(reader: ByteReader): number {
  const count = reader.u32();
  reader.skip(4); // reserved
  return count;
}

function readSnapshots(reader: ByteReader, count: number): SnapshotV1[] {
  const namesLength = reader.size();
  if (count * SNAPSHOT_BYTES > reader.remaining) {
    throw reader.fail(`${count} snapshots claimed, ${reader.remaining} bytes remain`);
  }
  const records = reader.sub(count * SNAPSHOT_BYTES);
  const names = reader.sub(namesLength);
  const snapshots: SnapshotV1[] = [];
  for (let i = 0; i < count; i++) {
    snapshots.push({ id: records.u64(), size: records.size(), name: readName(names) });
  }
  return snapshots.sort((a, b) => (a.id < b.id ? -1 : 1));
}

function readName(names: ByteReader): Uint8Array {
  const end = names.bytes.indexOf(0, names.pos);
  if (end < 0) throw names.fail('a snapshot name has no end');
  const name = names.take(end - names.pos);
  names.skip(1);
  return name;
}

/**
 * Decodes the data of an object `<image name>.rbd` (`docs/formats/rbd.md`, "Format 1 header").
 * @throws CORRUPT
 */
export function parseHeaderV1(bytes: Uint8Array): ImageHeaderV1 {
  const reader = new ByteReader(bytes, 'rbd format 1 header');
  const migrating = readText(reader);
  const objectPrefix = readBlockName(reader);
  if (!bytesEqual(reader.take(4), SIGNATURE)) throw reader.fail('the signature RBD is not there');
  reader.skip(8); // version, "001.005" in all releases
  const order = checkOrder(reader, reader.u8());
  reader.skip(3); // encryption, compression and a spare byte: never used
  const size = reader.size();
  const snapSeq = reader.u64();
  const snapshots = readSnapshots(reader, readSnapshotCount(reader));
  return { migrating, objectPrefix, order, size, snapSeq, snapshots };
}
