import { corruptError, type SalvageError, unsupportedError } from '../errors/salvage-error.ts';
import { type Kernel, sharedKernel } from './kernel.ts';
import { applyMap } from './linear-map.ts';
import { type CodeLayout, codeLayout, type Profile } from './profile.ts';
import { makeRecipe, type Recipe } from './recipe.ts';

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

const structure = 'erasure-coded object';
/** Sets of lost shards that are remembered; few are met in one cluster. */
const KEPT_RECIPES = 64;
/** Four bytes each: absurd profiles have long recipes. */
const KEPT_STEPS = 2 ** 22;

function shortageOf(layout: CodeLayout, available: ReadonlySet<number>): SalvageError {
  const { k, shardCount, unsupported } = layout;
  const ids = [...available].filter((id) => id >= 0 && id < shardCount).sort((a, b) => a - b);
  const which = ids.length === 0 ? '' : ` (number${ids.length > 1 ? 's' : ''} ${ids.join(', ')})`;
  const found = `${ids.length} of its ${shardCount} shards${which}`;
  const data = { structure, expected: `${k} shards`, found };
  if (unsupported !== undefined && ids.length >= k) {
    return unsupportedError(
      `${structure}: ${found}, and the parity of ${unsupported} is not supported`,
      data,
    );
  }
  const why = ids.length < k ? `${k} needed` : 'which do not determine the others';
  return corruptError(`${structure}: ${found}, ${why}`, data);
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

/** Remembers recipes: an object needs the one that its neighbour needed. */
function recipeBook(layout: CodeLayout) {
  const kept = new Map<string, { recipe: Recipe | undefined }>();
  let steps = 0;
  return (available: ReadonlySet<number>, want: readonly number[]): Recipe | undefined => {
    const key = `${[...available].sort((a, b) => a - b)}>${want}`;
    const known = kept.get(key);
    if (known !== undefined) return known.recipe;
    if (kept.size >= KEPT_RECIPES || steps >= KEPT_STEPS) {
      kept.clear();
      steps = 0;
    }
    const recipe = makeRecipe(layout, available, want);
    steps += recipe?.map.steps.length ?? 0;
    kept.set(key, { recipe });
    return recipe;
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
  const recipeFor = recipeBook(layout);

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
