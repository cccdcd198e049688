import type { Matrix } from './coding-matrix.ts';
import { galoisField } from './galois.ts';

/** Layers of locally repairable codes. See docs/formats/erasure-code.md, "Layers". */

interface Layer {
  data: number[];
  coding: number[];
  profile: Map<string, string>;
}

/** Far above what anybody has: one for each shard would be 128. */
const MAX_LAYERS = 128;

/** A layer's own parameters: an object, or text that is JSON or `name=value` words. */
function parameters(value: unknown): Map<string, string> {
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).map(([name, text]) => [name, String(text)]));
  }
  const text = typeof value === 'string' ? value.trim() : '';
  if (text.startsWith('{')) return parameters(JSON.parse(text));
  return new Map(
    text
      .split(/[\s,;]+/)
      .filter((word) => word !== '')
      .map((word): [string, string] => {
        const [name = '', ...rest] = word.split('=');
        return [name, rest.join('=')];
      }),
  );
}

function layerOf(value: unknown, shardCount: number): Layer {
  const [map, options]: unknown[] = Array.isArray(value) ? value : [];
  if (typeof map !== 'string' || map.length !== shardCount) throw new SyntaxError('layer');
  const at = (letter: string): number[] =>
    Array.from(map, (c, i) => (c === letter ? i : -1)).filter((i) => i >= 0);
  const data = at('D');
  const coding = at('c');
  const defaults = { k: String(data.length), m: String(coding.length) };
  const profile = new Map([...Object.entries(defaults), ...parameters(options)]);
  return { data, coding, profile };
}

/** Ceph's JSON reader lets a comma stand before a closing bracket, and its own layers have one. */
function parseLayers(text: string, shardCount: number): Layer[] {
  try {
    const layers: unknown = JSON.parse(text.replace(/,(?=\s*\])/g, ''));
    if (!Array.isArray(layers) || layers.length > MAX_LAYERS) return [];
    return layers.map((layer) => layerOf(layer, shardCount));
  } catch {
    return [];
  }
}

/**
 * Ceph begins with the last layer that covers all shards. When that is not the first (one local group
 * over everything), the parity of those before it is never computed: seen in 16.2.
 */
function codedLayers(layers: Layer[], shardCount: number): Layer[] {
  const first = layers.findLastIndex(
    ({ data, coding }) => new Set([...data, ...coding]).size === shardCount,
  );
  return layers.slice(Math.max(0, first));
}

/**
 * The layers that stand for k, m and l: a global one, and groups of l chunks, each followed by its
 * own parity. Undefined when that does not come out even.
 */
export function layersOfKml(
  k: number,
  m: number,
  l: number,
): { mapping: string; layers: string } | undefined {
  const groups = (k + m) / l;
  if (![groups, k / groups, m / groups].every(Number.isInteger)) return undefined;
  const group = (coding: string): string => 'D'.repeat(k / groups) + coding.repeat(m / groups);
  const local = (own: number): string =>
    Array.from({ length: groups }, (_, i) =>
      i === own ? `${'D'.repeat(l)}c` : '_'.repeat(l + 1),
    ).join('');
  const maps = [
    `${group('c')}_`.repeat(groups),
    ...Array.from({ length: groups }, (_, i) => local(i)),
  ];
  return {
    mapping: `${group('_')}_`.repeat(groups),
    layers: JSON.stringify(maps.map((map) => [map, ''])),
  };
}

/** The sum of `rows`, each times its coefficient; undefined when one of them is not known. */
function combined(
  coefficients: readonly number[],
  rows: readonly (readonly number[] | undefined)[],
  k: number,
): number[] | undefined {
  const { multiply } = galoisField(8)!;
  const sum = new Array<number>(k).fill(0);
  for (const [i, row] of rows.entries()) {
    if (row === undefined) return undefined;
    for (let j = 0; j < k; j++) sum[j]! ^= multiply(coefficients[i]!, row[j]!);
  }
  return sum;
}

/**
 * Coefficients of the data chunks in every parity shard that can be told. Layers are coded in order,
 * so the data of one can be the parity of another.
 * @param text JSON: [[map, parameters], ...]; a map has one letter a shard, D for data, c for coding
 * @param dataShards shard id of each data chunk
 * @param matrixOf the parity rows of a layer's own profile; undefined when not known
 */
export function layeredParities(
  text: string,
  dataShards: readonly number[],
  shardCount: number,
  matrixOf: (profile: ReadonlyMap<string, string>) => Matrix | undefined,
): Map<number, number[]> {
  const k = dataShards.length;
  const unit = (chunk: number): number[] => Array.from({ length: k }, (_, i) => +(i === chunk));
  const layers = codedLayers(parseLayers(text, shardCount), shardCount);
  const rows = new Map(dataShards.map((shard, chunk) => [shard, unit(chunk)]));
  for (const { data, coding, profile } of layers) {
    const matrix = matrixOf(profile);
    const sources = data.map((shard) => rows.get(shard));
    for (const [i, shard] of coding.entries()) {
      const coefficients = matrix?.[i];
      const fits = coefficients?.length === data.length && matrix?.length === coding.length;
      const row = fits ? combined(coefficients, sources, k) : undefined;
      if (row !== undefined && !dataShards.includes(shard)) rows.set(shard, row);
    }
  }
  for (const shard of dataShards) rows.delete(shard);
  return rows;
}
