import type { ByteSource } from '../../../src/io/ports.ts';

/** A device in memory that notes what is read of it. */
export class MemoryDevice implements ByteSource {
  readonly path = '/dev/test';
  readonly bytes: Buffer;
  reads: [offset: number, length: number][] = [];

  constructor(size: number) {
    this.bytes = Buffer.alloc(size);
  }

  get size(): number {
    return this.bytes.length;
  }

  put(offset: number, bytes: Uint8Array): this {
    this.bytes.set(bytes, offset);
    return this;
  }

  read(target: Uint8Array, position: number): number {
    this.reads.push([position, target.length]);
    const part = this.bytes.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  close(): void {}
}
