import { corruptError, SalvageError, unsupportedError } from '../errors/salvage-error.ts';
import type { Matrix } from './coding-matrix.ts';
import { type Field, galoisField } from './galois.ts';
import { layeredParities, layersOfKml } from './lrc.ts';
import type { Parity } from './solve.ts';
import {
  DEFAULT_TECHNIQUE,
  dataOnlyDefaults,
  isTechniquePlugin,
  type Technique,
  techniqueOf,
} from './techniques.ts';

/** Erasure code profiles. See docs/formats/erasure-code.md, "Profiles". */

export type Profile = ReadonlyMap<string, string>;

/** What a profile says about the shards of an object. */
export interface CodeLayout {
  /** data chunks */
  k: number;
  /** all shards: ids 0 to shardCount - 1 */
  shardCount: number;
  /** shard id of each data chunk */
  dataShards: number[];
  /** parity shards of which the coefficients are known */
  parities: Parity[];
  /** why not all parity shards are among them */
  unsupported: string | undefined;
  field: Field;
  /** bytes of a packet in the bit matrix codes; undefined: coded word by word */
  packetSize: number | undefined;
}

/** A shard id is an s8 on disk (shard_id_t). */
const MAX_SHARDS = 128;
/** Above it a shard's coding unit could not be held. */
const MAX_PACKET_SIZE = 2 ** 24;

const structure = 'erasure code profile';

/** @throws CORRUPT unless absent, empty or a decimal number within the bounds */
function integer(
  profile: Profile,
  name: string,
  absent: number,
  { min, max }: { min: number; max: number },
): number {
  const text = profile.get(name) ?? '';
  if (text === '') return absent;
  const value = /^\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw corruptError(`${structure}: ${name}=${text}`, {
    structure,
    expected: `${min} to ${max}`,
    found: text,
  });
}

const range = (from: number, to: number): number[] =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

const byteField = (): Field => galoisField(8)!;

function counts(profile: Profile, absent: { k: number; m: number; fixedM?: number }) {
  const bounds = { min: 1, max: MAX_SHARDS };
  const k = integer(profile, 'k', absent.k, bounds);
  const m = absent.fixedM ?? integer(profile, 'm', absent.m, bounds);
  if (k + m > MAX_SHARDS) throw corruptError(`${structure}: k=${k} m=${m} are too many shards`);
  return { k, m };
}

/** Positions of the data chunks and of the others: `mapping` has a D for each data chunk. */
function positions(mapping: string): { data: number[]; others: number[] } {
  const all = range(0, mapping.length);
  return {
    data: all.filter((i) => mapping[i] === 'D'),
    others: all.filter((i) => mapping[i] !== 'D'),
  };
}

function dataOnly(k: number, m: number, unsupported: string): CodeLayout {
  return {
    k,
    shardCount: k + m,
    dataShards: range(0, k),
    parities: [],
    unsupported,
    field: byteField(),
    packetSize: undefined,
  };
}

/**
 * A mapping that moves data chunks: Ceph 16.2 was seen to compute parity over shards 0 to k-1
 * nonetheless, and to overwrite data with it, so no parity of such a pool is trusted.
 */
function withMapping(layout: CodeLayout, mapping: string): CodeLayout {
  const { data } = positions(mapping);
  if (mapping.length !== layout.shardCount || data.length !== layout.k) return layout;
  if (data.every((shard, chunk) => shard === chunk)) return layout;
  return {
    ...dataOnly(layout.k, layout.shardCount - layout.k, 'a pool with a mapping'),
    dataShards: data,
  };
}

function fieldOf(profile: Profile, { w: allowed }: Technique, shards: number): Field {
  const w = integer(profile, 'w', 8, { min: 2, max: 32 });
  const field = galoisField(w);
  if (field === undefined || (allowed !== undefined && !allowed.includes(w)) || shards > 2 ** w) {
    throw corruptError(`${structure}: w=${w} for ${shards} shards`, { structure, found: w });
  }
  return field;
}

function techniqueLayout(profile: Profile, plugin: string, name: string): CodeLayout {
  const technique = techniqueOf(plugin, name);
  if (technique === undefined) {
    const { k, m } = counts(profile, { k: 7, m: 3 });
    return dataOnly(k, m, `technique ${name}`);
  }
  const { k, m } = counts(profile, technique);
  const known = technique.w !== undefined || technique.packets === true;
  const field = known && plugin !== 'isa' ? fieldOf(profile, technique, k + m) : byteField();
  const parities = technique.rows(field, k, m).map((row, i) => ({ shard: k + i, row }));
  return {
    ...dataOnly(k, m, ''),
    parities,
    unsupported: parities.length < m ? `technique ${name}` : undefined,
    field,
    packetSize: technique.packets
      ? integer(profile, 'packetsize', 2048, { min: 1, max: MAX_PACKET_SIZE })
      : undefined,
  };
}

function kmlLayers(profile: Profile, l: number): { mapping: string; layers: string } {
  const { k, m } = counts(profile, { k: 0, m: 0 });
  const layers = layersOfKml(k, m, l);
  if (layers !== undefined) return layers;
  throw corruptError(`${structure}: k=${k} m=${m} l=${l} do not make equal groups`, { structure });
}

function lrcLayout(profile: Profile): CodeLayout {
  // The monitor writes -1 for what is not given.
  const l = profile.get('l') === '-1' ? 0 : integer(profile, 'l', 0, { min: 1, max: MAX_SHARDS });
  const { mapping, layers } =
    l > 0
      ? kmlLayers(profile, l)
      : { mapping: profile.get('mapping') ?? '', layers: profile.get('layers') ?? '' };
  const { data, others } = positions(mapping);
  if (data.length === 0 || mapping.length > MAX_SHARDS) {
    throw corruptError(`${structure}: mapping=${mapping.slice(0, 200)}`, { structure });
  }
  const parities = layeredParities(layers, data, mapping.length, byteMatrix);
  return {
    ...dataOnly(data.length, others.length, ''),
    dataShards: data,
    parities: others.flatMap((shard) => {
      const row = parities.get(shard);
      return row === undefined ? [] : [{ shard, row }];
    }),
    unsupported: others.every((shard) => parities.has(shard)) ? undefined : 'some layer of lrc',
  };
}

/** The parity rows of a layer, when it is coded byte by byte and makes sense. */
function byteMatrix(layer: Profile): Matrix | undefined {
  const plugin = layer.get('plugin') || 'jerasure';
  const technique = techniqueOf(plugin, layer.get('technique') || DEFAULT_TECHNIQUE);
  if (technique === undefined || technique.packets === true) return undefined;
  try {
    const layout = plainLayout(layer, plugin);
    const simple = layout.unsupported === undefined && layout.field.w === 8;
    return simple ? layout.parities.map(({ row }) => row) : undefined;
  } catch (error) {
    // The data shards can be read without.
    if (error instanceof SalvageError) return undefined;
    throw error;
  }
}

function plainLayout(profile: Profile, plugin: string): CodeLayout {
  const layout = techniqueLayout(profile, plugin, profile.get('technique') || DEFAULT_TECHNIQUE);
  return withMapping(layout, profile.get('mapping') ?? '');
}

/**
 * Reads a profile as the osdmap has it. Absent values have the plugin's defaults.
 * @throws CORRUPT for numbers that no pool can have, UNSUPPORTED for unknown plugins
 */
export function codeLayout(profile: Profile): CodeLayout {
  const plugin = profile.get('plugin') || 'jerasure';
  if (plugin === 'lrc') return lrcLayout(profile);
  const defaults = dataOnlyDefaults(plugin);
  if (defaults !== undefined) {
    const { k, m } = counts(profile, defaults);
    return withMapping(dataOnly(k, m, `plugin ${plugin}`), profile.get('mapping') ?? '');
  }
  if (isTechniquePlugin(plugin)) return plainLayout(profile, plugin);
  throw unsupportedError(`${structure}: plugin ${plugin}`, { structure, found: plugin });
}
