import type { Damage } from '../errors/damage.ts';
import type { OsdIdentity, OsdLocation } from '../store/object-store.ts';

/** Payloads of the small records of a catalog (MessagePack). docs/formats/catalog.md. */

export interface ScanBegin {
  /** milliseconds since 1970 */
  at: number;
  /** keys of the OSDs that this scan is to read */
  osds: string[];
}

export interface OsdBegin {
  key: string;
  identity: OsdIdentity;
  location: OsdLocation;
  at: number;
}

export interface OsdEnd {
  key: string;
  at: number;
  /**
   * units that are changed or gone, by the segment's position in the catalog; null: all of it, since
   * the segment is damaged and what it said was found again
   */
  dead: [segment: number, units: number[] | null][];
  /** the first of what could not be read or parsed; `damageCount` has them all */
  damage: Damage[];
  damageCount: number;
}

/** What of an osdmap's record stands in front of the map's bytes. */
export interface OsdMapRecord {
  clusterFsid: string;
  epoch: number;
}

/** An OSD's own uuid where it is known, else the next best that tells OSDs apart. */
export function osdKey(identity: OsdIdentity, realPath: string): string {
  if (identity.osdFsid !== undefined) return identity.osdFsid;
  // Two clusters both have an osd.0.
  const { clusterFsid, whoami } = identity;
  if (whoami === undefined || clusterFsid === undefined) return `path:${realPath}`;
  return `${clusterFsid}/osd.${whoami}`;
}

/** The name under which people know an OSD. */
export const osdName = (identity: OsdIdentity, path: string): string =>
  identity.whoami === undefined ? path : `osd.${identity.whoami}`;
