import { createRequire } from 'node:module';
import path from 'node:path';
import { osdKey } from '../catalog/osd-records.ts';
import { realPath, statOrUndefined } from '../io/file-source.ts';
import { type DetectOptions, detectAll, type FoundOsd } from '../store/detect.ts';

export interface FoundOsds {
  osds: FoundOsd[];
  /** paths without an OSD, and OSDs that cannot be used, with the reason */
  problems: { path: string; reason: string }[];
  /** OSDs given twice */
  duplicates: { path: string; same: string }[];
}

/** A path as it stands, or what it matches where nothing is called so. */
function expand(pattern: string): string[] {
  if (statOrUndefined(pattern) !== undefined) return [pattern];
  // Loading it takes longer than opening a catalog: most runs have no use for it.
  const fastGlob = createRequire(import.meta.url)('fast-glob') as typeof import('fast-glob');
  if (!fastGlob.isDynamicPattern(pattern)) return [pattern];
  return fastGlob.sync(pattern, { onlyFiles: false, dot: true, followSymbolicLinks: true }).sort();
}

/** Finds the OSDs under paths and globs; the same OSD counts once, whatever it is called. */
export function findOsds(patterns: readonly string[], options: DetectOptions = {}): FoundOsds {
  const found: FoundOsds = { osds: [], problems: [], duplicates: [] };
  const paths: string[] = [];
  for (const pattern of patterns) {
    const matches = expand(pattern);
    if (matches.length === 0) found.problems.push({ path: pattern, reason: 'matches nothing' });
    // A catalog outlives the working directory that it was made in.
    paths.push(...matches.map((match) => path.resolve(match)));
  }
  // All at once: the devices of one BlueStore OSD may come from several paths.
  const { osds, problems } = detectAll(paths, options);
  found.problems.push(...problems);
  const seen = new Map<string, string>();
  for (const osd of osds) addOnce(found, seen, osd);
  return found;
}

function addOnce(found: FoundOsds, seen: Map<string, string>, osd: FoundOsd): void {
  const real = realPath(osd.location.dataPath);
  // Two OSDs may lie on one disk: only what has no identity of its own is told apart by its path.
  const keys = [osdKey(osd.identity, real), ...(osd.identity.osdFsid === undefined ? [real] : [])];
  const same = keys.map((key) => seen.get(key)).find((path) => path !== undefined);
  if (same !== undefined) {
    found.duplicates.push({ path: osd.location.path, same });
    return;
  }
  for (const key of [...keys, real]) if (!seen.has(key)) seen.set(key, osd.location.path);
  found.osds.push(osd);
}
