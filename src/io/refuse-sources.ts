import { existsSync, readdirSync, readFileSync, realpathSync, type Stats } from 'node:fs';
import path from 'node:path';
import { usageError } from '../errors/salvage-error.ts';
import { realDestination, stat } from './destination-paths.ts';
import { sysBlockPath } from './device-lanes.ts';

const isSame = (a: Stats, b: Stats): boolean => a.dev === b.dev && a.ino === b.ino;

/** Does a path lead through this directory, by whatever name? File systems may be mounted twice, or bound elsewhere. */
function isInside(file: string, directory: Stats): boolean {
  for (let at = file; ; at = path.dirname(at)) {
    const found = stat(at);
    if (found !== undefined && isSame(found, directory)) return true;
    if (at === path.dirname(at)) return false;
  }
}

/** Refuses to write into files that a loop device of DEST's makes of writes to it. */
function refuseBacking(dest: string, found: Stats, sources: readonly string[]): void {
  for (const file of backingFiles(layersOf(found.rdev, false))) {
    refuseSources(file, `${dest}, which is ${file},`, stat(file), sources);
  }
}

/**
 * Refuses a DEST that is, holds or lies in a source, also by way of loop devices.
 * @param real where `dest` leads to, and `found` what is there
 * @param sources paths of sources, and of catalogs
 * @throws USAGE
 */
export function refuseSources(
  real: string,
  dest: string,
  found: Stats | undefined,
  sources: readonly string[],
): void {
  // Sources share disks; nothing is kept for another call, since a loop device may show another file by then.
  const filesOf = new Map<number, string[]>();
  for (const source of sources) {
    const of = stat(source);
    if (of === undefined) continue;
    if (of.isDirectory() && isInside(real, of))
      throw usageError(`${dest} lies inside the source ${source}: sources are never written to`);
    if (found === undefined) continue;
    const disk = of.isBlockDevice() ? of.rdev : of.dev;
    const files = filesOf.get(disk) ?? backingFiles(layersOf(disk, true));
    filesOf.set(disk, files);
    const holds =
      (found.isBlockDevice() && sharesDisk(found.rdev, disk)) ||
      files.some((file) => isSame(found, stat(file) ?? of));
    if (isSame(found, of))
      throw usageError(`${dest} is the source ${source}: sources are never written to`);
    if (holds) throw usageError(`${dest} holds the source ${source}: sources are never written to`);
  }
  if (found?.isBlockDevice()) refuseBacking(dest, found, sources);
}

/** The file that a loop device shows; undefined for any other device, and where the file is gone. */
function backingFile(layer: string): string | undefined {
  try {
    return realpathSync(readFileSync(path.join(layer, 'loop/backing_file'), 'utf8').trimEnd());
  } catch {
    return undefined;
  }
}

const backingFiles = (layers: ReadonlySet<string>): string[] =>
  [...layers].map(backingFile).filter((file) => file !== undefined);

/**
 * Block devices that a device is made of: itself, its disk, and what lies below that.
 * @param files also those that hold the files of loop devices
 */
function layersOf(dev: number, files: boolean): ReadonlySet<string> {
  const layers = new Set<string>();
  const add = (directory: string, depth: number) => {
    const real = tolerantPath(directory);
    if (real === undefined || layers.has(real) || depth > MAX_LAYERS) return;
    layers.add(real);
    if (existsSync(path.join(real, 'partition'))) add(path.dirname(real), depth + 1);
    for (const name of namesIn(path.join(real, 'slaves'))) {
      add(path.join(real, 'slaves', name), depth + 1);
    }
    const file = files ? backingFile(real) : undefined;
    const of = file === undefined ? undefined : stat(file);
    if (of !== undefined) add(sysBlockPath(of.isBlockDevice() ? of.rdev : of.dev), depth + 1);
  };
  add(sysBlockPath(dev), 0);
  return layers;
}

/** Partitions of logical volumes on RAID on loop devices are about as deep as it gets. */
const MAX_LAYERS = 16;

function tolerantPath(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/**
 * Would writing to one block device write to another? The same, one the other's disk, or both on the
 * volumes or partitions that one is made of. Two partitions of a disk are two.
 */
function sharesDisk(a: number, b: number): boolean {
  if (a === b) return true;
  const [own, other] = [tolerantPath(sysBlockPath(a)), tolerantPath(sysBlockPath(b))];
  if (own === undefined || other === undefined) return false;
  return layersOf(b, true).has(own) || layersOf(a, false).has(other);
}

/** Refuses a file of ours (catalog, report) that would lie in a source or replace one. @throws USAGE, DESTINATION */
export function refuseInSource(catalog: string, sources: readonly string[]): void {
  const real = realDestination(catalog);
  refuseSources(real, catalog, stat(real), sources);
}
