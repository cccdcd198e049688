/**
 * Record headers of the streams that `rbd import-diff` (v1) and `rbd import --export-format 2` read.
 * See `docs/formats/rbd.md`, "Export formats". Data bytes follow a `dataRecord`, written by the caller.
 */

const text = (value: string): Uint8Array => Buffer.from(value, 'latin1');

export const DIFF_V1_BANNER = text('rbd diff v1\n');
export const IMAGE_V2_BANNER = text('rbd image v2\n');
export const IMAGE_DIFFS_V2_BANNER = text('rbd image diffs v2\n');
export const DIFF_V2_BANNER = text('rbd diff v2\n');

/** 1: no lengths; 2: every record but `e` says its length, so that readers can skip it. */
export type DiffVersion = 1 | 2;

function u32(value: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
}

function u64(value: number | bigint): Uint8Array {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

const string = (bytes: Uint8Array): Uint8Array => Buffer.concat([u32(bytes.length), bytes]);

/** A record with `following` more bytes counted in its length that the caller writes. */
function record(version: DiffVersion, tag: string, payload: Uint8Array, following = 0): Uint8Array {
  const length = version === 1 ? new Uint8Array(0) : u64(payload.length + following);
  return Buffer.concat([text(tag), length, payload]);
}

/** `f`: the snapshot that the diff starts from; left out of a full diff. */
export const fromSnapshotRecord = (version: DiffVersion, name: Uint8Array): Uint8Array =>
  record(version, 'f', string(name));

/** `t`: the snapshot that the diff leads to; left out when that is the head. */
export const toSnapshotRecord = (version: DiffVersion, name: Uint8Array): Uint8Array =>
  record(version, 't', string(name));

/**
 * `p`, v2 only, behind `t`: whether that snapshot is protected. The length says 8 where one byte
 * follows; `rbd import` counts on both.
 */
export const protectionRecord = (isProtected: boolean): Uint8Array =>
  Buffer.concat([text('p'), u64(8), Uint8Array.of(isProtected ? 1 : 0)]);

/** `s`: bytes of the image at the end point. */
export const sizeRecord = (version: DiffVersion, size: number): Uint8Array =>
  record(version, 's', u64(size));

/** `w`: the head of `length` data bytes at image offset `offset`, which must follow. */
export const dataRecord = (version: DiffVersion, offset: number, length: number): Uint8Array =>
  record(version, 'w', Buffer.concat([u64(offset), u64(length)]), length);

/** `z`: `length` zero bytes at image offset `offset`. */
export const zeroRecord = (version: DiffVersion, offset: number, length: number): Uint8Array =>
  record(version, 'z', Buffer.concat([u64(offset), u64(length)]));

/** `e`: the end of a diff, or of the image records; it has no length in either version. */
export const endRecord = (): Uint8Array => text('e');

/** What a v2 stream says of the image before its diffs. */
export interface ImageRecords {
  order: number;
  features: bigint;
  /** bytes */
  stripeUnit: number;
  stripeCount: number;
  metadata: readonly { key: Uint8Array; value: Uint8Array }[];
}

/** Banner and image records of a v2 stream, closed by `E`. */
export function imageRecords(image: ImageRecords): Uint8Array {
  return Buffer.concat([
    IMAGE_V2_BANNER,
    record(2, 'O', u64(image.order)),
    record(2, 'T', u64(image.features)),
    record(2, 'U', u64(image.stripeUnit)),
    record(2, 'C', u64(image.stripeCount)),
    ...image.metadata.map(({ key, value }) =>
      record(2, 'M', Buffer.concat([string(key), string(value)])),
    ),
    text('E'),
  ]);
}

/** What precedes the diffs of a v2 stream: one per snapshot, oldest first, and one for the head. */
export const imageDiffsHeader = (diffs: number): Uint8Array =>
  Buffer.concat([IMAGE_DIFFS_V2_BANNER, u64(diffs)]);
