import { SalvageError, usageError } from '../errors/salvage-error.ts';
import { Checkpoint, type DisksSince } from '../export/checkpoint.ts';
import { ImageMap } from '../export/image-map.ts';
import { formatMapFile, isMapOfOurs, type MapFile, parseMapFile } from '../export/map-file.ts';
import type { ImageRange } from '../export/plan.ts';
import {
  type Evidence,
  evidenceOf,
  foundSince,
  isEvidence,
  joined,
  weigh,
} from '../image/evidence.ts';
import type { Layer } from '../image/layer.ts';
import { type Destination, type DestinationRequest, openDestination } from '../io/destination.ts';
import { isBlockDevice, isStream, refuseDirectory, stat } from '../io/destination-paths.ts';
import { findOutput, type OutputTrace } from '../io/output-trace.ts';
import { refuseInSource } from '../io/refuse-sources.ts';
import { readTextFile, removeTextFile, replaceTextFile } from '../io/text-file.ts';
import type { ImageExport } from './image-export.ts';
import {
  isIdentity,
  isSameOutput,
  keptIdentity,
  type OutputIdentity,
  outputIdentity,
} from './output-identity.ts';
import type { Source } from './source.ts';

/** What a map file of ours says of itself, in its comment. */
interface AboutOutput {
  output: OutputIdentity;
  /** the output that it belongs to; its time of change counts once it is finished */
  file: OutputTrace;
  finished: boolean;
}

/** The state that an earlier run has kept of an output. */
interface KeptState extends MapFile {
  about: AboutOutput;
  /** by what was decided which copies count, of all that is called done */
  evidence: Evidence;
}

export interface ResumableRequest {
  /** a file or a block device */
  dest: string;
  /** where the map is kept, where that is not beside DEST */
  map: string | undefined;
  force: boolean;
  /** begin anew, whatever an earlier run has left */
  restart: boolean;
  layer: Layer;
  /** how bytes are checked, and OSDs that are left out: by other rules other bytes may count */
  verify: string;
  excluded: readonly string[];
  /** false: what is copied is not known to be all there is */
  trusted: boolean;
  noParent: boolean;
  /** what is wrong with the image as a whole */
  problems: readonly string[];
  source: Source;
  /** bytes that may be written at the most; undefined: do not check for space */
  need: number | undefined;
}

/** A destination with the state that is kept of it. */
export interface ResumableOutput {
  destination: Destination;
  /** undefined: no state is kept, as of a device without `--map` */
  checkpoint: Checkpoint | undefined;
  /** path of the map file */
  map: string | undefined;
  /** why nothing is kept of what an earlier run of this export had done, where that is so */
  outdated: string | undefined;
  /** gives the output its name, once its state says that it is finished @throws DESTINATION */
  commit(): Promise<void>;
  /** lets go of it unfinished; what is done is kept, nothing is left behind where nothing is done */
  leave(): Promise<void>;
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;

const isOurs = (state: MapFile): state is KeptState =>
  isAbout(state.about) && isEvidence(state.evidence);

const isAbout = (about: unknown): about is AboutOutput =>
  isObject(about) &&
  'output' in about &&
  isIdentity(about.output) &&
  'file' in about &&
  isObject(about.file);

/** The state that an earlier run has kept. @throws USAGE when something else lies in its place */
function readMap(file: string): KeptState | undefined {
  // A FIFO would be waited for, and a device would lose its name to the map.
  if (stat(file)?.isFile() === false) throw usageError(`${file} is in the way: it is no file`);
  const text = readTextFile(file);
  if (text === undefined) return undefined;
  if (!isMapOfOurs(text)) {
    throw usageError(`${file} is in the way: it is no map of an export; name another with --map`);
  }
  try {
    const state = parseMapFile(text);
    return isOurs(state) ? state : undefined;
  } catch (error) {
    // A state that cannot be read is one that is not known: everything is done again.
    if (error instanceof SalvageError && error.code === 'CORRUPT') return undefined;
    throw error;
  }
}

const sameFile = (a: OutputTrace, b: OutputTrace): boolean =>
  a.inode === b.inode && a.born === b.born && a.size === b.size && a.device === b.device;

/** Is a finished output as it was when its map was written? */
const isUntouched = (found: OutputTrace | undefined, file: OutputTrace): boolean =>
  found !== undefined && sameFile(found, file) && found.mtimeMs === file.mtimeMs;

type Known = KeptState | undefined;

/** The state of this very export, if that is what an earlier run has left. */
function sameExport(request: ResumableRequest, known: Known): Known {
  if (known === undefined || request.restart || known.map.size !== request.layer.size)
    return undefined;
  if (!isSameOutput(known.about.output, outputIdentity(request))) return undefined;
  return known;
}

/** Ranges that are called done and are not, by what only OSDs have that have turned up since. */
function* foundAnew({ layer }: ResumableRequest, known: KeptState): Generator<ImageRange> {
  for (const { offset, length } of foundSince(layer, known.evidence)) {
    // Nearly always in doubt already: looked up first, since each change moves what lies behind it.
    yield* known.map.ranges('+', offset, offset + length);
  }
}

/** Why what was proven is not, or not all of it. */
function whyOutdated(request: ResumableRequest, known: KeptState): string | undefined {
  const why = weigh(request.layer, known.evidence);
  if (why !== undefined || !isWhole(known) || !isUnchanged(request, known)) return why;
  return foundAnew(request, known).next().done === true
    ? undefined
    : 'a disk that was not known then has objects of it that no other has';
}

const isWhole = ({ map, about }: KeptState): boolean =>
  about.finished && map.bytes('+') === map.size;

/** Did an earlier run finish this very export, with nothing lost or doubtful, and has nobody touched it since? */
export function isDone(request: ResumableRequest): boolean {
  const file = mapPathOf(request);
  const known = sameExport(request, file === undefined ? undefined : readMap(file));
  if (known === undefined) return false;
  return isWhole(known) && isUnchanged(request, known) && whyOutdated(request, known) === undefined;
}

/** What of an earlier run of this export can be gone on with. */
function keepOf(request: ResumableRequest, known: KeptState): DestinationRequest['keep'] {
  const { file, finished: wasFinished } = known.about;
  const { finished, partial, device } = findOutput(request.dest);
  // What became of a device since it was finished, nothing on it tells.
  if (device !== undefined) return sameFile(device, file) && !wasFinished ? 'device' : undefined;
  if (partial !== undefined) return sameFile(partial, file) ? 'partial' : undefined;
  const incomplete = known.map.bytes('+') < known.map.size;
  return wasFinished && isUntouched(finished, file) && incomplete ? 'finished' : undefined;
}

/** Does a finished output lie there as its map tells? */
const isUnchanged = ({ dest }: ResumableRequest, { about }: KeptState): boolean =>
  about.finished && isUntouched(findOutput(dest).finished, about.file);

/** By what all of an output is proven: what is known now, and what was known of what is kept of it. */
function evidenceNow({ layer }: ResumableRequest, kept: Known): string {
  const now = evidenceOf(layer);
  return JSON.stringify(kept === undefined ? now : joined(kept.evidence, now));
}

/**
 * To be called before anything of an image is decided: an earlier run of this export may have known of newer writes than the
 * disks at hand, and what these say is in doubt then, also what they say of its object map and journal.
 */
export function heedEarlierRun({ dest, options }: ImageExport, layer: Layer): void {
  if (isStream(dest) || options.restart === true) return;
  const map = mapPathOf({ dest, map: options.map });
  const known = map === undefined ? undefined : readMap(map);
  if (known === undefined) return;
  const { image } = layer;
  const { cluster, pool, id } = known.about.output;
  if (cluster !== (image.cluster.fsid ?? null) || pool !== image.pool || id !== image.id) return;
  weigh(layer, known.evidence);
}

/** The map's place: a device has none beside it that would outlive a reboot. @throws USAGE when DEST is a directory */
function mapPathOf({ dest, map }: Pick<ResumableRequest, 'dest' | 'map'>): string | undefined {
  refuseDirectory(dest, stat(dest));
  return map ?? (isBlockDevice(dest) ? undefined : `${dest}.map`);
}

/** @throws USAGE for a finished output that was made while something was wrong with the image that is not any more */
function refuseMended(request: ResumableRequest, left: KeptState): void {
  if (!isUnchanged(request, left)) return;
  const { output } = left.about;
  const now = outputIdentity(request);
  const mended = output.problems.find((problem) => !now.problems.includes(problem));
  if (mended === undefined || output.id !== now.id || output.pool !== now.pool) return;
  throw usageError(
    `${request.dest} is out of date: it was made while this was not known to be complete (${mended}); with --force the image replaces it`,
  );
}

/** How the disks at hand compare with those that were known when an earlier run read what it is to be gone on with. */
function disksSince({ layer, source }: ResumableRequest, { evidence }: KeptState): DisksSince {
  const { locations } = source;
  const known = new Set(evidence.osds);
  if (evidence.osds.every((key) => locations.has(key))) return 'all';
  const { osds } = layer.image.cluster;
  const keys = osds.map(({ catalog }) => catalog.key);
  return keys.some((key) => locations.has(key) && !known.has(key)) ? 'others' : 'fewer';
}

/**
 * Opens DEST, and goes on with what an earlier run of the same export has left of it.
 * @throws USAGE when it is refused; DESTINATION when it cannot be written
 */
export function openResumable(request: ResumableRequest): ResumableOutput {
  const { dest, force, layer, source } = request;
  const map = mapPathOf(request);
  if (map !== undefined) refuseInSource(map, source.protectedPaths);
  const left = map === undefined ? undefined : readMap(map);
  const known = sameExport(request, left);
  if (left !== undefined && known === undefined && !force) refuseMended(request, left);
  const found = known && keepOf(request, known);
  const outdated = known && whyOutdated(request, known);
  const keep = outdated === undefined ? found : undefined;
  const state = keep === undefined ? new ImageMap(layer.size) : known!.map;
  if (outdated !== undefined && !force && isUnchanged(request, known!)) {
    throw usageError(`${dest} is out of date: ${outdated}; with --force the image replaces it`);
  }
  const kept = keep === undefined ? undefined : known;
  const now = outputIdentity(request);
  const output = kept === undefined ? now : keptIdentity(kept.about.output, now);
  const isWorse = output.problems.length < now.problems.length;
  if (kept !== undefined) {
    for (const { offset, length } of [...foundAnew(request, kept)]) state.set(offset, length, '?');
  }
  const evidence = evidenceNow(request, kept);
  const destination = openDestination({
    ...{ dest, force, size: layer.size, sources: source.protectedPaths },
    need: request.need && Math.min(request.need, layer.size - state.bytes('+')),
    ...(keep === undefined ? {} : { keep }),
    // The state of what is about to be wiped must not be believed after a cut.
    beforeWipe: () => map !== undefined && removeTextFile(map),
  });
  if (keep !== undefined && !sameFile(destination.trace(), known!.about.file)) {
    destination.release();
    throw usageError(`${dest} was changed by another export just now: try again`);
  }
  if (map === undefined) {
    return {
      ...{ destination, map, checkpoint: undefined, outdated },
      commit: async () => destination.commit(),
      leave: async () => destination.abandon(),
    };
  }
  const textOf = (finished: boolean) => {
    const about: AboutOutput = { output, file: destination.trace(), finished };
    return formatMapFile(state, about, evidence);
  };
  const checkpoint = new Checkpoint({
    map: state,
    store: {
      save: async () => {
        const text = textOf(false);
        await destination.sync();
        await replaceTextFile(map, text);
      },
    },
    // What is added while more is wrong than was is done again once that is set right.
    trusted: request.trusted && !isWorse,
    resumed: keep !== undefined,
    ...(kept === undefined ? {} : { disks: disksSince(request, kept) }),
  });
  return {
    ...{ destination, map, checkpoint, outdated },
    commit: async () => {
      await replaceTextFile(map, textOf(true));
      destination.commit();
    },
    leave: async () => {
      // What is known to be done by now; where it cannot be kept, what was known before.
      const isWorthIt = () => checkpoint.kept > 0 || keep !== undefined;
      if (state.bytes('+') > 0 || isWorthIt()) await checkpoint.finish().catch(() => {});
      await checkpoint.stop();
      try {
        if (isWorthIt()) return destination.release();
        destination.abandon();
        removeTextFile(map);
      } catch {
        // A file system that has become read-only keeps them; what counts is why the export failed.
      }
    },
  };
}
