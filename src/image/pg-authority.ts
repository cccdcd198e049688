import type { MetadataObject } from '../catalog/metadata.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { Cluster, ClusterOsd } from './cluster.ts';
import { lowBits, PgCells } from './pg-cells.ts';
import {
  type BlindPg,
  blindPgsOf,
  type PgCopy,
  pgCopyOf,
  unlistedCollections,
} from './pg-copies.ts';
import { choosePgAuthority, type PgDecision, shortPeers } from './pg-decision.ts';
import { PgNumGuess } from './pg-num-guess.ts';
import { countTogether } from './pg-union.ts';
import { isDiskOf, isOutdated, wentOnWithout } from './went-on-without.ts';

/** What the OSDs here hold of one pool. */
interface PoolPgs {
  copies: PgCells<PgCopy>;
  blind: PgCells<BlindPg>;
  /** no map tells pg_num, and not every collection its bits */
  guessed: boolean;
}

const emptyPool = (): PoolPgs => ({
  copies: new PgCells(),
  blind: new PgCells(),
  guessed: false,
});

/** Decisions kept: PGs that OSDs have in common are few, what a damaged collection claims is not. */
const KEPT_DECISIONS = 65_536;

/** No pool has more PGs; what damaged collections claim beyond is not looked at together. */
const MAX_BITS = 16;

/** The PGs of a cluster: which copies there are of each, and which of them counts. */
export class PgAuthority {
  readonly problems: string[] = [];
  readonly #cluster: Cluster;
  #byPool: Map<number, PoolPgs> | undefined;
  #scanned: Set<number | undefined> | undefined;
  /** OSDs none of whose PGs knows that they were started again */
  readonly #outdated = new Set<number>();
  readonly #decisions = new Map<string, PgDecision>();
  readonly #cellBits = new Map<number, number>();
  /** by pool, of PGs no copy of which is whole: objects that their copies have together */
  readonly #together = new Map<number, Map<number, number>>();
  /** doubts that others told of, by pool, bits and cell */
  readonly #told = new Map<number, Map<number, Map<number, string>>>();

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  #pgs(pool: number): PoolPgs {
    this.#byPool ??= this.#load();
    return this.#byPool.get(pool) ?? emptyPool();
  }

  #load(): Map<number, PoolPgs> {
    const byPool = new Map<number, PoolPgs>();
    const entry = (pool: number): PoolPgs => {
      const known = byPool.get(pool) ?? emptyPool();
      byPool.set(pool, known);
      return known;
    };
    const { osds, osdMap } = this.#cluster;
    const metadata = osds.map((osd) => this.#metadataOf(osd));
    const guess = new PgNumGuess();
    for (const [i, { catalog }] of osds.entries()) guess.add(catalog, metadata[i]!);
    const pgNumOf = (pool: number) => osdMap?.pools.get(pool)?.pgNum ?? guess.of(pool);
    const note = (text: string) => this.problems.push(text);
    for (const [i, osd] of osds.entries()) {
      const unlisted = unlistedCollections(osd.catalog);
      const copies = metadata[i]!.map((object) =>
        pgCopyOf(osd, object, unlisted, pgNumOf, note),
      ).filter((copy) => copy !== undefined);
      for (const copy of copies) entry(copy.pool).copies.add(copy);
      if (copies.length > 0 && copies.every((copy) => isOutdated(osdMap, copy))) {
        this.#outdated.add(osd.index);
      }
      for (const pg of blindPgsOf(osd, copies, metadata[i]!, unlisted, pgNumOf))
        entry(pg.pool).blind.add(pg);
    }
    for (const pool of guess.used) {
      entry(pool).guessed = true;
      note(`pool ${pool}: no OSD map tells its pg_num, by its PGs here it is ${guess.of(pool)}`);
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

  /** Was the disk scanned that an OSD of this number had last? One that was replaced, or an old copy of it, is another. */
  readonly isScanned = (osd: number): boolean => {
    this.#byPool ??= this.#load();
    const { osds, osdMap } = this.#cluster;
    this.#scanned ??= new Set(
      osds
        .filter(({ index, catalog }) => {
          return isDiskOf(osdMap, catalog.identity) && !this.#outdated.has(index);
        })
        .map(({ catalog }) => catalog.identity.whoami),
    );
    return this.#scanned.has(osd);
  };

  /** True when no PG metadata could be read at all: then absence says nothing about PGs. */
  get isBlind(): boolean {
    this.#byPool ??= this.#load();
    return [...this.#byPool.values()].every(({ copies }) => copies.isEmpty);
  }

  /** How many low bits of a hash tell which copies a pool has of an object; 32 at the most. */
  bitsOf(pool: number): number {
    let bits = this.#cellBits.get(pool);
    if (bits === undefined) {
      const { copies, blind } = this.#pgs(pool);
      bits = Math.max(copies.bits, blind.bits);
      this.#cellBits.set(pool, bits);
    }
    return bits;
  }

  /** The decision for objects of `pool` with placement hash `hash`; made once for each PG. */
  decide(pool: number, hash: number): PgDecision {
    const cell = lowBits(hash, this.bitsOf(pool));
    const key = `${pool}/${cell}`;
    let decision = this.#decisions.get(key);
    if (decision === undefined) {
      decision = this.#decide(pool, cell);
      if (this.#decisions.size >= KEPT_DECISIONS) this.#decisions.clear();
      this.#decisions.set(key, decision);
    }
    return decision;
  }

  #decide(pool: number, cell: number): PgDecision {
    const { copies, blind, guessed } = this.#pgs(pool);
    const held = copies.covering(cell).sort((a, b) => a.osd.index - b.osd.index);
    const blindHere = blind
      .covering(cell)
      .filter(({ osd }) => !held.some((copy) => copy.osd === osd));
    const { osdMap } = this.#cluster;
    const decision = choosePgAuthority(held, {
      erasure: this.#isErasure(pool),
      blind: new Map(blindHere.map(({ osd }) => [osd.index, osd.name])),
      wentOn: (peers, all) => wentOnWithout(osdMap, pool, peers, all, this.isScanned),
      together: () => this.#objectsTogether(pool).get(cell),
    });
    const unlisted = blindHere.find((pg) => pg.unlisted);
    const why = unlisted
      ? `${unlisted.osd.name} holds the PG, which cannot be listed there`
      : guessed
        ? "the pool's pg_num is a guess: its PG may be on none of the OSDs"
        : undefined;
    const also = this.#toldOf(pool, cell);
    const absenceDoubt = decision.absenceDoubt ?? also ?? why;
    if (also === undefined) return { ...decision, absenceDoubt };
    return { ...decision, agreed: false, doubt: decision.doubt ?? also, absenceDoubt };
  }

  /** Looks at all PGs of a pool at once: their objects lie together in the catalog. */
  #objectsTogether(pool: number): Map<number, number> {
    let together = this.#together.get(pool);
    if (together === undefined) {
      together = this.#countTogether(pool) ?? new Map<number, number>();
      this.#together.set(pool, together);
    }
    return together;
  }

  #countTogether(pool: number): Map<number, number> | undefined {
    const bits = this.bitsOf(pool);
    if (bits > MAX_BITS) return undefined;
    const erasure = this.#isErasure(pool);
    const short = new Map<number, readonly PgCopy[]>();
    for (let cell = 0; cell < 2 ** bits; cell++) {
      const peers = shortPeers(this.#pgs(pool).copies.covering(cell), { erasure });
      if (peers !== undefined) short.set(cell, peers);
    }
    try {
      return countTogether(this.#cluster, pool, bits, short);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
      this.problems.push(`pool ${pool}: its objects cannot be counted: ${errorText(error)}`);
      return undefined;
    }
  }

  #isErasure(pool: number): boolean {
    return this.#cluster.osdMap?.pools.get(pool)?.type === 'erasure';
  }

  /**
   * Notes why what the copies here of a PG say may be out of date, where something else than they tells so.
   * @param hash one of those whose low `bits` are the PG's
   */
  doubtAlso(pool: number, hash: number, bits: number, why: string): void {
    const told = this.#told.get(pool) ?? new Map<number, Map<number, string>>();
    this.#told.set(pool, told);
    // Cells are as fine as the copies tell PGs apart.
    const own = Math.min(bits, this.bitsOf(pool));
    const cells = told.get(own) ?? new Map<number, string>();
    told.set(own, cells);
    const cell = lowBits(hash, own);
    if (cells.has(cell)) return;
    cells.set(cell, why);
    this.#decisions.clear();
  }

  #toldOf(pool: number, cell: number): string | undefined {
    for (const [bits, cells] of this.#told.get(pool) ?? []) {
      const why = cells.get(lowBits(cell, bits));
      if (why !== undefined) return why;
    }
    return undefined;
  }
}
