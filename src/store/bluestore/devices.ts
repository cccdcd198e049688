import { isSourceFault } from '../../errors/salvage-error.ts';
import type { DevicePart } from '../../io/device-source.ts';
import { statOrUndefined } from '../../io/file-source.ts';
import type { OsdDevices, OsdIdentity, OsdLocation } from '../object-store.ts';
import { findBlueFsLogs, isLogThere } from './bluefs-search.ts';
import type { BlueFsSuperblock, FoundLog } from './bluefs-superblock.ts';
import { type FoundDevice, hasLogOnWal, ownerOf, type Probe, probeDevice } from './device-probe.ts';
import { completeIdentity, identityFromLabel, identityFromStore } from './identity.ts';
import type { DeviceRole } from './label.ts';
import { withDevices } from './open-store.ts';

/** Which devices make up an OSD: docs/formats/bluestore.md, "Devices". */

/** A device, and the OSD directory that it was found through. */
export interface Candidate extends Omit<FoundDevice, 'osdFsid'> {
  directory?: string;
  /** undefined: the device says nothing of itself */
  osdFsid: string | undefined;
}

export interface DetectOptions {
  /** where devices begin in a file or block device, where the operator knows */
  offsetsOf?: (path: string) => readonly number[];
  /** told before work that takes long: a path, and what is done */
  notice?: ((path: string, sentence: string) => void) | undefined;
}

export interface BlueStoreOsd {
  location: OsdLocation;
  identity: OsdIdentity;
}

export interface BlueStoreOsds {
  osds: BlueStoreOsd[];
  problems: Probe['problems'];
}

const ROLE_FILES: Record<DeviceRole, string> = { main: 'block', db: 'block.db', wal: 'block.wal' };

type Parts = Partial<Record<DeviceRole, Candidate>>;

/** What an OSD lacks, what that costs, and BlueFS's log where it had to be searched for. */
interface Shortfall {
  reasons: string[];
  /** nothing can be read of it */
  fatal: boolean;
  bluefs?: FoundLog;
}

const NO_OSD = 'not an OSD: neither a directory nor a BlueStore device';

const fatally = (reason: string): Shortfall => ({ reasons: [reason], fatal: true });

/** The log that leads to the database of this OSD, not to that of one that had the disk before. */
function chooseLog(parts: Parts): FoundLog | undefined {
  const location = locationOf(parts);
  const wanted = (parts.main ?? parts.db)?.osdFsid;
  const logs = withDevices(location, findBlueFsLogs);
  if (wanted === undefined) return logs[0];
  const owners = logs.map((bluefs) => identityFromStore({ ...location, bluefs }).osdFsid);
  const own = owners.indexOf(wanted);
  if (own >= 0) return logs[own];
  // Whose it is nobody can tell: it may be of one that had the disk before.
  const nobodys = logs[owners.indexOf(undefined)];
  return nobodys && { ...nobodys, searched: { newest: false } };
}

/** Is it large enough that a search needs a word? Any small file may be given by mistake. */
function takesLong(device: string): boolean {
  const found = statOrUndefined(device);
  return found !== undefined && (found.isBlockDevice() || found.size >= 1 << 30);
}

/** Looks for the log of a BlueFS whose superblock is destroyed. */
function searchLog(parts: Parts, notice: DetectOptions['notice']): Shortfall {
  const { main, db } = parts;
  const host = (db ?? main)!;
  const role = db === undefined ? 'block' : 'block.db';
  if (takesLong(host.part.path)) {
    notice?.(host.part.path, 'no BlueFS superblock: searching for the log of BlueFS');
  }
  const found = chooseLog(parts);
  if (found !== undefined) {
    // Where the label is gone too, so may be the beginning of a newer log.
    const newest = found.searched?.newest === true && host.label !== undefined;
    const reason = `no BlueFS superblock on ${role}: its log was found by searching`;
    return { reasons: [reason], fatal: false, bluefs: { ...found, searched: { newest } } };
  }
  if (host.osdFsid === undefined && host.directory === undefined) return fatally(NO_OSD);
  return fatally(
    db === undefined
      ? 'no BlueFS superblock on block, and no log of BlueFS in its first 64 GiB: either its ' +
          'block.db is missing (give that device too), or the superblock is destroyed; without ' +
          'the database its data has no names'
      : 'no BlueFS superblock on block.db, and no log of BlueFS: destroyed, and with it the way ' +
          'to the database',
  );
}

function walMissing({ wal }: Parts, superblock: BlueFsSuperblock | undefined) {
  const wanted = superblock?.layout?.dedicatedWal === true;
  const hasLog = superblock !== undefined && hasLogOnWal(superblock);
  if (wal !== undefined || !(wanted || hasLog)) return undefined;
  const cost = hasLog ? 'and the way to the database with it' : 'and the newest changes with it';
  return { reason: `its block.wal is missing, ${cost}: give that device too`, fatal: hasLog };
}

/** What is missing, and what that costs. */
function shortfallOf(parts: Parts, notice: DetectOptions['notice']): Shortfall {
  const { main, db } = parts;
  const host = db ?? main;
  if (host === undefined) {
    return fatally('block.wal alone: without block (and block.db) there is nothing to read');
  }
  const lack = host.superblock === undefined ? searchLog(parts, notice) : undefined;
  const wal = walMissing(parts, host.superblock);
  const found: Shortfall = lack ?? { reasons: [], fatal: false };
  if (wal !== undefined) {
    found.reasons.push(wal.reason);
    found.fatal ||= wal.fatal;
  }
  if (main === undefined) {
    found.reasons.push('its main device (block) is missing: names and metadata only, no data');
  }
  return found;
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

function osdOf(parts: Parts, found: BlueStoreOsds, { notice }: DetectOptions): void {
  const { reasons, fatal, bluefs } = shortfallOf(parts, notice);
  const location: OsdLocation = {
    ...locationOf(parts),
    ...(bluefs === undefined ? {} : { bluefs }),
  };
  const { osdFsid, label } = parts.main ?? parts.db ?? parts.wal!;
  const identity = fatal
    ? identityFromLabel(osdFsid, label)
    : completeIdentity(identityFromLabel(osdFsid, label), location);
  const name = identity.osdFsid === undefined ? '' : `OSD ${identity.osdFsid}: `;
  for (const reason of reasons) {
    found.problems.push({ path: location.path, reason: `${name}${reason}` });
  }
  if (!fatal) found.osds.push({ location, identity });
}

/** Devices by OSD. What bears no uuid goes with what else its directory links to. */
function byOwner(devices: readonly Candidate[]): Map<string, Parts> {
  const owners = new Map<string, Parts>();
  for (const device of devices) {
    const neighbour = devices.find(
      ({ directory, osdFsid }) =>
        directory !== undefined && directory === device.directory && osdFsid !== undefined,
    );
    const { osdFsid, part, directory } = device;
    const place = directory ?? `${part.path}@${part.offset}`;
    const owner = osdFsid ?? neighbour?.osdFsid ?? place;
    const parts = owners.get(owner) ?? {};
    owners.set(owner, parts);
    // Found twice, as a disk and as its volume, say: the first will do.
    parts[device.role] ??= device;
  }
  return owners;
}

/** Puts the devices together that bear the same OSD's uuid, wherever they were found. */
export function groupDevices(
  devices: readonly Candidate[],
  options: DetectOptions = {},
): BlueStoreOsds {
  const found: BlueStoreOsds = { osds: [], problems: [] };
  for (const parts of byOwner(devices).values()) osdOf(parts, found, options);
  return found;
}

/** What an OSD directory's links lead to; `names` are the files in it. */
export function devicesOfDirectory(
  directory: string,
  names: readonly string[],
  options: DetectOptions = {},
): { devices: Candidate[]; problems: Probe['problems'] } {
  const devices: Candidate[] = [];
  const problems: Probe['problems'] = [];
  for (const [role, name] of Object.entries(ROLE_FILES) as [DeviceRole, string][]) {
    if (!names.includes(name)) continue;
    const path = `${directory}/${name}`;
    const [offset] = options.offsetsOf?.(path) ?? [];
    const probe = probeDevice(path, offset);
    problems.push(...probe.problems);
    // The link's name is as good as the label's word; a label may be lost.
    const [device] = probe.devices;
    if (device !== undefined) devices.push({ ...device, role, directory });
    else if (probe.problems.length === 0) {
      devices.push({ ...nameless({ path, offset: offset ?? 0 }), role, directory });
    }
  }
  return { devices, problems };
}

/** A device that says nothing of itself: there is no label, and no superblock of BlueFS. */
export const nameless = (part: DevicePart): Candidate => ({
  part,
  role: 'main',
  osdFsid: undefined,
  label: undefined,
  superblock: undefined,
});

/** Is the OSD still on the devices where it was found? */
export function isBlueStoreThere({ location, identity }: BlueStoreOsd): boolean {
  const { devices, bluefs } = location;
  const host = devices?.db ?? devices?.main;
  if (host === undefined) return false;
  try {
    const owner = ownerOf(host);
    if (owner !== undefined) return owner === identity.osdFsid;
    return bluefs !== undefined && withDevices(location, (open) => isLogThere(open, bluefs));
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return false;
  }
}
