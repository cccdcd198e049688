import type { OsdMap } from '../ceph/osdmap.ts';
import type { PgCopy } from './pg-copies.ts';

/** OSDs named in a doubt; a reader needs a few to look for. */
const NAMED = 5;

/**
 * Could others have gone on with a PG after the copies that count were written, so that newer ones
 * are on OSDs which are not here?
 *
 * - Ceph would not have gone active with copies that were down while others lived on: where fewer
 *   copies are here than the pool has, and all that count belong to OSDs that the newest map calls
 *   down, an OSD that it calls up may have newer ones.
 * - OSDs that died before the others never learned so: their maps call them up for ever. Where as many
 *   copies are missing as the pool needs to go on (min_size), nothing here shows that they did not,
 *   unless most of the PG's copies are here, and most of the OSDs that were up: so many do not die
 *   at once while the rest lives on.
 *
 * @param peers the copies that count
 * @param copies all copies of the PG that are here
 * @param isScanned is the OSD of this number among those that were scanned?
 */
export function wentOnWithout(
  osdMap: OsdMap | undefined,
  pool: number,
  peers: readonly PgCopy[],
  copies: readonly PgCopy[],
  isScanned: (osd: number) => boolean,
): string | undefined {
  const found = osdMap?.pools.get(pool);
  if (osdMap === undefined || found === undefined || peers.length >= found.size) return undefined;
  const numberOf = ({ osd }: PgCopy) => osd.catalog.identity.whoami ?? -1;
  // An OSD that does not know its own number cannot be looked up: no ground for a doubt.
  const isUp = (osd: number) => osd < 0 || osdMap.osds[osd]?.up === true;
  const here = new Set(copies.map(numberOf));
  const others = osdMap.osds.flatMap(({ up }, osd) => (up && !here.has(osd) ? [osd] : []));
  const names = peers.map(({ osd }) => osd.name).join(', ');
  const may = (osds: readonly number[]) =>
    osds
      .slice(0, NAMED)
      .map((osd) => `osd.${osd}`)
      .join(', ');
  if (!peers.some((copy) => isUp(numberOf(copy)))) {
    if (others.length === 0) return undefined;
    return `${names} was down when the cluster died: newer copies may be on ${may(others)}`;
  }
  const away = others.filter((osd) => !isScanned(osd));
  const missing = Math.min(away.length, found.size - peers.length);
  const witnesses = osdMap.osds.filter(({ up }, osd) => up && isScanned(osd)).length;
  const fewHere = missing > peers.length || away.length >= witnesses;
  if (missing < Math.max(1, found.minSize) || !fewHere) return undefined;
  return `they could go on without ${names}: newer copies may be on ${may(away)}, not scanned`;
}
