import { forEachShardExtent, shardLength } from '../ec/shard-extents.ts';
import { corruptError, errorText, isSourceFault, sourceIoError } from '../errors/salvage-error.ts';
import { type EcShards, shardFault } from './ec-object.ts';
import type { OpenObject } from './object-store.ts';

/** Reasons that one failed read names at the most: shards are few, reads of them are many. */
const REASONS = 8;

/**
 * An erasure-coded object too few shards of which are whole: every range is made of what can be read
 * there, of shards that pass their checks first and then of the others. Nothing vouches for it.
 */
export class EcSalvage implements OpenObject {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly #parts: EcShards;
  readonly #good: ReadonlySet<number>;
  readonly #shardLength: number;

  constructor(parts: EcShards) {
    const opened = [...parts.shards.values()];
    this.#parts = parts;
    this.size = parts.size;
    this.path = opened[0]?.path ?? '(no shard)';
    this.mtimeMs = Math.max(0, ...opened.map((o) => o.mtimeMs));
    this.#shardLength = shardLength(parts.stripeWidth, parts.code.k, parts.size);
    const sound = [...parts.shards].filter(([id, shard]) => !shardFault(parts, id, shard));
    this.#good = new Set(sound.map(([id]) => id));
  }

  attr(name: string): Uint8Array | undefined {
    return [...this.#parts.shards.values()][0]?.attr(name);
  }

  /** @throws CORRUPT where too few shards can be read */
  read(target: Uint8Array, position: number): number {
    const { code, stripeWidth } = this.#parts;
    const length = Math.max(0, Math.min(this.size - position, target.length));
    forEachShardExtent(stripeWidth, code.k, position, length, (chunk, offset, n, at) => {
      target.set(this.#chunk(code.dataShards[chunk]!, offset, n), at - position);
    });
    return length;
  }

  #chunk(shard: number, offset: number, length: number): Uint8Array {
    const { unit } = this.#parts.code;
    const from = offset - (offset % unit);
    const to = Math.ceil((offset + length) / unit) * unit;
    const reasons: string[] = [];
    for (const usable of [this.#good, new Set(this.#parts.shards.keys())]) {
      const bytes = this.#rebuild(shard, usable, from, to - from, reasons);
      if (bytes !== undefined) return bytes.subarray(offset - from, offset - from + length);
    }
    const { text } = this.#parts.code.shortage(this.#good);
    const why = reasons.length > 0 ? reasons.slice(0, REASONS).join('; ') : text;
    throw corruptError(why, { path: this.path, offset });
  }

  /** A range of a shard, itself or made of others; undefined where too few can be read. */
  #rebuild(
    shard: number,
    usable: ReadonlySet<number>,
    offset: number,
    length: number,
    reasons: string[],
  ): Uint8Array | undefined {
    const { code } = this.#parts;
    const left = new Set(usable);
    for (let plan = code.plan(left, [shard]); plan !== undefined; plan = code.plan(left, [shard])) {
      const input = new Map<number, Uint8Array>();
      try {
        for (const id of plan.read) {
          left.delete(id);
          input.set(id, this.#readShard(id, offset, length));
          left.add(id);
        }
        const out = new Map<number, Uint8Array>();
        code.decode(input, [shard], out);
        return out.get(shard)!;
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        const reason = errorText(error);
        if (!reasons.includes(reason)) reasons.push(reason);
        // What fails with all shards at hand will not get better.
        if (input.size === plan.read.length) return undefined;
      }
    }
    return undefined;
  }

  #readShard(id: number, offset: number, length: number): Uint8Array {
    const shard = this.#parts.shards.get(id)!;
    const bytes = Buffer.alloc(length);
    const wanted = Math.min(length, this.#shardLength - offset);
    for (let at = 0; at < wanted; ) {
      const n = shard.read(bytes.subarray(at, wanted), offset + at);
      if (n === 0) {
        const where = { path: shard.path, offset: offset + at };
        throw sourceIoError(`${shard.path}: the shard ends at ${offset + at}`, where);
      }
      at += n;
    }
    return bytes;
  }

  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return from < to ? [from, to] : undefined;
  }

  close(): void {
    for (const shard of this.#parts.shards.values()) shard.close();
  }
}
