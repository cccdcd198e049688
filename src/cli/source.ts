import { Catalog, type CatalogOsd } from '../catalog/catalog.ts';
import { osdKey, osdName } from '../catalog/osd-records.ts';
import { CatalogScan } from '../catalog/scan.ts';
import { notFoundError, SalvageError, usageError } from '../errors/salvage-error.ts';
import type { Cluster } from '../image/cluster.ts';
import { clustersOf } from '../image/clusters-of.ts';
import type { Image } from '../image/image.ts';
import { memoryStorage, openCatalogForReading } from '../io/catalog-storage.ts';
import { coreCount, deviceLanes } from '../io/device-lanes.ts';
import { realPath, statOrUndefined } from '../io/file-source.ts';
import { native } from '../io/native.ts';
import type { DeviceLane, DeviceLanes, TaskRunner } from '../io/ports.ts';
import {
  type DetectOptions,
  detectAgain,
  type FoundOsd,
  isBlueStoreThere,
  looseObjects,
  sourcePathsOf,
} from '../store/detect.ts';
import type { OsdLocation } from '../store/object-store.ts';
import { journalWarning } from '../store/survey-store.ts';
import { MAX_THREADS, startPool } from '../workers/pool.ts';
import { markBadBlocks } from './bad-map-option.ts';
import { condensed } from './condensed.ts';
import type { CommandContext } from './context.ts';
import { findOsds } from './find-osds.ts';
import { deviceOffsets } from './offset-option.ts';
import type { SourceOptions } from './options.ts';
import { placeParts } from './place-parts.ts';

/** A command's SOURCE, open. */
export interface Source {
  clusters: Cluster[];
  images: Image[];
  /** a catalog lacks objects that its OSDs have: nothing read from it is known to be complete */
  unfinished: boolean;
  runner: TaskRunner;
  lanes: DeviceLanes;
  /** where each OSD's store lies now, by key; an OSD that is not there is missing here */
  locations: Map<string, OsdLocation>;
  /** told of every copy taken or given up */
  decided: CommandContext['decided'];
  /** everything that must never be written to: all OSDs known, left out or not, and the catalogs */
  protectedPaths: string[];
  close(): Promise<void>;
}

/** Threads enough for all readers of the devices that hold some OSDs. */
export function poolFor(
  { readTimeout }: Pick<SourceOptions, 'readTimeout'>,
  lanes: DeviceLanes,
  locations: readonly OsdLocation[],
): TaskRunner {
  const devices = new Map<string, DeviceLane>();
  for (const { dataPath } of locations) {
    if (statOrUndefined(dataPath) === undefined) continue;
    const lane = lanes.of(dataPath);
    devices.set(lane.device, lane);
  }
  const threads = (readersOf: (lane: DeviceLane) => number) => {
    const wanted = [...devices.values()].reduce((sum, lane) => sum + readersOf(lane), 0);
    return Math.min(MAX_THREADS, Math.max(1, wanted));
  };
  const atOnce = threads(({ readers }) => readers);
  const most = threads((lane) => lane.most ?? lane.readers);
  // Where many disks turn out to be fast, the processor is what they wait for. Each thread keeps stores open.
  return startPool(atOnce, readTimeout, Math.min(most, atOnce + coreCount() - 1));
}

/** Tells of what `--osd` brought that cannot be used. @returns how many such things there were */
export function warnOfProblems(
  context: CommandContext,
  found: Pick<ReturnType<typeof findOsds>, 'problems' | 'duplicates'>,
): number {
  for (const { path, reason } of found.problems) context.warn(`${path}: ${reason}`);
  for (const { path, same } of found.duplicates) context.say(`${path}: the same OSD as ${same}`);
  return found.problems.length;
}

/** Options that say where the sources lie. */
export type SourcePaths = Pick<
  SourceOptions,
  'osd' | 'objects' | 'journal' | 'omap' | 'offset' | 'badMap'
>;

const detectOptions = (
  { offset = [] }: Pick<SourceOptions, 'offset'>,
  context: CommandContext,
): DetectOptions => ({
  offsetsOf: deviceOffsets(offset),
  notice: (path, sentence) => context.say(`${path}: ${sentence}`),
});

/** The OSDs that `--osd` names, and what `--objects` stands in for one. @throws NOT_FOUND when there is none */
export function requireOsds(options: SourcePaths, context: CommandContext) {
  const { osd = [], objects = [], ...parts } = options;
  const loose = objects.map(looseObjects);
  const found = findOsds(osd, detectOptions(options, context));
  if (found.osds.length + loose.length === 0) {
    const reasons = found.problems.map(({ path, reason }) => `${path}: ${reason}`);
    throw notFoundError(`no OSD found: ${reasons.join('; ')}`);
  }
  const left = warnOfProblems(context, found);
  const placed = [...placeParts(found.osds, parts), ...loose];
  markBadBlocks(placed, parts.badMap);
  return { osds: placed, left };
}

async function scanOnTheSpot(options: SourceOptions, context: CommandContext) {
  const { osds } = requireOsds(options, context);
  const lanes = deviceLanes(options.jobs);
  const runner = poolFor(
    options,
    lanes,
    osds.map(({ location }) => location),
  );
  const catalog = new Catalog(memoryStorage());
  try {
    const { progress } = context;
    for (const { error, name } of await new CatalogScan(catalog, { runner, lanes, progress }).run(
      osds,
    )) {
      if (error !== undefined) context.warn(`${name}: ${error}`);
    }
    // Read again, as from a file: what was appended is only now taken in.
    return { catalogs: [new Catalog(catalog.log.storage)], lanes, runner };
  } catch (error) {
    await runner.close();
    throw error;
  }
}

function openCatalogs(
  files: readonly string[],
  allowUnfinished: boolean,
  context: CommandContext,
): Catalog[] {
  const catalogs = files.map((file) => {
    const storage = openCatalogForReading(file);
    if (storage.size() === 0) throw new SalvageError('CORRUPT', `${file} is empty: not a catalog`);
    const catalog = new Catalog(storage);
    // Opening its OSDs reads the heads of all segments, and so finds what is damaged.
    catalog.osds();
    return catalog;
  });
  for (const catalog of catalogs) {
    if (!catalog.unfinished || allowUnfinished) continue;
    for (const problem of catalog.problems) context.warn(problem);
    throw new SalvageError(
      'CORRUPT',
      `${catalog.path}: its scan was not finished, or it is cut short or damaged: objects would be missing; ` +
        'run scan again, or go on without them with --unfinished',
    );
  }
  return catalogs;
}

/** Is the OSD still at the path where it was scanned? */
function isStillThere({ location, identity }: FoundOsd, key: string): boolean {
  if (statOrUndefined(location.dataPath) === undefined) return false;
  if (location.kind === 'bluestore') return isBlueStoreThere({ location, identity });
  try {
    return detectAgain(location).some(
      (osd) => osdKey(osd.identity, realPath(osd.location.path)) === key,
    );
  } catch {
    return false;
  }
}

/** What `--osd` and `--objects` name, by key. @throws USAGE for what no catalog has: nothing of it would be read */
function givenOsds(
  known: readonly CatalogOsd[],
  { osd = [], objects = [], ...options }: SourcePaths,
  context: CommandContext,
): Map<string, FoundOsd> {
  const found = osd.length === 0 ? undefined : findOsds(osd, detectOptions(options, context));
  if (found !== undefined) warnOfProblems(context, found);
  const keys = new Set(known.map(({ key }) => key));
  const given = new Map<string, FoundOsd>();
  for (const one of [...(found?.osds ?? []), ...objects.map(looseObjects)]) {
    const key = osdKey(one.identity, realPath(one.location.path));
    if (!keys.has(key)) {
      const name = osdName(one.identity, one.location.path);
      throw usageError(
        `${name} at ${one.location.path} is not in the catalog: scan it first, with --osd and --catalog`,
      );
    }
    given.set(key, one);
  }
  return given;
}

/** Where the OSDs of the catalogs lie now: under the same paths, or where they are `given`. */
function locate(
  clusters: readonly Cluster[],
  given: ReadonlyMap<string, FoundOsd>,
  parts: Parameters<typeof placeParts>[1] & Pick<SourcePaths, 'badMap'>,
): Map<string, OsdLocation> {
  const found = new Map(given);
  for (const { catalog } of clusters.flatMap((cluster) => cluster.osds)) {
    const { key, identity, location } = catalog;
    const moved = found.get(key)?.location;
    // Only what the scan found in the journal is replayed: the rows say that much.
    if (moved !== undefined) found.set(key, { identity, location: asScanned(moved, location) });
    else if (isStillThere({ location, identity }, key)) found.set(key, { identity, location });
  }
  const keys = [...found.keys()];
  const placed = placeParts([...found.values()], parts);
  markBadBlocks(placed, parts.badMap);
  return new Map(keys.map((key, i) => [key, placed[i]!.location]));
}

/** A location found now, with what a scan learned of its journal, and its parts that lie elsewhere. */
function asScanned(now: OsdLocation, { replay, journal, omap }: OsdLocation): OsdLocation {
  const isThere = (part: string | undefined) => part && statOrUndefined(part) !== undefined;
  return {
    ...now,
    ...(replay === undefined ? {} : { replay }),
    ...(isThere(journal) ? { journal } : {}),
    ...(isThere(omap) ? { omap } : {}),
  };
}

function chooseCluster(clusters: Cluster[], fsid: string | undefined): Cluster[] {
  if (fsid === undefined) return clusters;
  const chosen = clusters.filter((cluster) => cluster.fsid === fsid.toLowerCase());
  if (chosen.length > 0) return chosen;
  const have = clusters.map((cluster) => cluster.fsid ?? 'unknown').join(', ');
  throw notFoundError(`no OSD of cluster ${fsid} (there are: ${have})`);
}

/** Names of OSDs as `--exclude-osd` gives them: `osd.3` or `3`. @throws NOT_FOUND when there is none */
function excludedNames(osds: readonly CatalogOsd[], wanted: readonly string[]): string[] {
  const names = osds.map(({ identity, location }) => osdName(identity, location.path));
  return wanted.map((name) => {
    const found = names.find((known) => known === name || known === `osd.${name}`);
    if (found !== undefined) return found;
    throw notFoundError(`no OSD "${name}" to leave out (there are: ${names.join(', ')})`);
  });
}

/** Opens what `--catalog` and `--osd` name. @throws USAGE when neither is given */
export async function openSource(options: SourceOptions, context: CommandContext): Promise<Source> {
  if ((options.catalog ?? options.osd ?? options.objects) === undefined) {
    throw usageError('no SOURCE: give --catalog FILE (made by scan) or --osd PATH...');
  }
  const opened =
    options.catalog === undefined
      ? await scanOnTheSpot(options, context)
      : {
          catalogs: openCatalogs(options.catalog, options.unfinished === true, context),
          lanes: deviceLanes(options.jobs),
          runner: undefined,
        };
  const everything = opened.catalogs.flatMap((catalog) => catalog.osds());
  const excluded = excludedNames(everything, options.excludeOsd ?? []);
  const clusters = chooseCluster(clustersOf(opened.catalogs, excluded), options.cluster);
  const images = clusters.flatMap((cluster) => cluster.images);
  const authorities = clusters.map((cluster) => cluster.pgs);
  const problems = [...opened.catalogs, ...clusters, ...authorities].flatMap(
    (part) => part.problems,
  );
  for (const problem of condensed(new Set(problems))) context.warn(problem);
  for (const { name, catalog } of clusters.flatMap((cluster) => cluster.osds)) {
    const warning = journalWarning(catalog.location);
    if (warning !== undefined) context.warn(`${name}: ${warning}`);
  }
  if (native === undefined) {
    context.warn(
      'no native calls on this platform: attributes cannot be read, so versions are unknown',
    );
  }
  const given = options.catalog === undefined ? new Map() : givenOsds(everything, options, context);
  const { osd: _osd, objects: _objects, ...parts } = options;
  const locations = locate(clusters, given, parts);
  const protectedPaths = [
    ...[...everything.map(({ location }) => location), ...locations.values()].flatMap(
      sourcePathsOf,
    ),
    ...(options.catalog ?? []),
  ];
  context.log.open(protectedPaths);
  let { runner } = opened;
  return {
    clusters,
    images,
    decided: context.decided,
    protectedPaths,
    unfinished:
      opened.catalogs.some((catalog) => catalog.unfinished) ||
      clusters.some((cluster) => cluster.incomplete),
    lanes: opened.lanes,
    locations,
    get runner() {
      // Commands that read no object need no threads.
      runner ??= poolFor(options, opened.lanes, [...locations.values()]);
      return runner;
    },
    close: async () => {
      await runner?.close();
      for (const catalog of opened.catalogs) catalog.close();
    },
  };
}
