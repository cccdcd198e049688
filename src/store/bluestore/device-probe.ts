import { errorText, isSourceFault } from '../../errors/salvage-error.ts';
import { type DevicePart, openDevice } from '../../io/device-source.ts';
import type { ByteSource } from '../../io/ports.ts';
import { readBlueFsSuperblock } from './bluefs.ts';
import { BLUEFS_DEVICE, type BlueFsSuperblock } from './bluefs-superblock.ts';
import { readPartitions } from './gpt.ts';
import {
  bestLabel,
  type DeviceLabel,
  type DeviceRole,
  decodeLabel,
  LABEL_BYTES,
  LABEL_COPIES,
} from './label.ts';
import { searchLabels, startOf } from './label-search.ts';
import { readPhysicalVolume } from './lvm.ts';

/** What a block device or image file holds: docs/formats/bluestore.md, "Devices". */

/** A BlueStore device that was found. */
export interface FoundDevice {
  part: DevicePart;
  role: DeviceRole;
  osdFsid: string;
  /** undefined: destroyed; BlueFS's superblock told the rest */
  label: DeviceLabel | undefined;
  /** undefined: BlueFS begins on another device, or its superblock is destroyed */
  superblock: BlueFsSuperblock | undefined;
}

export interface Probe {
  devices: FoundDevice[];
  problems: { path: string; reason: string }[];
}

const LUKS = Buffer.from('LUKS\xba\xbe', 'latin1');
/** Disk, partition, logical volume. */
const MAX_NESTING = 3;

const ENCRYPTED =
  'encrypted (LUKS): open it with `cryptsetup luksOpen` and give the device that this makes. ' +
  'Ceph kept the key with its monitors: config-key dm-crypt/osd/<osd uuid>/luks';

function readStart(device: ByteSource, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  return bytes.subarray(0, device.read(bytes, position));
}

function tryOrUndefined<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

const labelAt = (device: ByteSource, position: number): DeviceLabel | undefined =>
  tryOrUndefined(() => decodeLabel(readStart(device, position, LABEL_BYTES)));

/** Whether an intact label of an OSD stands at a position. */
const hasLabelOf = (device: ByteSource, osdFsid: string, at: number): boolean => {
  const label = labelAt(device, at);
  return label?.intact === true && label.osdFsid === osdFsid;
};

/**
 * The label that counts; the copies are asked only where the first is not all right.
 * @param owner whose device begins here, as BlueFS's superblock tells
 */
function findLabel(device: ByteSource, owner: string | undefined): DeviceLabel | undefined {
  const first = labelAt(device, 0);
  if (first?.intact === true && first.meta.get('multi') !== 'yes') return first;
  // Without any word from the beginning, what stands at 1 GiB may begin another device.
  const isCopy = (at: number, label: DeviceLabel): boolean => {
    const known = first?.osdFsid ?? owner;
    if (known !== undefined) return label.osdFsid === known;
    const hasCopy = (position: number) => hasLabelOf(device, label.osdFsid, position);
    return startOf({ at, label }, hasCopy, () => false) === 0;
  };
  const copies = LABEL_COPIES.slice(1)
    .filter((at) => at + LABEL_BYTES <= device.size)
    .map((at) => ({ at, label: labelAt(device, at) }))
    .filter(({ at, label }) => label?.intact && label.role === 'main' && isCopy(at, label));
  return bestLabel([first, ...copies.map(({ label }) => label)].filter((l) => l !== undefined));
}

/** A device that begins at position 0 of `device`; undefined where none does. */
function deviceHere(device: ByteSource, part: DevicePart): FoundDevice | undefined {
  const superblock = tryOrUndefined(() => readBlueFsSuperblock(device));
  const label = findLabel(device, superblock?.intact ? superblock.osdFsid : undefined);
  const valid = superblock?.intact === true || superblock?.osdFsid === label?.osdFsid;
  const known = valid ? superblock : undefined;
  const osdFsid = label?.osdFsid ?? known?.osdFsid;
  if (osdFsid === undefined) return undefined;
  const role = label?.role ?? (known?.layout?.dedicatedDb === true ? 'db' : 'main');
  return { part, role, osdFsid, label, superblock: known };
}

/** Is BlueFS's own log, without which nothing is found, on block.wal? */
export const hasLogOnWal = (superblock: BlueFsSuperblock): boolean =>
  superblock.log.extents.some(({ device }) => device === BLUEFS_DEVICE.wal);

function probePart(part: DevicePart, nesting: number): Probe {
  const found: Probe = { devices: [], problems: [] };
  const device = openDevice(part);
  try {
    const here = deviceHere(device, part);
    if (here !== undefined) return { devices: [here], problems: [] };
    const begin = Buffer.from(readStart(device, 0, LUKS.length));
    if (begin.equals(LUKS)) return { devices: [], problems: [problemOf(part, ENCRYPTED)] };
    if (nesting >= MAX_NESTING) return found;
    for (const { offset, size } of tryOrUndefined(() => readPartitions(device)) ?? []) {
      probeInside(found, { path: part.path, offset: part.offset + offset, size }, nesting);
    }
    const volume = tryOrUndefined(() => readPhysicalVolume(device));
    for (const { offset, size, stretches } of volume?.volumes ?? []) {
      const here = { path: part.path, offset: part.offset + offset, size };
      const moved = stretches?.map((at) => ({ ...at, offset: part.offset + at.offset }));
      // What lies inside a volume in several stretches is nothing that Ceph made.
      if (moved === undefined) probeInside(found, here, nesting);
      else probeInside(found, { ...here, stretches: moved }, MAX_NESTING);
    }
    for (const name of volume?.scattered ?? []) {
      const reason = `logical volume ${name} is striped, mirrored or on several disks: activate it and give its device`;
      found.problems.push(problemOf(part, reason));
    }
    return found;
  } finally {
    device.close();
  }
}

function problemOf({ path, offset }: DevicePart, reason: string) {
  const at = offset === 0 ? '' : ` (from byte ${offset} on)`;
  return { path: `${path}${at}`, reason };
}

function probeInside(found: Probe, part: DevicePart, nesting: number): void {
  const inner = tryOrUndefined(() => probePart(part, nesting + 1));
  found.devices.push(...(inner?.devices ?? []));
  found.problems.push(...(inner?.problems ?? []));
}

/** The last resort. */
function devicesByLabel(path: string): FoundDevice[] {
  const device = openDevice({ path, offset: 0 });
  try {
    const found = new Map<number, FoundDevice>();
    for (const place of searchLabels(device)) {
      const { osdFsid, deviceSize: size } = place.label;
      const hasCopy = (at: number): boolean => hasLabelOf(device, osdFsid, at);
      const isStart = (at: number): boolean =>
        withPart({ path, offset: at, size }, (part) => {
          const superblock = tryOrUndefined(() => readBlueFsSuperblock(part));
          return superblock?.intact === true && superblock.osdFsid === osdFsid;
        });
      const offset = startOf(place, hasCopy, isStart);
      if (found.has(offset)) continue;
      const part = { path, offset, size };
      const here = withPart(part, (inner) => deviceHere(inner, part));
      if (here !== undefined) found.set(offset, here);
    }
    return [...found.values()];
  } finally {
    device.close();
  }
}

function withPart<T>(part: DevicePart, use: (device: ByteSource) => T): T {
  const device = openDevice(part);
  try {
    return use(device);
  } finally {
    device.close();
  }
}

/**
 * Finds the BlueStore devices in a block device or image file: at its beginning (or at `offset`,
 * where somebody knows better), in its partitions and logical volumes, or else by searching.
 */
export function probeDevice(path: string, offset?: number): Probe {
  try {
    const found = probePart({ path, offset: offset ?? 0 }, 0);
    if (found.devices.length > 0 || found.problems.length > 0 || offset !== undefined) return found;
    return { devices: devicesByLabel(path), problems: [] };
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return { devices: [], problems: [{ path, reason: errorText(error) }] };
  }
}

/** Whose device lies in a part of a disk, as far as it tells. @throws SOURCE_IO */
export const ownerOf = (part: DevicePart): string | undefined =>
  withPart(part, (device) => deviceHere(device, part)?.osdFsid);
