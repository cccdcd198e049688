import type { MetadataObject } from '../catalog/metadata.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { Cluster, ClusterOsd } from './cluster.ts';
import {
  type BlindPg,
  blindPgsOf,
  type PgCopy,
  pgCopyOf,
  unlistedCollections,
} from './pg-copies.ts';
import { choosePgAuthority, type PgDecision } from './pg-decision.ts';
import { wentOnWithout } from './went-on-without.ts';

const maxOf = (numbers: readonly number[]): number => numbers.reduce((a, b) => Math.max(a, b), 0);

/** What the OSDs here hold of one pool. */
interface PoolPgs {
  copies: PgCopy[];
  blind: BlindPg[];
}

/** The PGs of a cluster: which copies there are of each, and which of them counts. */
export class PgAuthority {
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  #byPool: Map<number, PoolPgs> | undefined;
  readonly #decisions = new Map<string, PgDecision>();
  readonly #cellBits = new Map<number, number>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  #pgs(pool: number): PoolPgs {
    this.#byPool ??= this.#load();
    return this.#byPool.get(pool) ?? { copies: [], blind: [] };
  }

  #load(): Map<number, PoolPgs> {
    const byPool = new Map<number, PoolPgs>();
    const entry = (pool: number): PoolPgs => {
      const known = byPool.get(pool) ?? { copies: [], blind: [] };
      byPool.set(pool, known);
      return known;
    };
    const pgNumOf = (pool: number) => this.#cluster.osdMap?.pools.get(pool)?.pgNum;
    for (const osd of this.#cluster.osds) {
      const unlisted = unlistedCollections(osd.catalog);
      const metadata = this.#metadataOf(osd);
      const note = (text: string) => this.problems.push(text);
      const copies = metadata
        .map((object) => pgCopyOf(osd, object, unlisted, pgNumOf, note))
        .filter((copy) => copy !== undefined);
      for (const copy of copies) entry(copy.pool).copies.push(copy);
      for (const pg of blindPgsOf(osd, copies, metadata, unlisted, pgNumOf))
        entry(pg.pool).blind.push(pg);
    }
    return byPool;
  }

  #metadataOf(osd: ClusterOsd): MetadataObject[] {
    try {
      return osd.catalog.pgMetadata();
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.problems.push(`${osd.name}: ${errorText(error)}`);
      return [];
    }
  }

  /** True when no PG metadata could be read at all: then absence says nothing about PGs. */
  get isBlind(): boolean {
    this.#byPool ??= this.#load();
    return [...this.#byPool.values()].every(({ copies }) => copies.length === 0);
  }

  /** The decision for objects of `pool` with placement hash `hash`; made once for each PG. */
  decide(pool: number, hash: number): PgDecision {
    let bits = this.#cellBits.get(pool);
    if (bits === undefined) {
      // The finest split that any copy has seen: within such a cell all hashes have the same copies.
      const { copies, blind } = this.#pgs(pool);
      bits = Math.min(32, maxOf([...copies, ...blind].map((pg) => pg.bits)));
      this.#cellBits.set(pool, bits);
    }
    const cell = lowBits(hash, bits);
    const key = `${pool}/${cell}`;
    let decision = this.#decisions.get(key);
    if (decision === undefined) {
      decision = this.#decide(pool, cell);
      this.#decisions.set(key, decision);
    }
    return decision;
  }

  #decide(pool: number, cell: number): PgDecision {
    const covers = (pg: { bits: number; seed: number }) => lowBits(cell, pg.bits) === pg.seed;
    const { copies, blind } = this.#pgs(pool);
    const held = copies.filter(covers);
    const blindHere = blind
      .filter(covers)
      .filter(({ osd }) => !held.some((copy) => copy.osd === osd));
    const decision = choosePgAuthority(held, {
      erasure: this.#cluster.osdMap?.pools.get(pool)?.type === 'erasure',
      blind: new Map(blindHere.map(({ osd }) => [osd.index, osd.name])),
      wentOn: (peers, all) => wentOnWithout(this.#cluster.osdMap, pool, peers, all),
    });
    const unlisted = blindHere.find((pg) => pg.unlisted);
    if (unlisted === undefined || decision.absenceDoubt !== undefined) return decision;
    return {
      ...decision,
      absenceDoubt: `${unlisted.osd.name} holds the PG, which cannot be listed there`,
    };
  }
}

const lowBits = (hash: number, bits: number): number =>
  bits >= 32 ? hash : (hash & (2 ** bits - 1)) >>> 0;
