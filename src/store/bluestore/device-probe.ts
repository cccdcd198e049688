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
  isLabel,
  LABEL_BYTES,
  LABEL_COPIES,
  LABEL_TEXT,
} from './label.ts';
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

/** The label that counts; the copies are asked only where the first is not all right. */
function findLabel(device: ByteSource): DeviceLabel | undefined {
  const first = labelAt(device, 0);
  if (first?.intact === true && first.meta.get('multi') !== 'yes') return first;
  const copies = LABEL_COPIES.slice(1)
    .filter((at) => at + LABEL_BYTES <= device.size)
    .map((at) => labelAt(device, at))
    .filter((label) => label?.intact === true && label.role === 'main');
  return bestLabel([first, ...copies].filter((label) => label !== undefined));
}

/** A device that begins at position 0 of `device`; undefined where none does. */
function deviceHere(device: ByteSource, part: DevicePart): FoundDevice | undefined {
  const label = findLabel(device);
  const superblock = tryOrUndefined(() => readBlueFsSuperblock(device));
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
    for (const { offset, size } of volume?.volumes ?? []) {
      probeInside(found, { path: part.path, offset: part.offset + offset, size }, nesting);
    }
    for (const name of volume?.scattered ?? []) {
      const reason = `logical volume ${name} is in several places: activate it and give its device`;
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

const MIB = 1 << 20;
/** Searched for labels where nothing tells of partitions: every 4 KiB, then every MiB. */
const SEARCHED_FINELY = 64 * MIB;
const SEARCHED = 2048 * MIB;

/** Offsets at which a label's text stands, found by looking. */
function* labelOffsets(device: ByteSource): Generator<number> {
  const end = Math.min(device.size, SEARCHED);
  for (let at = 0; at < end; at += MIB) {
    const fine = at < SEARCHED_FINELY;
    const bytes = readStart(device, at, fine ? MIB : LABEL_TEXT.length);
    for (let i = 0; i < bytes.length; i += LABEL_BYTES) {
      if (isLabel(bytes.subarray(i, i + LABEL_TEXT.length))) yield at + i;
    }
  }
}

/** The last resort. */
function searchLabels(path: string): FoundDevice[] {
  const device = openDevice({ path, offset: 0 });
  try {
    const found: FoundDevice[] = [];
    for (const offset of labelOffsets(device)) {
      const label = labelAt(device, offset);
      if (label?.intact !== true) continue;
      const part = { path, offset, size: label.deviceSize };
      const inner = openDevice(part);
      try {
        const here = deviceHere(inner, part);
        if (here !== undefined) found.push(here);
      } finally {
        inner.close();
      }
    }
    return found;
  } finally {
    device.close();
  }
}

/**
 * Finds the BlueStore devices in a block device or image file: at its beginning (or at `offset`,
 * where somebody knows better), in its partitions and logical volumes, or else by searching.
 */
export function probeDevice(path: string, offset = 0): Probe {
  try {
    const found = probePart({ path, offset }, 0);
    if (found.devices.length > 0 || found.problems.length > 0 || offset > 0) return found;
    return { devices: searchLabels(path), problems: [] };
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return { devices: [], problems: [{ path, reason: errorText(error) }] };
  }
}
