import { readFileSync } from 'node:fs';

/** An object of an erasure-coded pool as Ceph 16.2 stored it; see data/README.md. */
export interface Vector {
  name: string;
  profile: Map<string, string>;
  stripeWidth: number;
  /** logical bytes */
  size: number;
  /** of the logical bytes */
  sha256: string;
  /** by shard id */
  shards: Uint8Array[];
}

interface StoredVector extends Omit<Vector, 'profile' | 'shards'> {
  profile: Record<string, string>;
  shards: string[];
}

const file = new URL('data/vectors.json', import.meta.url);
const stored = (JSON.parse(readFileSync(file, 'utf8')) as { vectors: StoredVector[] }).vectors;

export const VECTORS: Vector[] = stored.map((vector) => ({
  ...vector,
  profile: new Map(Object.entries(vector.profile)),
  shards: vector.shards.map((text) => new Uint8Array(Buffer.from(text, 'base64'))),
}));

export const vectorOf = (name: string): Vector => {
  const found = VECTORS.find((vector) => vector.name === name);
  if (found === undefined) throw new Error(`no vector ${name}`);
  return found;
};

/** Every set of 1 to `most` of `count` shards. */
export function* losses(
  count: number,
  most: number,
  from = 0,
  lost: number[] = [],
): Generator<number[]> {
  if (lost.length > 0) yield lost;
  if (lost.length === most) return;
  for (let id = from; id < count; id++) yield* losses(count, most, id + 1, [...lost, id]);
}

export const without = (shards: readonly Uint8Array[], lost: readonly number[]) =>
  new Map([...shards.entries()].filter(([id]) => !lost.includes(id)));
