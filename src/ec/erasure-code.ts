import { corruptError, type SalvageError, unsupportedError } from '../errors/salvage-error.ts';
import type { Field } from './galois.ts';
import { type Kernel, sharedKernel } from './kernel.ts';
import { applyMap, type LinearMap, linearMap } from './linear-map.ts';
import { type CodeLayout, codeLayout, type Profile } from './profile.ts';
import { type Parity, solve } from './solve.ts';

/** Erasure-coded objects: which shards to read, and missing ones from others. */

export interface ErasureCode {
  /** data chunks */
  readonly k: number;
  /** parity chunks; with lrc the local ones too */
  readonly m: number;
  /** shard id of each data chunk */
  readonly dataShards: readonly number[];
  /**
   * Bytes of a shard that are coded together: `decode` takes whole units, counted from the start of
   * a shard, and a chunk is a multiple of it. 1 in nearly all pools.
   */
  readonly unit: number;
  /** what of the parity cannot be used here, for messages; undefined: all of it can */
  readonly unsupported: string | undefined;
  /**
   * The shards to read for `want` (by default all data shards): those of them that are available,
   * and what the others are made of. Undefined: it cannot be done; `shortage` says why.
   */
  plan(available: ReadonlySet<number>, want?: readonly number[]): { read: number[] } | undefined;
  /** why `plan` gave nothing, as an error to throw or show: CORRUPT or UNSUPPORTED */
  shortage(available: ReadonlySet<number>): SalvageError;
  /**
   * Puts the wanted shards (data or parity) into `out`: into the buffers it has under their ids, or
   * else into new ones; a wanted shard that is among `shards` is passed on without a copy then.
   * @param shards by shard id: the same range of each, as long as each other, whole units
   * @throws CORRUPT when they do not suffice or lengths do not fit, UNSUPPORTED when only parity of
   *   an unknown kind could help
   */
  decode(
    shards: ReadonlyMap<number, Uint8Array>,
    want: readonly number[],
    out: Map<number, Uint8Array>,
  ): void;
}

/** What to read for some shards, and what to do with it. */
interface Recipe {
  /** the wanted shards that are available, and the sources */
  read: number[];
  /** shards that the missing ones are made of, in the order of the map's columns */
  sources: number[];
  missing: number[];
  map: LinearMap;
}

const structure = 'erasure-coded object';
/** Sets of lost shards that are remembered; few are met in one cluster. */
const KEPT_RECIPES = 64;

/** A shard as a sum of shards that are there: the factor of each. */
type Combination = Map<number, number>;

function addMultiple(field: Field, sum: Combination, by: Combination, factor: number): void {
  for (const [shard, coefficient] of by) {
    const value = ((sum.get(shard) ?? 0) ^ field.multiply(factor, coefficient)) >>> 0;
    if (value === 0) sum.delete(shard);
    else sum.set(shard, value);
  }
}

/** Data chunks that a parity shard is made of. With lrc the local parities have few. */
const weight = ({ row }: Parity): number => row.filter((element) => element !== 0).length;

/** Every data chunk as a sum of available shards; undefined: it is lost. */
function dataCombinations(
  { field, dataShards, parities }: CodeLayout,
  available: ReadonlySet<number>,
): (Combination | undefined)[] {
  const missing = [...dataShards.keys()].filter((chunk) => !available.has(dataShards[chunk]!));
  const candidates = parities.filter(({ shard }) => available.has(shard));
  candidates.sort((a, b) => weight(a) - weight(b));
  const solution = solve(field, candidates, missing);

  // What a parity says of the missing chunks, once those that are there are taken out of it.
  const remainders = solution.parities.map(({ shard, row }) => {
    const present = dataShards.flatMap((data, chunk): [number, number][] =>
      row[chunk] !== 0 && available.has(data) ? [[data, row[chunk]!]] : [],
    );
    return new Map([[shard, 1], ...present]);
  });
  return dataShards.map((shard, chunk) => {
    if (available.has(shard)) return new Map([[shard, 1]]);
    const factors = solution.factors[missing.indexOf(chunk)];
    if (factors === undefined) return undefined;
    const sum: Combination = new Map();
    for (const [i, remainder] of remainders.entries()) {
      if (factors[i] !== 0) addMultiple(field, sum, remainder, factors[i]!);
    }
    return sum;
  });
}

/** A wanted shard that is not there as a sum of those that are; undefined: it cannot be had. */
function combinationOf(
  { field, dataShards, parities }: CodeLayout,
  data: readonly (Combination | undefined)[],
  shard: number,
): Combination | undefined {
  const chunk = dataShards.indexOf(shard);
  if (chunk >= 0) return data[chunk];
  const row = parities.find((parity) => parity.shard === shard)?.row;
  if (row === undefined) return undefined;
  const sum: Combination = new Map();
  for (const [j, coefficient] of row.entries()) {
    if (coefficient === 0) continue;
    const part = data[j];
    if (part === undefined) return undefined;
    addMultiple(field, sum, part, coefficient);
  }
  return sum;
}

function makeRecipe(
  layout: CodeLayout,
  available: ReadonlySet<number>,
  want: readonly number[],
): Recipe | undefined {
  const missing = want.filter((shard) => !available.has(shard));
  const data = missing.length > 0 ? dataCombinations(layout, available) : [];
  const combinations: Combination[] = [];
  for (const shard of missing) {
    const combination = combinationOf(layout, data, shard);
    if (combination === undefined) return undefined;
    combinations.push(combination);
  }
  const ascending = (shards: Iterable<number>): number[] =>
    [...new Set(shards)].sort((a, b) => a - b);
  const sources = ascending(combinations.flatMap((combination) => [...combination.keys()]));
  const coefficients = combinations.map((c) => sources.map((shard) => c.get(shard) ?? 0));
  return {
    read: ascending([...sources, ...want.filter((shard) => available.has(shard))]),
    sources,
    missing,
    map: linearMap(layout.field, coefficients, layout.packetSize),
  };
}

function shortageOf(layout: CodeLayout, available: ReadonlySet<number>): SalvageError {
  const { k, shardCount, unsupported } = layout;
  const ids = [...available].filter((id) => id >= 0 && id < shardCount).sort((a, b) => a - b);
  const found = `shards ${ids.join(', ') || 'none'} of ${shardCount}`;
  const data = { structure, expected: `${k} shards`, found };
  if (unsupported !== undefined && ids.length >= k) {
    return unsupportedError(
      `${structure}: ${found} and the parity of ${unsupported} is not supported`,
      data,
    );
  }
  return corruptError(`${structure}: ${found}, ${k} needed`, data);
}

/** The common length of the shards that are read. */
function commonLength(
  shards: ReadonlyMap<number, Uint8Array>,
  read: readonly number[],
  unit: number,
): number {
  const length = shards.get(read[0]!)!.length;
  for (const shard of read) {
    const found = shards.get(shard)!.length;
    if (found !== length) {
      throw corruptError(
        `${structure}: shard ${shard} has ${found} bytes, shard ${read[0]} has ${length}`,
        { structure, expected: length, found },
      );
    }
  }
  if (length % unit !== 0) {
    throw corruptError(`${structure}: shards of ${length} bytes, coded in units of ${unit}`, {
      structure,
      expected: `a multiple of ${unit}`,
      found: length,
    });
  }
  return length;
}

/** The buffer for a shard: the caller's, or a new one. */
function targetOf(out: Map<number, Uint8Array>, shard: number, length: number): Uint8Array {
  const given = out.get(shard);
  if (given !== undefined && given.length !== length) {
    throw new RangeError(`buffer for shard ${shard} has ${given.length} bytes, not ${length}`);
  }
  const target = given ?? new Uint8Array(length);
  out.set(shard, target);
  return target;
}

function passOn(out: Map<number, Uint8Array>, shard: number, bytes: Uint8Array): void {
  if (out.has(shard)) targetOf(out, shard, bytes.length).set(bytes);
  else out.set(shard, bytes);
}

/** Remembers answers, forgetting all when there are too many. */
function remember<Value>(make: (available: ReadonlySet<number>, want: readonly number[]) => Value) {
  const kept = new Map<string, { value: Value }>();
  return (available: ReadonlySet<number>, want: readonly number[]): Value => {
    const key = `${[...available].sort((a, b) => a - b)}>${want}`;
    const known = kept.get(key) ?? { value: make(available, want) };
    if (kept.size >= KEPT_RECIPES) kept.clear();
    kept.set(key, known);
    return known.value;
  };
}

/**
 * The code of a pool.
 * @param profile as the osdmap has it; absent values have Ceph's defaults
 * @param kernel for tests; by default the fastest there is
 * @throws CORRUPT for numbers that no pool can have, UNSUPPORTED for unknown plugins. Plugins whose
 *   parity is not known here do not throw: they can `plan` as long as the data shards are there.
 */
export function erasureCode(profile: Profile, kernel: Kernel = sharedKernel()): ErasureCode {
  const layout = codeLayout(profile);
  const { k, shardCount, dataShards, unsupported, field, packetSize } = layout;
  const unit = packetSize === undefined ? field.w / 8 : field.w * packetSize;
  const recipeFor = remember((available, want) => makeRecipe(layout, available, want));

  return {
    k,
    m: shardCount - k,
    dataShards,
    unit,
    unsupported,
    plan: (available, want = dataShards) => {
      const recipe = recipeFor(available, want);
      return recipe && { read: [...recipe.read] };
    },
    shortage: (available) => shortageOf(layout, available),
    decode: (shards, want, out) => {
      const available = new Set(shards.keys());
      const recipe = recipeFor(available, want);
      if (recipe === undefined) throw shortageOf(layout, available);
      if (recipe.read.length === 0) return;
      const { read, sources, missing, map } = recipe;
      const length = commonLength(shards, read, missing.length > 0 ? unit : 1);
      for (const shard of want) {
        if (available.has(shard)) passOn(out, shard, shards.get(shard)!);
      }
      if (missing.length === 0) return;
      const targets = missing.map((shard) => targetOf(out, shard, length));
      applyMap(
        map,
        kernel,
        sources.map((shard) => shards.get(shard)!),
        targets,
      );
    },
  };
}
