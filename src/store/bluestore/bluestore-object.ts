import { decodeObjectInfo } from '../../ceph/object-info.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import type { KvEntry } from '../../kv/kv-store.ts';
import type { OpenObject } from '../object-store.ts';
import { DataReader, type DataSource } from './data-reader.ts';
import { ObjectExtents } from './object-extents.ts';
import { SHARD_SUFFIX, SHARD_TAIL } from './object-key.ts';
import type { OnodeRecord } from './onode.ts';

/** An object held open; its extents and data are read when they are asked for. */
export class BlueStoreObject implements OpenObject {
  readonly path: string;
  readonly #record: OnodeRecord;
  readonly #following: Iterator<KvEntry>;
  readonly #elsewhere: () => Iterable<KvEntry>;
  readonly #extents: ObjectExtents;
  readonly #data: DataReader;
  #shards: Map<number, Uint8Array> | undefined;

  /**
   * @param following the database's entries behind the object's own: its extent map shards
   * @param elsewhere what else may be of the object, should some be missing there
   */
  constructor(
    path: string,
    record: OnodeRecord,
    following: Iterator<KvEntry>,
    elsewhere: () => Iterable<KvEntry>,
    source: () => DataSource,
  ) {
    this.path = path;
    this.#record = record;
    this.#following = following;
    this.#elsewhere = elsewhere;
    this.#extents = new ObjectExtents(record, (offset) => this.#shard(offset));
    this.#data = new DataReader(source);
  }

  get size(): number {
    return this.#record.onode.size;
  }

  /** BlueStore keeps no time of its own: object_info's, 0 where that cannot be read. */
  get mtimeMs(): number {
    const info = this.attr('_');
    if (info === undefined) return 0;
    try {
      const { seconds, nanoseconds } = decodeObjectInfo(info).mtime;
      return seconds * 1000 + Math.floor(nanoseconds / 1e6);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      return 0;
    }
  }

  attr(name: string): Uint8Array | undefined {
    return this.#record.onode.attrs.get(name);
  }

  /** All of them at the first question: they are neighbours in the database. */
  #shard(offset: number): Uint8Array | undefined {
    this.#shards ??= this.#findShards();
    return this.#shards.get(offset);
  }

  /** Those beside the record count; what is not there, or not as the record has it, may be elsewhere. */
  #findShards(): Map<number, Uint8Array> {
    const found = shardsIn({ [Symbol.iterator]: () => this.#following });
    const { shards } = this.#record.onode;
    const lacking = shards.filter(({ offset, bytes }) => found.get(offset)?.length !== bytes);
    if (lacking.length === 0) return found;
    const others = shardsIn(this.#elsewhere());
    for (const { offset, bytes } of lacking) {
      const other = others.get(offset);
      if (other?.length === bytes) found.set(offset, other);
    }
    return found;
  }

  read(target: Uint8Array, position: number): number {
    const n = Math.max(0, Math.min(target.length, this.size - position));
    if (n === 0) return 0;
    const extents = this.#extents.inRange(position, position + n);
    this.#data.read(extents, target.subarray(0, n), position);
    return n;
  }

  get checked(): boolean {
    return this.#data.checked;
  }

  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return this.#extents.nextData(from, Math.min(to, this.size));
  }

  close(): void {
    this.#following.return?.();
  }
}

/** Extent map shards among an object's entries, by their offset in the object. */
function shardsIn(entries: Iterable<KvEntry>): Map<number, Uint8Array> {
  const shards = new Map<number, Uint8Array>();
  for (const { key, value } of entries) {
    if (key[key.length - 1] !== SHARD_SUFFIX) continue;
    shards.set(Buffer.from(key.subarray(key.length - SHARD_TAIL)).readUInt32BE(), value);
  }
  return shards;
}
