import { unsupportedError } from '../errors/salvage-error.ts';
import { ByteReader } from './byte-reader.ts';

/**
 * The xxHash family, for table blocks (seed 0) and BlueStore's data checksums (all ones). The library
 * makes its hashers asynchronously: who starts a thread awaits `prepareXxhash`, and everything is
 * synchronous from then on.
 */
export type XxhashSeed = 'zero' | 'ones';

const ONES = 0xffffffff;

async function makeHashers() {
  // One file for each hash: the library as a whole takes every thread 40 ms to load.
  const [{ default: hash32 }, { default: hash64 }, { default: hash3 }] = await Promise.all([
    import('hash-wasm/dist/xxhash32.umd.min.js'),
    import('hash-wasm/dist/xxhash64.umd.min.js'),
    import('hash-wasm/dist/xxhash3.umd.min.js'),
  ]);
  const [zero32, ones32, zero64, ones64, zero3] = await Promise.all([
    hash32.createXXHash32(0),
    hash32.createXXHash32(ONES),
    hash64.createXXHash64(0, 0),
    hash64.createXXHash64(ONES, ONES),
    hash3.createXXHash3(0, 0),
  ]);
  return { zero32, ones32, zero64, ones64, zero3 };
}

type Hashers = Awaited<ReturnType<typeof makeHashers>>;

let hashers: Hashers | undefined;
let preparing: Promise<void> | undefined;

/** Resolves when hashes can be computed, or never will be: then computing one says so. */
export function prepareXxhash(): Promise<void> {
  preparing ??= makeHashers().then(
    (made) => {
      hashers = made;
    },
    (error) => {
      // Ten gigabytes of addresses for each memory of WebAssembly, however little of it is used.
      if (!(error instanceof RangeError)) throw error;
    },
  );
  return preparing;
}

function digest(which: keyof Hashers, bytes: Uint8Array): ByteReader {
  if (preparing === undefined) throw new Error('prepareXxhash has not been awaited');
  if (hashers === undefined) {
    throw unsupportedError('xxHash: no address space for WebAssembly: `ulimit -v unlimited`');
  }
  return new ByteReader(hashers[which].init().update(bytes).digest('binary'), 'xxhash');
}

/** XXH32 as u32. */
export const xxhash32 = (bytes: Uint8Array, seed: XxhashSeed = 'zero'): number =>
  digest(`${seed}32`, bytes).u32be();

/** XXH64. */
export const xxhash64 = (bytes: Uint8Array, seed: XxhashSeed = 'zero'): bigint =>
  digest(`${seed}64`, bytes).u64be();

function low(reader: ByteReader): number {
  reader.skip(4);
  return reader.u32be();
}

/** Low 32 bits of XXH64, seed 0. */
export const xxhash64Low = (bytes: Uint8Array): number => low(digest('zero64', bytes));

/** Low 32 bits of the 64-bit XXH3, seed 0. */
export const xxh3Low = (bytes: Uint8Array): number => low(digest('zero3', bytes));
