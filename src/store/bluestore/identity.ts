import { META_POOL, NO_SHARD } from '../../ceph/hobject.ts';
import { decodeOsdSuperblock } from '../../ceph/osd-superblock.ts';
import { isSourceFault } from '../../errors/salvage-error.ts';
import type { ObjectId, OsdIdentity, OsdLocation } from '../object-store.ts';
import { BlueStoreReader } from './bluestore-reader.ts';
import type { DeviceLabel } from './label.ts';

/** Who an OSD is: its main device's label tells, or the object `osd_superblock`. */

export function identityFromLabel(
  osdFsid: string | undefined,
  label: DeviceLabel | undefined,
): OsdIdentity {
  const whoami = label?.meta.get('whoami') ?? '';
  const clusterFsid = label?.meta.get('ceph_fsid');
  return {
    ...(clusterFsid === undefined ? {} : { clusterFsid: clusterFsid.toLowerCase() }),
    ...(/^\d{1,9}$/.test(whoami) ? { whoami: Number(whoami) } : {}),
    ...(osdFsid === undefined ? {} : { osdFsid }),
  };
}

/** Ceph's hash of the name. */
const SUPERBLOCK_HASH = 0x23c2fcde;
const NO_BYTES = new Uint8Array(0);

const SUPERBLOCK: ObjectId = {
  pool: META_POOL,
  namespace: NO_BYTES,
  name: Buffer.from('osd_superblock'),
  key: NO_BYTES,
  snap: 0n,
  hash: SUPERBLOCK_HASH,
  shard: NO_SHARD,
};
const MAX_SUPERBLOCK = 1 << 20;

/** What `osd_superblock` says; empty where the object cannot be read. */
export function identityFromStore(location: OsdLocation): OsdIdentity {
  const reader = new BlueStoreReader(location, () => {});
  try {
    const ref = { id: SUPERBLOCK, directory: Buffer.from('meta'), fileName: NO_BYTES };
    const object = reader.open(ref);
    const bytes = Buffer.alloc(Math.min(object.size, MAX_SUPERBLOCK));
    object.read(bytes, 0);
    object.close();
    const { clusterFsid, whoami, osdFsid } = decodeOsdSuperblock(bytes);
    return { clusterFsid, whoami, osdFsid };
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return {};
  } finally {
    reader.close();
  }
}

/** What the label does not say, from the database: that takes reading its logs. */
export function completeIdentity(known: OsdIdentity, location: OsdLocation): OsdIdentity {
  const { clusterFsid, whoami, osdFsid } = known;
  if (clusterFsid !== undefined && whoami !== undefined && osdFsid !== undefined) return known;
  return { ...identityFromStore(location), ...known };
}
