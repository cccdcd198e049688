import path from 'node:path';
import { decodeOsdSuperblock } from '../ceph/osd-superblock.ts';
import { nameToText } from '../bytes/names.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import {
  FileSource,
  listNames,
  readSmallFile,
  statOrUndefined,
  tryReadSmallFile,
} from '../io/file-source.ts';
import { CollectionScanner, META_COLLECTION } from './filestore/filestore-scan.ts';
import type { OsdIdentity, OsdLocation } from './object-store.ts';

/** Tells what a path holds: docs/formats/filestore.md, "Recognition". */

export interface FoundOsd {
  location: OsdLocation;
  identity: OsdIdentity;
}

export interface Detected {
  osds: FoundOsd[];
  /** what was recognised but cannot be read yet, or could not be read: path and one sentence */
  problems: { path: string; reason: string }[];
}

const BLUESTORE_LABEL = 'bluestore block device\n';
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
  const complete = fromFiles.clusterFsid !== undefined && fromFiles.whoami !== undefined && fromFiles.osdFsid !== undefined;
  const identity = complete ? fromFiles : { ...identityFromSuperblock(dataPath), ...fromFiles };
  return { location: { kind: 'filestore', path: directory, dataPath }, identity };
}

const NOT_SUPPORTED = 'a BlueStore OSD: not supported yet by this version, left out';

function isBlueStoreDirectory(directory: string, names: readonly string[]): boolean {
  const block = names.includes('block') && !isDirectory(path.join(directory, 'block'));
  return block || textFile(path.join(directory, 'type')) === 'bluestore';
}

function detectFile(file: string): Detected {
  const source = new FileSource(file);
  try {
    const begin = Buffer.alloc(BLUESTORE_LABEL.length);
    source.read(begin, 0);
    const reason =
      begin.toString('latin1') === BLUESTORE_LABEL
        ? NOT_SUPPORTED
        : 'not an OSD: a file, and without a BlueStore label';
    return { osds: [], problems: [{ path: file, reason }] };
  } finally {
    source.close();
  }
}

function detectDirectory(directory: string, depth: number): Detected {
  const names = listNames(directory);
  const current = path.join(directory, 'current');
  if (names.includes('current') && isDirectory(current)) {
    const inside = listNames(current);
    if (isDataPath(current, inside)) return { osds: [fileStore(directory, current)], problems: [] };
  }
  if (isDataPath(directory, names)) {
    // A bare `current/`: the OSD's own directory may still be around it.
    const parent = path.dirname(path.resolve(directory));
    const hasParent = path.basename(directory) === 'current' && exists(path.join(parent, 'whoami'));
    return { osds: [fileStore(hasParent ? parent : directory, directory)], problems: [] };
  }
  if (isBlueStoreDirectory(directory, names)) {
    return { osds: [], problems: [{ path: directory, reason: NOT_SUPPORTED }] };
  }
  const found: Detected = { osds: [], problems: [] };
  if (depth >= MAX_DEPTH) return found;
  for (const name of names.sort()) {
    const below = path.join(directory, name);
    if (!isDirectory(below)) continue;
    const { osds, problems } = detectTolerant(below, () => detectDirectory(below, depth + 1));
    found.osds.push(...osds);
    found.problems.push(...problems);
  }
  return found;
}

function detectTolerant(p: string, detect: () => Detected): Detected {
  try {
    return detect();
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return { osds: [], problems: [{ path: p, reason: errorText(error) }] };
  }
}

/** Finds the OSDs in one path: an OSD's directory, its `current/`, or a directory that holds several. */
export function detectOsds(p: string): Detected {
  const stat = statOrUndefined(p);
  if (stat === undefined) return { osds: [], problems: [{ path: p, reason: 'no such file or directory' }] };
  if (!stat.isDirectory()) return detectTolerant(p, () => detectFile(p));
  const found = detectTolerant(p, () => detectDirectory(p, 0));
  if (found.osds.length === 0 && found.problems.length === 0) {
    const reason = listNames(p).length === 0 ? 'an empty directory: is it mounted?' : 'no OSD in it';
    return { osds: [], problems: [{ path: p, reason }] };
  }
  return found;
}
