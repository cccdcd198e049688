import {
  BR_IF,
  constant,
  END,
  get,
  I32_ADD,
  I32_SUB,
  instantiate,
  LOOP,
  load,
  set,
  store,
  tee,
  WASM_PAGE,
  type WasmMemory,
  wasmModule,
  XOR,
} from './wasm-module.ts';

/**
 * crc32c of long ranges, folded before it is taken (docs/adr/0007-checksums-by-folding.md).
 *
 * A checksum is the remainder of the bytes, as a polynomial, by Castagnoli's. The remainder does not
 * change when a multiple of that is taken away first, and
 *
 *     x^209 + x^144 + x^54 + x^39 + x^14 + 1
 *
 * is one; none of fewer terms is below x^5275. Squaring seven times puts x^128 for x and leaves a
 * multiple: so each block of 16 bytes may be dropped when it is added (exclusive or) to those 65,
 * 155, 170, 195 and 209 blocks further on. What is left of any length are the last 209 blocks.
 */

const BLOCK = 16;
/** Blocks from one to those that it is added to. */
const DISTANCES = [65, 155, 170, 195, 209];
/** How far back a block still counts, in bytes. */
const REACH = Math.max(...DISTANCES) * BLOCK;
/** Blocks of one turn of the loop: fewer than the smallest distance. */
const UNROLLED = 4;
const TURN = UNROLLED * BLOCK;
/** What is left, in whole turns: `REACH` or a little more. */
const REST = Math.ceil(REACH / TURN) * TURN;
/** Folded blocks are kept so far back only as others need them, and moved to the front this seldom. */
const STRETCH = 65536;

// Parameters of `fold`
const SOURCE = 0;
const HISTORY = 1;
const TARGET = 2;
const LENGTH = 3;

const advance = (local: number): number[] => [
  ...get(local),
  ...constant(TURN),
  I32_ADD,
  ...set(local),
];

const foldBlock = (at: number): number[] => [
  ...[...get(TARGET), ...get(SOURCE), ...load(at)],
  ...DISTANCES.flatMap((d) => [...get(HISTORY), ...load(REACH - d * BLOCK + at), ...XOR]),
  ...store(at),
];

/**
 *     (func (export "fold") (param $source i32) (param $history i32) (param $target i32) (param $length i32))
 *
 * Each block of `source` plus the folded ones at all distances before it, which lie `REACH` bytes
 * behind `history`, goes to `target`. The length is a multiple of `TURN` and not 0.
 */
const MODULE = wasmModule({
  name: 'fold',
  parameters: 4,
  body: [
    ...[0],
    ...LOOP,
    ...Array.from({ length: UNROLLED }, (_, i) => foldBlock(i * BLOCK)).flat(),
    ...[...advance(SOURCE), ...advance(HISTORY), ...advance(TARGET)],
    ...[...get(LENGTH), ...constant(TURN), I32_SUB, ...tee(LENGTH), BR_IF, 0],
    ...[END, END],
  ],
});

type Fold = (source: number, history: number, target: number, length: number) => void;

/** crc32c as Ceph counts it: seed given, no inversion. */
type Crc = (seed: number, bytes: Uint8Array) => number;

/** Folding costs some 2 us whatever the length, so it saves nothing below half of this. */
export const MIN_FOLDED = 32768;

/** Folds what lies in a memory of its own, and what is elsewhere by copying it there first. */
export class Folder {
  /** for the caller's use: page-aligned, and its checksums need no copying */
  readonly buffer: Buffer;
  readonly #memory: Buffer;
  readonly #fold: Fold;
  readonly #plain: Crc;
  // Where the parts of the memory begin.
  readonly #history: number;
  readonly #rest: number;
  readonly #copy: number;

  constructor(bytes: number, { memory, fold }: FoldExports, plain: Crc) {
    this.#fold = fold;
    this.#plain = plain;
    this.#history = Math.ceil(bytes / WASM_PAGE) * WASM_PAGE;
    this.#rest = this.#history + REACH + STRETCH;
    this.#copy = this.#rest + REST;
    const end = this.#copy + STRETCH;
    memory.grow(Math.ceil((end - memory.buffer.byteLength) / WASM_PAGE));
    this.#memory = Buffer.from(memory.buffer);
    this.buffer = this.#memory.subarray(0, bytes);
  }

  /** @param bytes `MIN_FOLDED` at least */
  crc(seed: number, bytes: Uint8Array): number {
    const turns = Math.floor((bytes.length - REST) / TURN) * TURN;
    this.#begin(seed, bytes);
    // How much of the stretch behind the history is in use.
    let used = TURN;
    for (let done = TURN; done < turns; ) {
      const n = Math.min(STRETCH - used, turns - done);
      const at = this.#history + used;
      this.#fold(this.#placeOf(bytes, done, n), at, at + REACH, n);
      used += n;
      done += n;
      if (used === STRETCH) used = this.#moveHistory(used);
    }
    this.#moveHistory(used);
    // Of the blocks that are left only what lies before them is to be added.
    this.#memory.fill(0, this.#history + REACH, this.#history + REACH + REST);
    this.#fold(this.#placeOf(bytes, turns, REST), this.#history, this.#rest, REST);
    const crc = this.#plain(0, this.#memory.subarray(this.#rest, this.#rest + REST));
    return this.#plain(crc, bytes.subarray(turns + REST));
  }

  /** The first turn: the seed counts as if it were added to the first four bytes. */
  #begin(seed: number, bytes: Uint8Array): void {
    const memory = this.#memory;
    memory.fill(0, this.#history, this.#history + REACH);
    memory.set(bytes.subarray(0, TURN), this.#copy);
    memory.writeUInt32LE((memory.readUInt32LE(this.#copy) ^ seed) >>> 0, this.#copy);
    this.#fold(this.#copy, this.#history, this.#history + REACH, TURN);
  }

  /** The last of what was folded becomes the history. */
  #moveHistory(used: number): 0 {
    const from = this.#history + used;
    this.#memory.copyWithin(this.#history, from, from + REACH);
    return 0;
  }

  /** Where in the memory they are, or are now. */
  #placeOf(bytes: Uint8Array, from: number, length: number): number {
    if (bytes.buffer === this.#memory.buffer) return bytes.byteOffset + from;
    this.#memory.set(bytes.subarray(from, from + length), this.#copy);
    return this.#copy;
  }
}

interface FoldExports {
  memory: WasmMemory;
  fold: Fold;
}

/**
 * @param bytes size of its buffer
 * @param plain for what is left in the end
 * @returns undefined where the processor or the runtime lacks 128-bit vectors
 */
export function makeFolder(bytes: number, plain: Crc): Folder | undefined {
  const exports = instantiate<{ fold: Fold }>(MODULE);
  try {
    return exports && new Folder(bytes, exports, plain);
  } catch (error) {
    // Its memory cannot grow.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}
