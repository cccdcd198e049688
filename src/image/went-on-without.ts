import type { OsdMap } from '../ceph/osdmap.ts';
import type { PgCopy } from './pg-copies.ts';

/**
 * Ceph would not have gone active with copies that were down while others lived on: where fewer
 * copies are here than the pool has, and all that count belong to OSDs that the newest map calls
 * down, an OSD that it calls up may have newer ones.
 */
export function wentOnWithout(
  osdMap: OsdMap | undefined,
  pool: number,
  peers: readonly PgCopy[],
  copies: readonly PgCopy[],
): string | undefined {
  const size = osdMap?.pools.get(pool)?.size;
  if (osdMap === undefined || size === undefined || copies.length >= size) return undefined;
  const numberOf = ({ osd }: PgCopy) => osd.catalog.identity.whoami ?? -1;
  // An OSD that does not know its own number cannot be looked up: no ground for a doubt.
  const isUp = (osd: number) => osd < 0 || osdMap.osds[osd]?.up === true;
  if (peers.some((copy) => isUp(numberOf(copy)))) return undefined;
  const here = new Set(copies.map(numberOf));
  const others = osdMap.osds.flatMap(({ up }, osd) => (up && !here.has(osd) ? [`osd.${osd}`] : []));
  if (others.length === 0) return undefined;
  const names = peers.map(({ osd }) => osd.name).join(', ');
  return `${names} was down when the cluster died: newer copies may be on ${others.slice(0, 5).join(', ')}`;
}
