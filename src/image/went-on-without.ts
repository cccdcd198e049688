import type { OsdMap } from '../ceph/osdmap.ts';
import type { OsdIdentity } from '../store/object-store.ts';
import type { PgCopy } from './pg-copies.ts';

/** OSDs named in a doubt; a reader needs a few to look for. */
const NAMED = 5;
const NO_UUID = '00000000-0000-0000-0000-000000000000';

/** False: the map knows another disk under the OSD's number, as after a disk was replaced. */
export function isDiskOf(osdMap: OsdMap | undefined, { whoami, osdFsid }: OsdIdentity): boolean {
  const uuid = whoami === undefined ? undefined : osdMap?.osds[whoami]?.life?.uuid;
  if (uuid === undefined || uuid === '' || uuid === NO_UUID || osdFsid === undefined) return true;
  return uuid === osdFsid.toLowerCase();
}

/** When an OSD starts, its PGs begin a new interval: one that never learned so lies on a copy of the disk from before. */
export function isOutdated(osdMap: OsdMap | undefined, copy: PgCopy): boolean {
  const { sameIntervalSince } = copy.info.history;
  const life = osdMap?.osds[numberOf(copy)]?.life;
  return life !== undefined && sameIntervalSince > 0 && sameIntervalSince < life.upFrom;
}

const numberOf = ({ osd }: PgCopy): number => osd.catalog.identity.whoami ?? -1;

const namesOf = (osds: readonly number[]): string =>
  osds
    .slice(0, NAMED)
    .map((osd) => `osd.${osd}`)
    .join(', ');

/**
 * Could others have gone on with a PG after the copies that count were written, so that newer ones
 * are on OSDs which are not here?
 *
 * - Ceph would not have gone active with copies that were down while others lived on: where fewer
 *   copies are here than the pool has, and all that count belong to OSDs that the newest map calls
 *   down, an OSD that it calls up may have newer ones.
 * - OSDs that were started again and have not been active with the PG since may have missed writes in between: as many others
 *   as the pool needs to go on (min_size) that asked to be called alive (up_thru) since then may have gone on.
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
  if (osdMap === undefined || found === undefined) return undefined;
  // What was taken out of the cluster says nothing of who is still in it.
  const isOwn = (copy: PgCopy) =>
    isDiskOf(osdMap, copy.osd.catalog.identity) && !isOutdated(osdMap, copy);
  const own = peers.filter(isOwn);
  const names = peers.map(({ osd }) => osd.name).join(', ');
  if (own.length === 0 && peers.length > 0) {
    return isOutdated(osdMap, peers[0]!)
      ? `${names} was started again after this was written: its disk has an older state`
      : `the newest OSD map knows another disk of ${names} than the one that was scanned`;
  }
  if (own.length >= found.size) return undefined;
  // An OSD that does not know its own number cannot be looked up: no ground for a doubt.
  const isUp = (osd: number) => osd < 0 || osdMap.osds[osd]?.up === true;
  const here = new Set(copies.filter(isOwn).map(numberOf));
  const others = osdMap.osds.flatMap(({ up }, osd) => (up && !here.has(osd) ? [osd] : []));
  if (!own.some((copy) => isUp(numberOf(copy)))) {
    if (others.length === 0) return undefined;
    return `${names} was down when the cluster died: newer copies may be on ${namesOf(others)}`;
  }
  const meanwhile = activeSince(osdMap, own).filter((osd) => !isScanned(osd));
  if (meanwhile.length >= Math.max(1, found.minSize)) {
    return `${names} came back after others could go on: newer copies may be on ${namesOf(meanwhile)}`;
  }
  const away = others.filter((osd) => !isScanned(osd));
  const missing = Math.min(away.length, found.size - own.length);
  const witnesses = osdMap.osds.filter(({ up }, osd) => up && isScanned(osd)).length;
  const fewHere = missing > own.length || away.length >= witnesses;
  if (missing < Math.max(1, found.minSize) || !fewHere) return undefined;
  return `they could go on without ${names}: newer copies may be on ${namesOf(away)}, not scanned`;
}

/**
 * OSDs that may have been active after all that have the PG's copies were active with it for the last time; none where one of
 * these has run without a break since.
 */
function activeSince({ osds }: OsdMap, peers: readonly PgCopy[]): number[] {
  const started = Math.max(...peers.map(({ info }) => info.lastEpochStarted));
  const isBack = (peer: PgCopy) => (osds[numberOf(peer)]?.life?.upFrom ?? 0) > started;
  if (peers.length === 0 || !peers.every(isBack)) return [];
  return osds.flatMap(({ life }, osd) => ((life?.upThru ?? 0) > started ? [osd] : []));
}
