import fastGlob from 'fast-glob';
import { osdKey } from '../catalog/osd-records.ts';
import { realPath, statOrUndefined } from '../io/file-source.ts';
import { detectOsds, type FoundOsd } from '../store/detect.ts';

export interface FoundOsds {
  osds: FoundOsd[];
  /** paths without an OSD, and OSDs that cannot be used, with the reason */
  problems: { path: string; reason: string }[];
  /** OSDs given twice */
  duplicates: { path: string; same: string }[];
}

/** A path as it stands, or what it matches where nothing is called so. */
function expand(pattern: string): string[] {
  if (statOrUndefined(pattern) !== undefined || !fastGlob.isDynamicPattern(pattern)) return [pattern];
  return fastGlob.sync(pattern, { onlyFiles: false, dot: true, followSymbolicLinks: true }).sort();
}

/** Finds the OSDs under paths and globs; the same OSD counts once, whatever it is called. */
export function findOsds(patterns: readonly string[]): FoundOsds {
  const found: FoundOsds = { osds: [], problems: [], duplicates: [] };
  const seen = new Map<string, string>();
  for (const pattern of patterns) {
    const paths = expand(pattern);
    if (paths.length === 0) found.problems.push({ path: pattern, reason: 'matches nothing' });
    for (const path of paths) {
      const { osds, problems } = detectOsds(path);
      found.problems.push(...problems);
      for (const osd of osds) addOnce(found, seen, osd);
    }
  }
  return found;
}

function addOnce(found: FoundOsds, seen: Map<string, string>, osd: FoundOsd): void {
  const real = realPath(osd.location.dataPath);
  const key = osdKey(osd.identity, real);
  const same = seen.get(key) ?? seen.get(real);
  if (same !== undefined) {
    found.duplicates.push({ path: osd.location.path, same });
    return;
  }
  seen.set(key, osd.location.path);
  seen.set(real, osd.location.path);
  found.osds.push(osd);
}
