import type { OsdDevices, OsdIdentity, OsdLocation } from '../object-store.ts';
import { type FoundDevice, hasLogOnWal, type Probe, probeDevice } from './device-probe.ts';
import type { DeviceLabel, DeviceRole } from './label.ts';

/** Which devices make up an OSD: docs/formats/bluestore.md, "Devices". */

/** A device, and the OSD directory that it was found through. */
export interface Candidate extends FoundDevice {
  directory?: string;
}

export interface BlueStoreOsd {
  location: OsdLocation;
  identity: OsdIdentity;
}

export interface BlueStoreOsds {
  osds: BlueStoreOsd[];
  problems: Probe['problems'];
}

/** Who the OSD is, from the main device's label. */
function identityOf(osdFsid: string, label: DeviceLabel | undefined): OsdIdentity {
  const whoami = label?.meta.get('whoami') ?? '';
  const clusterFsid = label?.meta.get('ceph_fsid');
  return {
    ...(clusterFsid === undefined ? {} : { clusterFsid: clusterFsid.toLowerCase() }),
    ...(/^\d{1,9}$/.test(whoami) ? { whoami: Number(whoami) } : {}),
    osdFsid,
  };
}

const ROLE_FILES: Record<DeviceRole, string> = { main: 'block', db: 'block.db', wal: 'block.wal' };

type Parts = Partial<Record<DeviceRole, Candidate>>;

/** What is missing, and what that costs; `fatal`: nothing can be read without it. */
function missingOf(parts: Parts): { reason: string; fatal: boolean } | undefined {
  const { main, db, wal } = parts;
  const host = db ?? main;
  if (host === undefined) {
    const reason = 'block.wal alone: without block (and block.db) there is nothing to read';
    return { reason, fatal: true };
  }
  if (host.superblock === undefined) {
    const reason =
      db === undefined
        ? 'no BlueFS superblock on block: either its block.db is missing (give that device too), ' +
          'or the superblock is destroyed; without the database its data has no names'
        : 'no BlueFS superblock on block.db: it is destroyed, and with it the way to the database';
    return { reason, fatal: true };
  }
  const { superblock } = host;
  const wantsWal = superblock.layout?.dedicatedWal === true || hasLogOnWal(superblock);
  if (wal === undefined && wantsWal) {
    const fatal = hasLogOnWal(superblock);
    const cost = fatal ? 'and the way to the database with it' : 'and the newest changes with it';
    return { reason: `its block.wal is missing, ${cost}: give that device too`, fatal };
  }
  if (main === undefined) {
    const reason = 'its main device (block) is missing: names and metadata only, no data';
    return { reason, fatal: false };
  }
  return undefined;
}

function locationOf({ main, db, wal }: Parts): OsdLocation {
  const devices: OsdDevices = {
    ...(main === undefined ? {} : { main: main.part }),
    ...(db === undefined ? {} : { db: db.part }),
    ...(wal === undefined ? {} : { wal: wal.part }),
  };
  const first = (main ?? db ?? wal)!;
  const dataPath = first.part.path;
  return { kind: 'bluestore', path: first.directory ?? dataPath, dataPath, devices };
}

function osdOf(osdFsid: string, parts: Parts, found: BlueStoreOsds): void {
  const location = locationOf(parts);
  const missing = missingOf(parts);
  if (missing !== undefined) {
    const reason = `OSD ${osdFsid}: ${missing.reason}`;
    found.problems.push({ path: location.path, reason });
    if (missing.fatal) return;
  }
  found.osds.push({ location, identity: identityOf(osdFsid, parts.main?.label) });
}

/** Puts the devices together that bear the same OSD's uuid, wherever they were found. */
export function groupDevices(devices: readonly Candidate[]): BlueStoreOsds {
  const byOsd = new Map<string, Parts>();
  const found: BlueStoreOsds = { osds: [], problems: [] };
  for (const device of devices) {
    const parts = byOsd.get(device.osdFsid) ?? {};
    byOsd.set(device.osdFsid, parts);
    // Found twice, as a disk and as its volume, say: the first will do.
    parts[device.role] ??= device;
  }
  for (const [osdFsid, parts] of byOsd) osdOf(osdFsid, parts, found);
  return found;
}

/** What an OSD directory's links lead to; `names` are the files in it. */
export function devicesOfDirectory(
  directory: string,
  names: readonly string[],
): { devices: Candidate[]; problems: Probe['problems'] } {
  const devices: Candidate[] = [];
  const problems: Probe['problems'] = [];
  for (const [role, name] of Object.entries(ROLE_FILES) as [DeviceRole, string][]) {
    if (!names.includes(name)) continue;
    const probe = probeDevice(`${directory}/${name}`);
    problems.push(...probe.problems);
    // The link's name is as good as the label's word; a label may be lost.
    const [device] = probe.devices;
    if (device !== undefined) devices.push({ ...device, role, directory });
    else if (probe.problems.length === 0) {
      const reason = 'no BlueStore device: neither label nor BlueFS superblock';
      problems.push({ path: `${directory}/${name}`, reason });
    }
  }
  return { devices, problems };
}
