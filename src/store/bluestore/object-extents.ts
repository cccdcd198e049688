import { corruptError, isSourceFault } from '../../errors/salvage-error.ts';
import { lowerBound } from '../../kv/key-order.ts';
import { type BlobExtent, decodeExtentMap } from './extent-map.ts';
import { decodeOnodeBlobs, type OnodeBlobs, type OnodeRecord } from './onode.ts';

/** An object's extents, decoded as they are needed: docs/formats/bluestore.md, "Extent maps". */
export class ObjectExtents {
  readonly #record: OnodeRecord;
  readonly #shardBytes: (offset: number) => Uint8Array | undefined;
  /** where the parts of the map begin, in object bytes */
  readonly #starts: number[];
  readonly #parts: (BlobExtent[] | undefined)[] = [];
  #blobs: OnodeBlobs | undefined;

  /** @param shardBytes the extent map shard that begins at this offset of the object */
  constructor(record: OnodeRecord, shardBytes: (offset: number) => Uint8Array | undefined) {
    this.#record = record;
    this.#shardBytes = shardBytes;
    const { shards } = record.onode;
    this.#starts = shards.length === 0 ? [0] : shards.map(({ offset }) => offset);
    this.#starts[0] = 0;
  }

  /** Where a part ends, the last one open-ended. */
  #endOf(part: number): number {
    return this.#starts[part + 1] ?? Number.POSITIVE_INFINITY;
  }

  #firstPart(offset: number): number {
    const parts = this.#starts.length;
    return lowerBound(parts, (i) => this.#endOf(i) > offset);
  }

  /** @throws CORRUPT */
  #part(i: number): BlobExtent[] {
    const known = this.#parts[i];
    if (known !== undefined) return known;
    this.#blobs ??= decodeOnodeBlobs(this.#record);
    const { inline, spanning } = this.#blobs;
    const extents = decodeExtentMap(inline ?? this.#storedShard(i), spanning);
    this.#parts[i] = extents;
    return extents;
  }

  #storedShard(i: number): Uint8Array {
    const { offset, bytes } = this.#record.onode.shards[i]!;
    const found = this.#shardBytes(offset);
    if (found?.length === bytes) return found;
    const what = found === undefined ? 'is missing' : `has ${found.length} bytes, not ${bytes}`;
    throw corruptError(`extent map shard of object bytes from ${offset} on ${what}`);
  }

  /** Extents that reach into [from, to), ascending. @throws CORRUPT */
  inRange(from: number, to: number): BlobExtent[] {
    const found: BlobExtent[] = [];
    for (let p = this.#firstPart(from); p < this.#starts.length && this.#starts[p]! < to; p++) {
      const part = this.#part(p);
      for (let i = firstReaching(part, from); i < part.length && part[i]!.offset < to; i++) {
        found.push(part[i]!);
      }
    }
    return found;
  }

  /**
   * The next range in [from, to) that has extents. Where the map cannot be decoded counts as data:
   * reading it then says why.
   */
  nextData(from: number, to: number): [start: number, end: number] | undefined {
    if (from >= to) return undefined;
    let start = -1;
    let end = from;
    for (let p = this.#firstPart(from); p < this.#starts.length && this.#starts[p]! < to; p++) {
      for (const { offset, length } of this.#partOrAll(p, from, to)) {
        if (offset + length <= from) continue;
        if (start >= 0 && offset > end) return [start, Math.min(end, to)];
        if (offset >= to) return start < 0 ? undefined : [start, Math.min(end, to)];
        if (start < 0) start = Math.max(offset, from);
        end = offset + length;
      }
    }
    return start < 0 ? undefined : [start, Math.min(end, to)];
  }

  #partOrAll(p: number, from: number, to: number): Pick<BlobExtent, 'offset' | 'length'>[] {
    try {
      const part = this.#part(p);
      return part.slice(firstReaching(part, from));
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      const offset = Math.max(this.#starts[p]!, from);
      return [{ offset, length: Math.max(0, Math.min(this.#endOf(p), to) - offset) }];
    }
  }
}

const firstReaching = (part: readonly BlobExtent[], from: number): number =>
  lowerBound(part.length, (i) => part[i]!.offset + part[i]!.length > from);
