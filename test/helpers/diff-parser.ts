/**
 * Reads what `rbd import-diff` and `rbd import --export-format 2` read and does what they do with it,
 * written from the description of the streams alone.
 */

export interface ParsedDiff {
  from: string | undefined;
  to: string | undefined;
  protected: boolean | undefined;
  size: number;
  writes: { offset: number; length: number; data: Buffer | undefined }[];
}

export interface ParsedImage {
  order: number;
  features: bigint;
  stripeUnit: number;
  stripeCount: number;
  metadata: Record<string, string>;
  diffs: ParsedDiff[];
}

class Cursor {
  at = 0;
  readonly bytes: Buffer;
  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }
  take(n: number): Buffer {
    if (this.at + n > this.bytes.length) throw new Error(`stream ends at ${this.bytes.length}`);
    this.at += n;
    return this.bytes.subarray(this.at - n, this.at);
  }
  tag = (): string => this.take(1).toString('latin1');
  u8 = (): number => this.take(1)[0]!;
  u64 = (): number => Number(this.take(8).readBigUInt64LE());
  string = (): string => this.take(this.take(4).readUInt32LE()).toString();
  expect(text: string): void {
    const found = this.take(text.length).toString('latin1');
    if (found !== text) throw new Error(`"${found}" instead of "${text}"`);
  }
  end(): void {
    if (this.at !== this.bytes.length)
      throw new Error(`${this.bytes.length - this.at} bytes too many`);
  }
}

/** Records of one diff; in version 2 each says its length, which must be right (but for `p`'s). */
function readDiff(cursor: Cursor, version: 1 | 2): ParsedDiff {
  cursor.expect(`rbd diff v${version}\n`);
  const diff: ParsedDiff = {
    from: undefined,
    to: undefined,
    protected: undefined,
    size: -1,
    writes: [],
  };
  for (let tag = cursor.tag(); tag !== 'e'; tag = cursor.tag()) {
    const length = version === 2 ? cursor.u64() : undefined;
    const start = cursor.at;
    if (tag === 'f') diff.from = cursor.string();
    else if (tag === 't') diff.to = cursor.string();
    else if (tag === 'p' && version === 2) diff.protected = cursor.u8() === 1;
    else if (tag === 's') diff.size = cursor.u64();
    else if (tag === 'w' || tag === 'z') {
      const [offset, n] = [cursor.u64(), cursor.u64()];
      diff.writes.push({ offset, length: n, data: tag === 'w' ? cursor.take(n) : undefined });
    } else throw new Error(`tag ${JSON.stringify(tag)} at ${start}`);
    const wanted = tag === 'p' ? 8 : cursor.at - start;
    if (length !== undefined && length !== wanted)
      throw new Error(`${tag}: ${length} is not ${wanted}`);
  }
  if (diff.size < 0) throw new Error('a diff without a size');
  return diff;
}

export function parseDiffV1(bytes: Buffer): ParsedDiff {
  const cursor = new Cursor(bytes);
  const diff = readDiff(cursor, 1);
  cursor.end();
  return diff;
}

export function parseImageV2(bytes: Buffer): ParsedImage {
  const cursor = new Cursor(bytes);
  cursor.expect('rbd image v2\n');
  const image = { order: -1, features: -1n, stripeUnit: -1, stripeCount: -1 };
  const metadata: Record<string, string> = {};
  for (let tag = cursor.tag(); tag !== 'E'; tag = cursor.tag()) {
    const payload = new Cursor(cursor.take(cursor.u64()));
    if (tag === 'O') image.order = payload.u64();
    else if (tag === 'T') image.features = payload.take(8).readBigUInt64LE();
    else if (tag === 'U') image.stripeUnit = payload.u64();
    else if (tag === 'C') image.stripeCount = payload.u64();
    else if (tag === 'M') metadata[payload.string()] = payload.string();
    else throw new Error(`image tag ${JSON.stringify(tag)}`);
    payload.end();
  }
  cursor.expect('rbd image diffs v2\n');
  const diffs = Array.from({ length: cursor.u64() }, () => readDiff(cursor, 2));
  cursor.end();
  return { ...image, metadata, diffs };
}

/** An image after a diff; the receiver cuts or grows it first. */
export function applyDiff(image: Buffer, { size, writes }: ParsedDiff): Buffer {
  const result = Buffer.alloc(size);
  image.copy(result, 0, 0, size);
  for (const { offset, length, data } of writes) {
    if (offset + length > size) throw new Error(`${offset}+${length} is beyond ${size}`);
    if (data === undefined) result.fill(0, offset, offset + length);
    else data.copy(result, offset);
  }
  return result;
}
