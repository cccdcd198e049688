import path from 'node:path';
import { nameToText } from '../bytes/names.ts';
import { decodeOsdSuperblock } from '../ceph/osd-superblock.ts';
import { errorText, isSourceFault, notFoundError } from '../errors/salvage-error.ts';
import {
  listNames,
  readSmallFile,
  realPath,
  statOrUndefined,
  tryReadSmallFile,
  whyNoStat,
} from '../io/file-source.ts';
import { probeDevice } from './bluestore/device-probe.ts';
import {
  type Candidate,
  type DetectOptions,
  devicesOfDirectory,
  groupDevices,
  nameless,
} from './bluestore/devices.ts';
import { CollectionScanner, META_COLLECTION } from './filestore/filestore-scan.ts';
import type { OsdIdentity, OsdLocation } from './object-store.ts';

/**
 * Tells what a path holds: docs/formats/filestore.md, "Recognition", and docs/formats/bluestore.md,
 * "Devices".
 */

export interface FoundOsd {
  location: OsdLocation;
  identity: OsdIdentity;
}

export interface Detected {
  osds: FoundOsd[];
  /** what was recognised but cannot be read yet, or could not be read: path and one sentence */
  problems: { path: string; reason: string }[];
}

export { type DetectOptions, isBlueStoreThere } from './bluestore/devices.ts';

/** `/var/lib/ceph/<fsid>/osd.0` and `/mnt/<host>/<osd>` are two levels down. */
const MAX_DEPTH = 3;
const PG_DIRECTORY = /^\d+\.[0-9a-f]+(s\d+)?_head$/;

const isDirectory = (p: string): boolean => statOrUndefined(p)?.isDirectory() ?? false;
const exists = (p: string): boolean => statOrUndefined(p) !== undefined;
const textFile = (file: string): string | undefined => {
  const bytes = tryReadSmallFile(file, 4096);
  const text = bytes === undefined ? '' : nameToText(bytes).trim();
  return text === '' ? undefined : text;
};

/** A directory of collections: `current/`, whatever it is called now. */
function isDataPath(directory: string, names: readonly string[]): boolean {
  if (names.some((name) => PG_DIRECTORY.test(name))) return true;
  return names.includes('commit_op_seq') && isDirectory(path.join(directory, 'meta'));
}

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

/** A uuid from a small file. After a power loss such files are often there, but full of zeros. */
function uuidFile(file: string): string | undefined {
  const text = textFile(file);
  return text !== undefined && UUID.test(text) ? text.toLowerCase() : undefined;
}

/** Identity from the OSD directory's small files. */
function identityFromFiles(directory: string): OsdIdentity {
  const whoami = textFile(path.join(directory, 'whoami'));
  const clusterFsid = uuidFile(path.join(directory, 'ceph_fsid'));
  const osdFsid = uuidFile(path.join(directory, 'fsid'));
  return {
    ...(clusterFsid === undefined ? {} : { clusterFsid }),
    ...(whoami === undefined || !/^\d{1,9}$/.test(whoami) ? {} : { whoami: Number(whoami) }),
    ...(osdFsid === undefined ? {} : { osdFsid }),
  };
}

/** Identity from the superblock object in `meta/`; empty where that cannot be read. */
function identityFromSuperblock(dataPath: string): OsdIdentity {
  let file: Buffer | undefined;
  let directory: Uint8Array = new Uint8Array(0);
  const scanner = new CollectionScanner({
    dataPath,
    report: () => {},
    sink: {
      beginUnit: (unit) => {
        directory = unit;
      },
      dataObject: () => true,
      namedObject: (id, fileName) => {
        if (nameToText(id.name) !== 'osd_superblock') return;
        file = Buffer.concat([Buffer.from(`${dataPath}/`), directory, Buffer.from('/'), fileName]);
      },
      otherObject: () => {},
      endUnit: () => {},
      keptUnit: () => {},
    },
  });
  try {
    scanner.scan(META_COLLECTION);
    if (file === undefined) return {};
    const { clusterFsid, whoami, osdFsid } = decodeOsdSuperblock(readSmallFile(file));
    return { clusterFsid, whoami, osdFsid };
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return {};
  }
}

function fileStore(directory: string, dataPath: string): FoundOsd {
  const fromFiles = identityFromFiles(directory);
  const complete =
    fromFiles.clusterFsid !== undefined &&
    fromFiles.whoami !== undefined &&
    fromFiles.osdFsid !== undefined;
  const identity = complete ? fromFiles : { ...identityFromSuperblock(dataPath), ...fromFiles };
  return { location: { kind: 'filestore', path: directory, dataPath }, identity };
}

/** What was found so far: BlueStore's devices are put together when all are known. */
interface Findings extends Detected {
  devices: Candidate[];
}

const nothing = (): Findings => ({ osds: [], problems: [], devices: [] });

function isBlueStoreDirectory(directory: string, names: readonly string[]): boolean {
  const block = names.includes('block') && !isDirectory(path.join(directory, 'block'));
  return block || textFile(path.join(directory, 'type')) === 'bluestore';
}

function detectBlueStore(
  directory: string,
  names: readonly string[],
  options: DetectOptions,
): Findings {
  const found = devicesOfDirectory(directory, names, options);
  if (found.devices.length === 0 && found.problems.length === 0) {
    const reason = 'a BlueStore OSD without its device (block)';
    return { ...nothing(), problems: [{ path: directory, reason }] };
  }
  return { ...nothing(), ...found };
}

function detectFile(file: string, { offsetsOf }: DetectOptions): Findings {
  const found = nothing();
  const offsets = offsetsOf?.(file) ?? [];
  for (const offset of offsets.length === 0 ? [undefined] : offsets) {
    const { devices, problems } = probeDevice(file, offset);
    found.problems.push(...problems);
    // What says nothing of itself may still have what BlueFS wrote further on.
    const silent = devices.length === 0 && problems.length === 0;
    found.devices.push(...(silent ? [nameless({ path: file, offset: offset ?? 0 })] : devices));
  }
  return found;
}

const SNAPSHOT = /^snap_(\d{1,15})$/;

/** A directory of collections below an OSD's directory, by its name. */
function dataPathCalled(directory: string, name: string): string | undefined {
  const inside = path.join(directory, name);
  return isDirectory(inside) && isDataPath(inside, listNames(inside)) ? inside : undefined;
}

/**
 * `current/`, or on btrfs the newest of its snapshots: Ceph throws `current/` away when it starts,
 * unless `nosnap` in it says that the snapshots are older.
 */
function dataPathIn(directory: string, names: readonly string[]): string | undefined {
  const current = names.includes('current') ? dataPathCalled(directory, 'current') : undefined;
  if (current !== undefined && exists(path.join(current, 'nosnap'))) return current;
  const numbers = names.flatMap((name) => SNAPSHOT.exec(name)?.slice(1).map(Number) ?? []);
  for (const number of numbers.sort((a, b) => b - a)) {
    const snapshot = dataPathCalled(directory, `snap_${number}`);
    if (snapshot !== undefined) return snapshot;
  }
  return current;
}

function detectDirectory(directory: string, depth: number, options: DetectOptions): Findings {
  const names = listNames(directory);
  const dataPath = dataPathIn(directory, names);
  if (dataPath !== undefined) return { ...nothing(), osds: [fileStore(directory, dataPath)] };
  if (isDataPath(directory, names)) {
    // A bare `current/`: the OSD's own directory may still be around it.
    const parent = path.dirname(path.resolve(directory));
    const hasParent = path.basename(directory) === 'current' && exists(path.join(parent, 'whoami'));
    return { ...nothing(), osds: [fileStore(hasParent ? parent : directory, directory)] };
  }
  if (isBlueStoreDirectory(directory, names)) return detectBlueStore(directory, names, options);
  const found = nothing();
  if (depth >= MAX_DEPTH) return found;
  for (const name of names.sort()) {
    const below = path.join(directory, name);
    if (!isDirectory(below)) continue;
    addTo(
      found,
      detectTolerant(below, () => detectDirectory(below, depth + 1, options)),
    );
  }
  return found;
}

function addTo(found: Findings, { osds, problems, devices }: Findings): void {
  found.osds.push(...osds);
  found.problems.push(...problems);
  found.devices.push(...devices);
}

function detectTolerant(p: string, detect: () => Findings): Findings {
  try {
    return detect();
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return { ...nothing(), problems: [{ path: p, reason: errorText(error) }] };
  }
}

function detectPath(p: string, options: DetectOptions): Findings {
  const stat = statOrUndefined(p);
  const problem = (reason: string): Findings => ({ ...nothing(), problems: [{ path: p, reason }] });
  if (stat === undefined) return problem(whyNoStat(p));
  if (!stat.isDirectory()) return detectTolerant(p, () => detectFile(p, options));
  const found = detectTolerant(p, () => detectDirectory(p, 0, options));
  if (found.osds.length + found.devices.length + found.problems.length > 0) return found;
  return problem(listNames(p).length === 0 ? 'an empty directory: is it mounted?' : 'no OSD in it');
}

/**
 * Finds the OSDs in paths: OSD directories, a `current/`, directories that hold several, block
 * devices and image files. A BlueStore OSD's devices may be spread over several paths.
 */
export function detectAll(paths: readonly string[], options: DetectOptions = {}): Detected {
  const found = nothing();
  for (const p of paths) addTo(found, detectPath(p, options));
  const { osds, problems } = groupDevices(found.devices, options);
  return { osds: [...found.osds, ...osds], problems: [...found.problems, ...problems] };
}

/** Finds the OSDs in one path: see `detectAll`. */
export const detectOsds = (p: string): Detected => detectAll([p]);

/** A directory of loose object files, which stands for an OSD. @throws NOT_FOUND */
export function looseObjects(directory: string): FoundOsd {
  if (isDirectory(directory)) {
    const dataPath = path.resolve(directory);
    return { location: { kind: 'loose', path: directory, dataPath }, identity: {} };
  }
  const why = exists(directory) ? 'not a directory' : whyNoStat(directory);
  throw notFoundError(`no object files: ${directory}: ${why}`);
}

/** The OSDs at the place where one was found before. */
export function detectAgain(location: OsdLocation): FoundOsd[] {
  if (location.kind !== 'loose') return detectAll(pathsOf(location)).osds;
  return [looseObjects(location.dataPath)];
}

/** The paths that, given again, lead to an OSD and all of its devices. */
export function pathsOf(location: OsdLocation): string[] {
  const { path: osd, devices } = location;
  const parts = [devices?.main, devices?.db, devices?.wal].filter((part) => part !== undefined);
  const below = `${osd}/`;
  const others = parts.map((part) => part.path).filter((p) => p !== osd && !p.startsWith(below));
  return [osd, ...new Set([...others, ...outsideParts(location)])];
}

/** Everything that an OSD lies in, links and what they lead to: nothing of it may ever be written to. */
export function sourcePathsOf(location: OsdLocation): string[] {
  const { devices } = location;
  const parts = [devices?.main, devices?.db, devices?.wal].filter((part) => part !== undefined);
  const paths = [...pathsOf(location), ...parts.map((part) => part.path)];
  return [...new Set(paths.flatMap((one) => [one, realPath(one)]))];
}

/** Journal and database of a FileStore, where they lie outside of its directory. */
function outsideParts({ kind, path: osd, dataPath, journal, omap }: OsdLocation): string[] {
  if (kind !== 'filestore') return [];
  // The journal is often a link to a partition of another disk; of a `current/` given by itself the
  // rest of the OSD may still be around it.
  const around = path.join(path.dirname(path.resolve(dataPath)), 'journal');
  const own = [path.join(osd, 'journal'), around].filter(exists);
  const parts = [...own, journal, omap].filter((part) => part !== undefined);
  const below = `${osd}/`;
  return parts.flatMap((part) => [part, realPath(part)]).filter((part) => !part.startsWith(below));
}
