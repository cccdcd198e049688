import { instantiate, WASM_PAGE } from '../bytes/wasm-module.ts';
import { KERNEL_MODULE } from './wasm-kernel.ts';

/**
 * The inner loops, over a scratch memory of their own. Addresses and lengths are multiples of 16,
 * lengths are not 0.
 */
export interface Kernel {
  /** scratch memory of at least that many bytes; its content and earlier views become invalid */
  memory(bytes: number): Uint8Array;
  /** target ^= source */
  xor(target: number, source: number, length: number): void;
  /** target ^= the image of source: `table` is the address of 16 + 16 bytes, by low and high nibble */
  map(target: number, source: number, length: number, table: number): void;
}

/** Undefined where the processor or the runtime lacks 128-bit vectors. */
export function vectorKernel(): Kernel | undefined {
  const exports = instantiate<Pick<Kernel, 'xor' | 'map'>>(KERNEL_MODULE);
  if (exports === undefined) return undefined;
  const { memory, xor, map } = exports;
  return {
    memory: (bytes) => {
      const lacking = bytes - memory.buffer.byteLength;
      if (lacking > 0) memory.grow(Math.ceil(lacking / WASM_PAGE));
      return new Uint8Array(memory.buffer);
    },
    xor,
    map,
  };
}

/** The same in plain JavaScript: several times slower, but everywhere. */
export function plainKernel(): Kernel {
  let bytes = new Uint8Array(0);
  let words = new Uint32Array(0);
  const image = new Uint8Array(256);
  return {
    memory: (size) => {
      if (bytes.length < size) {
        bytes = new Uint8Array(Math.ceil(size / WASM_PAGE) * WASM_PAGE);
        words = new Uint32Array(bytes.buffer);
      }
      return bytes;
    },
    xor: (target, source, length) => {
      const to = target >>> 2;
      const from = source >>> 2;
      for (let i = 0; i < length >>> 2; i++) words[to + i]! ^= words[from + i]!;
    },
    map: (target, source, length, table) => {
      for (let i = 0; i < 256; i++)
        image[i] = bytes[table + (i & 15)]! ^ bytes[table + 16 + (i >> 4)]!;
      for (let i = 0; i < length; i++) bytes[target + i]! ^= image[bytes[source + i]!]!;
    },
  };
}

let shared: Kernel | undefined;

/** The fastest kernel there is. Its memory is scratch: nothing lives in it between two uses. */
export function sharedKernel(): Kernel {
  shared ??= vectorKernel() ?? plainKernel();
  return shared;
}
