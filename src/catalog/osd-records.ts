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
  /** units that are changed or gone, by segment of this OSD (in file order) */
  dead: [segment: number, units: number[]][];
  /** the first of what could not be read or parsed; `damageCount` has them all */
  damage: Damage[];
  damageCount: number;
}

/** Which OSD a record belongs to; segments and metadata carry it in front of their payload. */
export interface OsdMapRecord {
  clusterFsid: string;
  epoch: number;
}

/** An OSD's own uuid where it is known, else the next best that tells OSDs apart. */
export function osdKey(identity: OsdIdentity, realPath: string): string {
  if (identity.osdFsid !== undefined) return identity.osdFsid;
  if (identity.whoami === undefined) return `path:${realPath}`;
  return `${identity.clusterFsid ?? 'unknown'}/osd.${identity.whoami}`;
}

/** The name under which people know an OSD. */
export const osdName = (identity: OsdIdentity, path: string): string =>
  identity.whoami === undefined ? path : `osd.${identity.whoami}`;
