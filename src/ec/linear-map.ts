import type { Field } from './galois.ts';
import type { Kernel } from './kernel.ts';

/**
 * Sums of multiples of shards, over many bytes at once.
 *
 * A chunk is taken apart into planes, such that the code maps planes to planes byte by byte:
 * - words (w = 8, 16, 32 bits): plane i has byte i of every little-endian word;
 * - packets: plane i has packet i of every unit of w packets, and only exclusive ors are left.
 * See docs/formats/erasure-code.md, "Words and packets".
 */
export interface LinearMap {
  sources: number;
  targets: number;
  /** planes of a chunk */
  planes: number;
  /** bytes that neighbour in a plane: 1, or those of a packet */
  run: number;
  /** target plane, source plane, table (or XOR), again and again */
  steps: Int32Array;
  /** 32 bytes each: the images of 0x00 .. 0x0f, then of 0x00, 0x10 .. 0xf0 */
  tables: Uint8Array;
}

const XOR = -1;
const TABLE_BYTES = 32;
/** Bytes of a plane that are worked on together: all planes should stay in the processor's cache. */
const BLOCK = 4096;
const PACKET_BLOCK = 2048;

/** Coefficient of each source, for each target. */
type Coefficients = readonly (readonly number[])[];

interface Builder {
  steps: number[];
  tables: number[];
}

/** Byte `to` of coefficient * (byte value at `from`), for the low and then the high nibbles. */
function table(field: Field, coefficient: number, from: number, to: number): number[] {
  const images = (shift: number): number[] =>
    Array.from({ length: 16 }, (_, nibble) => {
      const value = (nibble << shift) << (8 * from);
      return (field.multiply(coefficient, value >>> 0) >>> (8 * to)) & 0xff;
    });
  return [...images(0), ...images(4)];
}

function wordSteps(
  field: Field,
  coefficient: number,
  to: number,
  from: number,
  out: Builder,
): void {
  const planes = field.w / 8;
  for (let i = 0; i < planes; i++) {
    for (let j = 0; j < planes; j++) {
      if (coefficient === 1 && i !== j) continue;
      const step = coefficient === 1 ? XOR : out.tables.length / TABLE_BYTES;
      if (step !== XOR) out.tables.push(...table(field, coefficient, j, i));
      out.steps.push(to * planes + i, from * planes + j, step);
    }
  }
}

/** Bit i of coefficient * 2^j says whether source packet j is part of target packet i. */
function packetSteps(
  field: Field,
  coefficient: number,
  to: number,
  from: number,
  out: Builder,
): void {
  const { w } = field;
  for (let j = 0; j < w; j++) {
    const column = field.multiply(coefficient, 2 ** j);
    for (let i = 0; i < w; i++) {
      if (((column >>> i) & 1) !== 0) out.steps.push(to * w + i, from * w + j, XOR);
    }
  }
}

/** @param packetSize undefined: words */
export function linearMap(
  field: Field,
  coefficients: Coefficients,
  packetSize: number | undefined,
): LinearMap {
  const out: Builder = { steps: [], tables: [] };
  const add = packetSize === undefined ? wordSteps : packetSteps;
  for (const [to, row] of coefficients.entries()) {
    for (const [from, coefficient] of row.entries()) {
      if (coefficient !== 0) add(field, coefficient, to, from, out);
    }
  }
  return {
    sources: coefficients[0]?.length ?? 0,
    targets: coefficients.length,
    planes: packetSize === undefined ? field.w / 8 : field.w,
    run: packetSize ?? 1,
    steps: Int32Array.from(out.steps),
    tables: Uint8Array.from(out.tables),
  };
}

/** A piece of every plane: `count` runs of `run` bytes each, `offset` bytes into their runs. */
interface Block {
  firstRun: number;
  count: number;
  offset: number;
  run: number;
}

/** All blocks of chunks that have `runs` runs in every plane. */
function* blocks({ run, planes }: LinearMap, runs: number): Generator<Block> {
  if (run === 1) {
    for (let firstRun = 0; firstRun < runs; firstRun += BLOCK) {
      yield { firstRun, count: Math.min(BLOCK, runs - firstRun), offset: 0, run: 1 };
    }
    return;
  }
  // Many planes: smaller pieces, or they leave the cache.
  const size = planes > 8 ? PACKET_BLOCK / 2 : PACKET_BLOCK;
  const count = Math.max(1, Math.floor(size / run));
  for (let firstRun = 0; firstRun < runs; firstRun += count) {
    for (let offset = 0; offset < run; offset += size) {
      const left = Math.min(size, run - offset);
      yield { firstRun, count: Math.min(count, runs - firstRun), offset, run: left };
    }
  }
}

/** Calls `copy` with the place of each run of a block: in the plane, and in the shard. */
function forEachRun(
  map: LinearMap,
  plane: number,
  block: Block,
  copy: (inPlane: number, inShard: number) => void,
): void {
  const stride = map.planes * map.run;
  let inShard = block.firstRun * stride + plane * map.run + block.offset;
  for (let i = 0; i < block.count; i++, inShard += stride) copy(i * block.run, inShard);
}

function loadPlane(
  map: LinearMap,
  plane: number,
  block: Block,
  shard: Uint8Array,
  to: Uint8Array,
): void {
  if (map.planes === 1) {
    to.set(shard.subarray(block.firstRun, block.firstRun + block.count));
  } else if (map.run === 1) {
    const { planes } = map;
    for (let i = 0, at = block.firstRun * planes + plane; i < block.count; i++, at += planes) {
      to[i] = shard[at]!;
    }
  } else {
    forEachRun(map, plane, block, (inPlane, inShard) => {
      to.set(shard.subarray(inShard, inShard + block.run), inPlane);
    });
  }
}

function storePlane(
  map: LinearMap,
  plane: number,
  block: Block,
  shard: Uint8Array,
  from: Uint8Array,
): void {
  if (map.planes === 1) {
    shard.set(from.subarray(0, block.count), block.firstRun);
  } else if (map.run === 1) {
    const { planes } = map;
    for (let i = 0, at = block.firstRun * planes + plane; i < block.count; i++, at += planes) {
      shard[at] = from[i]!;
    }
  } else {
    forEachRun(map, plane, block, (inPlane, inShard) => {
      shard.set(from.subarray(inPlane, inPlane + block.run), inShard);
    });
  }
}

/** A plane's place in the scratch memory: room for the largest block, and for whole vectors. */
const PLANE_BYTES = BLOCK;

/**
 * Fills `targets` (in the order of the map's coefficients). All of equal length, a whole number of
 * units; nothing of it is checked here.
 */
export function applyMap(
  map: LinearMap,
  kernel: Kernel,
  sources: readonly Uint8Array[],
  targets: readonly Uint8Array[],
): void {
  const { planes, run, steps, tables } = map;
  const sourcesAt = map.targets * planes * PLANE_BYTES;
  const tablesAt = sourcesAt + map.sources * planes * PLANE_BYTES;
  const memory = kernel.memory(tablesAt + tables.length);
  memory.set(tables, tablesAt);
  const plane = (base: number, index: number): Uint8Array =>
    memory.subarray(base + index * PLANE_BYTES, base + (index + 1) * PLANE_BYTES);

  for (const block of blocks(map, (targets[0]?.length ?? 0) / (planes * run))) {
    const length = Math.ceil((block.count * block.run) / 16) * 16;
    for (const [s, source] of sources.entries()) {
      for (let i = 0; i < planes; i++) {
        loadPlane(map, i, block, source, plane(sourcesAt, s * planes + i));
      }
    }
    for (let i = 0; i < map.targets * planes; i++) plane(0, i).fill(0, 0, length);
    for (let i = 0; i < steps.length; i += 3) {
      const target = steps[i]! * PLANE_BYTES;
      const source = sourcesAt + steps[i + 1]! * PLANE_BYTES;
      const step = steps[i + 2]!;
      if (step === XOR) kernel.xor(target, source, length);
      else kernel.map(target, source, length, tablesAt + step * TABLE_BYTES);
    }
    for (const [t, target] of targets.entries()) {
      for (let i = 0; i < planes; i++) storePlane(map, i, block, target, plane(0, t * planes + i));
    }
  }
}
