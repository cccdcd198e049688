import { onBehalfOf } from '../io/heartbeat.ts';
import type { ObjectRef, OpenObject, OpenOptions, OsdLocation } from './object-store.ts';
import { storeAt } from './store-cache.ts';

/** One shard of an erasure-coded object. */
export interface Shard {
  location: OsdLocation;
  ref: ObjectRef;
  /** number of the device that its OSD is known by; 0: not known */
  device?: number;
}

/**
 * A shard that is open beside others, each on an OSD of its own: a call that never comes back is put down
 * to the OSD whose shard was asked for, also where that keeps its database on another device.
 */
class ShardObject implements OpenObject {
  readonly path: string;
  readonly size: number;
  readonly mtimeMs: number;
  readonly #shard: OpenObject;
  readonly #device: number;

  constructor(shard: OpenObject, device: number) {
    this.path = shard.path;
    this.size = shard.size;
    this.mtimeMs = shard.mtimeMs;
    this.#shard = shard;
    this.#device = device;
  }

  get checked(): boolean {
    return this.#shard.checked === true;
  }

  attr(name: string): Uint8Array | undefined {
    return onBehalfOf(this.#device, () => this.#shard.attr(name));
  }

  read(target: Uint8Array, position: number): number {
    return onBehalfOf(this.#device, () => this.#shard.read(target, position));
  }

  nextData(from: number, to: number): [start: number, end: number] | undefined {
    return onBehalfOf(this.#device, () => this.#shard.nextData(from, to));
  }

  leaveCache(): void {
    onBehalfOf(this.#device, () => this.#shard.leaveCache?.());
  }

  readAhead(): void {
    onBehalfOf(this.#device, () => this.#shard.readAhead?.());
  }

  close(): void {
    onBehalfOf(this.#device, () => this.#shard.close());
  }
}

/** @throws SOURCE_IO, CORRUPT */
export function openShard({ location, ref, device = 0 }: Shard, options: OpenOptions): OpenObject {
  return onBehalfOf(device, () => new ShardObject(storeAt(location).open(ref, options), device));
}
