import type { CatalogOsd } from '../catalog/catalog.ts';
import type { MetadataObject } from '../catalog/metadata.ts';
import { pgCollectionsOf } from './pg-copies.ts';

/**
 * pg_num of pools that no map tells of: PGs are numbered from 0, so there is at least the highest
 * that lies here. Where higher ones are all gone it is too low, and objects of those seem to belong to
 * the PGs they were split from.
 */
export class PgNumGuess {
  readonly #highest = new Map<number, number>();
  /** pools for which it was needed */
  readonly used = new Set<number>();

  /** Takes in what an OSD has: its PGs' metadata objects, and its collections. */
  add(osd: CatalogOsd, metadata: readonly MetadataObject[]): void {
    for (const { ref } of metadata) this.#see(ref.id.pool, ref.id.hash);
    for (const [, { pool, seed }] of pgCollectionsOf(osd)) this.#see(pool, seed);
  }

  #see(pool: number, seed: number): void {
    this.#highest.set(pool, Math.max(this.#highest.get(pool) ?? 0, seed));
  }

  /** undefined where nothing of the pool lies here */
  of(pool: number): number | undefined {
    const highest = this.#highest.get(pool);
    if (highest === undefined) return undefined;
    this.used.add(pool);
    return highest + 1;
  }
}
