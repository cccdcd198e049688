import { cephCrc32c, readBuffer } from '../bytes/crc32c.ts';
import { decodeHashInfo } from '../ceph/hinfo.ts';
import type { ErasureCode } from '../ec/erasure-code.ts';
import { chunkSize, forEachShardExtent, shardLength, shardRange } from '../ec/shard-extents.ts';
import { corruptError, errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { OpenObject } from './object-store.ts';

/** Logical bytes rebuilt at once: the shards of so much fit the cache. */
const WINDOW_BYTES = 1 << 20;

export interface EcShards {
  code: ErasureCode;
  stripeWidth: number;
  /** logical bytes of the object */
  size: number;
  /** open shards by shard id; closed with the object */
  shards: Map<number, OpenObject>;
}

/** The crc of a whole shard as its `hinfo_key` has it; absent once the object was overwritten. */
function expectedCrc(shard: number, object: OpenObject): number | undefined {
  try {
    const attr = object.attr('hinfo_key');
    const info = attr === undefined ? undefined : decodeHashInfo(attr);
    return info !== undefined && info.chunkSize === object.size ? info.shardCrcs[shard] : undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

function crcOf(object: OpenObject): number {
  const buffer = readBuffer();
  let crc = 0xffffffff;
  for (let at = 0; at < object.size; ) {
    const n = object.read(buffer.subarray(0, Math.min(buffer.length, object.size - at)), at);
    if (n === 0) break;
    crc = cephCrc32c(crc, buffer.subarray(0, n));
    at += n;
  }
  return crc;
}

/** What is wrong with a whole shard, by its size and, where it has one, its checksum. */
export function shardFault(
  { stripeWidth, code, size }: EcShards,
  shard: number,
  object: OpenObject,
): string | undefined {
  const length = shardLength(stripeWidth, code.k, size);
  if (object.size !== length)
    return `${object.path}: ${object.size} bytes, the shard should have ${length}`;
  const expected = expectedCrc(shard, object);
  try {
    if (expected === undefined || crcOf(object) === expected) return undefined;
    return `${object.path}: data fails the checksum in hinfo_key`;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return errorText(error);
  }
}

/** An erasure-coded object, put together from the shards that are left. */
export class EcObject implements OpenObject {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  /** why shards were not used */
  readonly rejected: string[] = [];
  readonly #parts: EcShards;
  readonly #good: Set<number>;
  #read: number[] = [];
  #window: { from: number; bytes: Buffer } | undefined;

  /**
   * @param verify check each shard's size and, where it has one, its checksum; shards that fail are
   *   not used
   * @throws CORRUPT when too few shards are good; UNSUPPORTED when the code's parity is not known
   */
  constructor(parts: EcShards, verify: boolean) {
    this.#parts = parts;
    this.size = parts.size;
    const opened = [...parts.shards.values()];
    this.path = opened[0]?.path ?? '(no shard)';
    this.mtimeMs = Math.max(0, ...opened.map((o) => o.mtimeMs));
    this.#good = new Set(parts.shards.keys());
    for (const [shard, object] of parts.shards) {
      const fault = verify ? shardFault(parts, shard, object) : undefined;
      if (fault === undefined) continue;
      this.rejected.push(fault);
      this.#good.delete(shard);
    }
    this.#plan();
  }

  /** Chooses the shards to read from those that are good. @throws CORRUPT when they are too few */
  #plan(): void {
    const { code } = this.#parts;
    const plan = code.plan(this.#good);
    if (plan === undefined) {
      const { text } = code.shortage(this.#good);
      throw corruptError([...this.rejected, text].join('; '), { path: this.path });
    }
    this.#read = plan.read;
  }

  /** Reads a range of the shards that are needed; one that fails is given up for another. */
  #readShards(range: { offset: number; length: number }): Map<number, Uint8Array> {
    for (;;) {
      const input = new Map<number, Uint8Array>();
      try {
        for (const shard of this.#read) {
          // Shards of newer releases may end early: what is not there is zeros.
          const bytes = Buffer.alloc(range.length);
          input.set(shard, bytes);
          this.#parts.shards.get(shard)!.read(bytes, range.offset);
        }
        return input;
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        this.rejected.push(errorText(error));
        this.#good.delete([...input.keys()].pop()!);
        this.#plan();
      }
    }
  }

  attr(name: string): Uint8Array | undefined {
    return [...this.#parts.shards.values()][0]?.attr(name);
  }

  read(target: Uint8Array, position: number): number {
    const end = Math.min(this.size, position + target.length);
    for (let at = position; at < end; ) {
      const { from, bytes } = this.#windowAt(at);
      const n = Math.min(end, from + bytes.length) - at;
      target.set(bytes.subarray(at - from, at - from + n), at - position);
      at += n;
    }
    return Math.max(0, end - position);
  }

  #windowAt(position: number): { from: number; bytes: Buffer } {
    const known = this.#window;
    if (known !== undefined && position >= known.from && position < known.from + known.bytes.length)
      return known;
    const { stripeWidth } = this.#parts;
    const step = Math.max(stripeWidth, WINDOW_BYTES - (WINDOW_BYTES % stripeWidth));
    const from = position - (position % step);
    const window = { from, bytes: this.#rebuild(from, Math.min(step, this.size - from)) };
    this.#window = window;
    return window;
  }

  #rebuild(offset: number, length: number): Buffer {
    const { code, stripeWidth } = this.#parts;
    const range = shardRange(stripeWidth, code.k, offset, length);
    const input = this.#readShards(range);
    const data = new Map<number, Uint8Array>();
    code.decode(input, code.dataShards, data);
    const out = Buffer.alloc(length);
    const chunk = chunkSize(stripeWidth, code.k);
    forEachShardExtent(stripeWidth, code.k, offset, length, (index, shardOffset, n, at) => {
      const from = shardOffset - range.offset;
      out.set(
        data.get(code.dataShards[index]!)!.subarray(from, from + Math.min(n, chunk)),
        at - offset,
      );
    });
    return out;
  }

  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return from < to ? [from, to] : undefined;
  }

  close(): void {
    for (const shard of this.#parts.shards.values()) shard.close();
  }
}
