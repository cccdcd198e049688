import { existsSync, readdirSync, realpathSync, type Stats } from 'node:fs';
import path from 'node:path';
import { usageError } from '../errors/salvage-error.ts';
import { realDestination, stat } from './destination-paths.ts';
import { sysBlockPath } from './device-lanes.ts';

const isInside = (file: string, directory: string): boolean =>
  file === directory || file.startsWith(directory.endsWith('/') ? directory : `${directory}/`);

/**
 * Refuses a DEST that is, holds or lies in a source.
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
  for (const source of sources) {
    const of = stat(source);
    if (of === undefined) continue;
    const within = of.isDirectory() && isInside(real, realpathSync(source));
    if (within)
      throw usageError(`${dest} lies inside the source ${source}: sources are never written to`);
    if (found === undefined) continue;
    const same = found.dev === of.dev && found.ino === of.ino;
    const holds =
      found.isBlockDevice() && sharesDisk(found.rdev, of.isBlockDevice() ? of.rdev : of.dev);
    if (same) throw usageError(`${dest} is the source ${source}: sources are never written to`);
    if (holds) throw usageError(`${dest} holds the source ${source}: sources are never written to`);
  }
}

/** Block devices that a device is made of: itself, its disk, and what lies below that. */
function layersOf(dev: number): Set<string> {
  const layers = new Set<string>();
  const add = (directory: string, depth: number) => {
    const real = tolerantPath(directory);
    if (real === undefined || layers.has(real) || depth > MAX_LAYERS) return;
    layers.add(real);
    if (existsSync(path.join(real, 'partition'))) add(path.dirname(real), depth + 1);
    for (const name of namesIn(path.join(real, 'slaves'))) {
      add(path.join(real, 'slaves', name), depth + 1);
    }
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
  return layersOf(b).has(own) || layersOf(a).has(other);
}

/** Refuses a file of ours (catalog, report) that would lie in a source or replace one. @throws USAGE, DESTINATION */
export function refuseInSource(catalog: string, sources: readonly string[]): void {
  const real = realDestination(catalog);
  refuseSources(real, catalog, stat(real), sources);
}
