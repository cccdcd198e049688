import type { Field } from './galois.ts';
import { type LinearMap, linearMap } from './linear-map.ts';
import type { CodeLayout } from './profile.ts';
import { solve } from './solve.ts';

/** What to read for some shards, and what to do with it. */
export interface Recipe {
  /** the wanted shards that are available, and the sources */
  read: number[];
  /** shards that the missing ones are made of, in the order of the map's columns */
  sources: number[];
  missing: number[];
  map: LinearMap;
}

/** A shard as a sum of shards that are there: the factor of each. */
type Combination = Map<number, number>;

function addMultiple(field: Field, sum: Combination, by: Combination, factor: number): void {
  for (const [shard, coefficient] of by) {
    const value = ((sum.get(shard) ?? 0) ^ field.multiply(factor, coefficient)) >>> 0;
    if (value === 0) sum.delete(shard);
    else sum.set(shard, value);
  }
}

/** Every data chunk as a sum of available shards; undefined: it is lost. */
function dataCombinations(
  { field, dataShards, parities }: CodeLayout,
  available: ReadonlySet<number>,
): (Combination | undefined)[] {
  const missing = [...dataShards.keys()].filter((chunk) => !available.has(dataShards[chunk]!));
  const candidates = parities.filter(({ shard }) => available.has(shard));
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

/** Undefined: the available shards do not suffice. */
export function makeRecipe(
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
