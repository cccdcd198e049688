import { notFoundError, usageError } from '../errors/salvage-error.ts';
import type { PoolScope } from '../image/pool-contents.ts';
import type { Source } from './source.ts';

/** How an operator names pools: `POOL[/NAMESPACE]`, or with options as `rbd` has them. */
export interface PoolChoice {
  /** `POOL[/NAMESPACE]` */
  where?: string;
  pool?: string;
  namespace?: string;
}

/**
 * The pools that were meant: one in each cluster that has it, or all there are.
 * @throws USAGE, NOT_FOUND saying which pools there are
 */
export function selectPools(source: Source, choice: PoolChoice): PoolScope[] {
  const [pool = choice.pool, namespace = choice.namespace, ...rest] =
    choice.where === undefined ? [] : choice.where.split('/');
  if (rest.length > 0 || pool === '') throw usageError(`"${choice.where}" is not POOL[/NAMESPACE]`);
  const all = source.clusters.flatMap((cluster) =>
    cluster.pools().map((id): PoolScope => ({ cluster, pool: id, namespace })),
  );
  if (pool === undefined) return all;
  const chosen = all.filter((scope) => scope.cluster.poolId(pool) === scope.pool);
  if (chosen.length > 0) return chosen;
  const names = all.map((scope) => scope.cluster.poolName(scope.pool));
  throw notFoundError(`no pool "${pool}" (there are: ${names.join(', ') || 'none'})`);
}
