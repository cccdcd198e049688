import { unsupportedError } from '../errors/salvage-error.ts';
import { kernelModule } from './xxh-kernel.ts';

/** Where the secret and the data lie in the kernel's memory, behind the lanes. */
const SECRET_AT = 64;
const SECRET_BYTES = 192;
const DATA_AT = SECRET_AT + SECRET_BYTES;
const XXH3_STRIPE = 64;
const XXH3_BLOCK = 16 * XXH3_STRIPE;
/** Bytes taken at a time: whole stripes and blocks, within two pages of memory. */
const ROOM = 126 * 1024;

interface Exports {
  memory: { buffer: ArrayBuffer };
  xxh64(data: number, end: number): void;
  xxh3(data: number, end: number, key: number): void;
  scramble(key: number): void;
}

function load() {
  // Compiled at once: it has not even 1 KiB, and no one can wait here.
  const { memory, ...functions } = instantiated(new WebAssembly.Module(kernelModule()));
  const lanes = new BigUint64Array(memory.buffer, 0, 8);
  return { ...functions, memory: new Uint8Array(memory.buffer), lanes };
}

function instantiated(module: unknown): Exports {
  try {
    return new WebAssembly.Instance(module as never).exports as unknown as Exports;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    // Ten gigabytes of addresses for each memory, however little of it is used.
    throw unsupportedError('xxHash: no address space for WebAssembly: `ulimit -v unlimited`');
  }
}

let loaded: ReturnType<typeof load> | undefined;
const kernel = () => {
  loaded ??= load();
  return loaded;
};

/**
 * Takes `bytes`, whole stripes of 32, into four lanes.
 * @returns the lanes, until the next call
 */
export function xxh64Stripes(bytes: Uint8Array, start: BigUint64Array): BigUint64Array {
  const k = kernel();
  k.lanes.set(start);
  for (let at = 0; at < bytes.length; at += ROOM) {
    const part = bytes.subarray(at, at + ROOM);
    k.memory.set(part, DATA_AT);
    k.xxh64(DATA_AT, DATA_AT + part.length);
  }
  return k.lanes;
}

/**
 * Takes `bytes`, more than 240, into eight lanes as XXH3 does.
 * @returns the lanes, until the next call
 */
export function xxh3Stripes(
  bytes: Uint8Array,
  start: BigUint64Array,
  secret: Uint8Array,
): BigUint64Array {
  const k = kernel();
  k.lanes.set(start);
  k.memory.set(secret, SECRET_AT);
  // The last stripe is taken from the end, whole, and differs in its part of the secret.
  const whole = Math.floor((bytes.length - 1) / XXH3_STRIPE) * XXH3_STRIPE;
  for (let at = 0; at < whole; at += ROOM) {
    const part = bytes.subarray(at, Math.min(whole, at + ROOM));
    k.memory.set(part, DATA_AT);
    const end = DATA_AT + part.length;
    for (let block = DATA_AT; block < end; block += XXH3_BLOCK) {
      k.xxh3(block, Math.min(end, block + XXH3_BLOCK), SECRET_AT);
      if (block + XXH3_BLOCK <= end) k.scramble(DATA_AT - XXH3_STRIPE);
    }
  }
  k.memory.set(bytes.subarray(bytes.length - XXH3_STRIPE), DATA_AT);
  k.xxh3(DATA_AT, DATA_AT + XXH3_STRIPE, DATA_AT - XXH3_STRIPE - 7);
  return k.lanes;
}
