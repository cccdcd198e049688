import { binaryKey } from '../bytes/names.ts';
import type { Cluster } from './cluster.ts';
import { lowBits } from './pg-cells.ts';
import type { PgCopy } from './pg-copies.ts';

/** Objects, copies counted singly, that are compared in the PGs of a pool; 8 bytes each. */
const LIMIT = 1 << 24;
const FIRST_CAPACITY = 1 << 10;

/** Tells numbers apart: a few hundred, or millions. */
class Distinct {
  #values = new Float64Array(FIRST_CAPACITY);
  #length = 0;

  add(value: number): void {
    if (this.#length === this.#values.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.#length++] = value;
  }

  count(): number {
    const sorted = this.#values.subarray(0, this.#length).sort();
    let n = 0;
    for (const [i, value] of sorted.entries()) if (i === 0 || value !== sorted[i - 1]) n++;
    return n;
  }
}

/** Mixes all bits of 32 with those of `seed` (MurmurHash3's steps, which are in the public domain). */
function mix(seed: number, value: number): number {
  let k = Math.imul(value, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = seed ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** 53 bits, equal for equal objects: two of millions that are taken for one make a PG seem to lack an object. */
function objectCode(group: number, objectNo: number, snap: number): number {
  const parts = [group, objectNo | 0, Math.floor(objectNo / 2 ** 32), snap | 0];
  let low = 0x2545f491;
  let high = 0x1b56c4e9;
  for (const part of parts) {
    low = mix(low, part);
    high = mix(high ^ low, part);
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}

/** What copies of one PG hold together. */
interface Held {
  /** by index of their OSDs */
  copies: Map<number, PgCopy>;
  distinct: Distinct;
  /** objects that the catalog has by name or row, by OSD */
  known: Map<number, number>;
}

/**
 * Counts the different objects that copies of PGs hold together, of whatever kind: of those that a catalog has merely counted,
 * as many as the copy that has most.
 * @param cells the copies by low `bits` of their objects' hashes
 * @returns by cell; undefined: there are more of them than can be compared
 * @throws CORRUPT when a catalog is damaged there
 */
export function countTogether(
  cluster: Cluster,
  pool: number,
  bits: number,
  cells: ReadonlyMap<number, readonly PgCopy[]>,
): Map<number, number> | undefined {
  const held = new Map<number, Held>();
  for (const [cell, copies] of cells) {
    const byOsd = new Map(copies.map((copy) => [copy.osd.index, copy]));
    held.set(cell, { copies: byOsd, distinct: new Distinct(), known: new Map() });
  }
  const osds = new Set([...cells.values()].flat().map(({ osd }) => osd));
  let left = LIMIT;
  const heldBy = (osd: number, hash: number): Held | undefined => {
    const own = held.get(lowBits(hash, bits));
    return own?.copies.has(osd) && --left >= 0 ? own : undefined;
  };
  const add = ({ distinct, known }: Held, osd: number, code: number): void => {
    distinct.add(code);
    known.set(osd, (known.get(osd) ?? 0) + 1);
  };
  let groups = 0;
  for (const { pool: own, postings } of cluster.dataPrefixes()) {
    if (own !== pool) continue;
    const group = groups++;
    for (const { osd, segment, group: entry } of postings) {
      if (!osds.has(osd)) continue;
      if (left < 0) return undefined;
      const { length, objectNo, snap, hash, unit } = segment.rows(entry);
      for (let i = 0; i < length; i++) {
        if (segment.dead.has(unit[i]!)) continue;
        const pg = heldBy(osd.index, hash[i]!);
        if (pg !== undefined) add(pg, osd.index, objectCode(group, objectNo[i]!, snap[i]!));
      }
    }
  }
  const names = new Map<string, number>();
  for (const osd of osds) {
    for (const segment of osd.catalog.segments) {
      for (const { id } of segment.named()) {
        // A PG's metadata is none of its objects.
        if (id.pool !== pool || id.name.length === 0) continue;
        const pg = heldBy(osd.index, id.hash);
        if (pg === undefined) continue;
        const name = [...[id.namespace, id.key, id.name].map(binaryKey), id.snap].join('/');
        const number = names.get(name) ?? names.size;
        names.set(name, number);
        add(pg, osd.index, objectCode(-1, number, 0));
      }
    }
  }
  if (left < 0) return undefined;
  return new Map(
    [...held].map(([cell, { copies, distinct, known }]) => {
      const others = [...copies].map(([osd, { listed }]) => listed - (known.get(osd) ?? 0));
      return [cell, distinct.count() + Math.max(0, ...others)];
    }),
  );
}
