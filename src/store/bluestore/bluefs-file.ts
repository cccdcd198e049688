import { corruptError, sourceIoError } from '../../errors/salvage-error.ts';
import type { ByteSource } from '../../io/ports.ts';
import { lowerBound } from '../../kv/key-order.ts';
import { allocatedBytes, type BlueFsExtent } from './bluefs-superblock.ts';

/** Devices by BlueFS's ids (`BLUEFS_DEVICE`). */
export type BlueFsDevices = readonly (ByteSource | undefined)[];

const DEVICE_NAMES = ['block.wal', 'block.db', 'block'];

function deviceOf(devices: BlueFsDevices, id: number, path: string): ByteSource {
  const device = devices[id];
  if (device !== undefined) return device;
  const name = DEVICE_NAMES[id];
  if (name === undefined) throw corruptError(`${path}: on device ${id}, which cannot be`, { path });
  throw sourceIoError(`${path}: lies on ${name}, which is missing`, { path, errno: 'ENOENT' });
}

/** A file in BlueFS: extents of one or several devices, one after the other. */
export class BlueFsFile implements ByteSource {
  readonly path: string;
  readonly size: number;
  readonly #devices: BlueFsDevices;
  readonly #extents: readonly BlueFsExtent[];
  /** where each extent ends in the file */
  readonly #ends: number[] = [];

  /** @param size at most what is allocated */
  constructor(
    path: string,
    devices: BlueFsDevices,
    extents: readonly BlueFsExtent[],
    size: number,
  ) {
    this.path = path;
    this.#devices = devices;
    this.#extents = extents;
    let end = 0;
    for (const { length } of extents) {
      end += length;
      this.#ends.push(end);
    }
    this.size = Math.min(size, allocatedBytes(extents));
  }

  read(target: Uint8Array, position: number): number {
    const wanted = Math.max(0, Math.min(target.length, this.size - position));
    const ends = this.#ends;
    let i = lowerBound(ends.length, (at) => ends[at]! > position);
    let done = 0;
    while (done < wanted) {
      const extent = this.#extents[i]!;
      const left = ends[i]! - (position + done);
      const n = Math.min(left, wanted - done);
      const offset = extent.offset + extent.length - left;
      this.#readExtent(target.subarray(done, done + n), extent.device, offset);
      done += n;
      i++;
    }
    return done;
  }

  #readExtent(target: Uint8Array, id: number, offset: number): void {
    const device = deviceOf(this.#devices, id, this.path);
    if (device.read(target, offset) === target.length) return;
    throw sourceIoError(`${this.path}: lies beyond the end of ${device.path}`, {
      path: device.path,
      offset,
      errno: 'EIO',
    });
  }

  close(): void {
    // the devices stay open for the other files
  }
}
