import { SalvageError, usageError } from '../errors/salvage-error.ts';
import { Checkpoint } from '../export/checkpoint.ts';
import { ImageMap } from '../export/image-map.ts';
import { formatMapFile, isMapOfOurs, type MapFile, parseMapFile } from '../export/map-file.ts';
import type { Layer } from '../image/layer.ts';
import { type Basis, basisOf, outdated } from '../image/outdated.ts';
import { type Destination, type DestinationRequest, openDestination } from '../io/destination.ts';
import { findOutput, type OutputTrace } from '../io/output-trace.ts';
import { refuseInSource } from '../io/refuse-sources.ts';
import { readTextFile, removeTextFile, replaceTextFile } from '../io/text-file.ts';
import { isSameOutput, type OutputIdentity, outputIdentity } from './output-identity.ts';
import type { Source } from './source.ts';

/** What a map file of ours says of itself, in its comment. */
interface AboutOutput {
  output: OutputIdentity;
  /** the output that it belongs to; its time of change counts once it is finished */
  file: OutputTrace;
  finished: boolean;
  /** by what was decided which copies count */
  basis: Basis;
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
  /** why all is done again of what an earlier run had proven, where that is so */
  outdated: string | undefined;
  /** gives the output its name, once its state says that it is finished @throws DESTINATION */
  commit(): Promise<void>;
  /** lets go of it unfinished; what is done is kept, nothing is left behind where nothing is done */
  leave(): Promise<void>;
}

const isOurs = (about: unknown): about is AboutOutput =>
  typeof about === 'object' &&
  about !== null &&
  'output' in about &&
  'file' in about &&
  'basis' in about;

/** The state that an earlier run has kept. @throws USAGE when something else lies in its place */
function readMap(file: string): (MapFile & { about: AboutOutput }) | undefined {
  const text = readTextFile(file);
  if (text === undefined) return undefined;
  if (!isMapOfOurs(text)) {
    throw usageError(`${file} is in the way: it is no map of an export; name another with --map`);
  }
  try {
    const { map, about } = parseMapFile(text);
    return isOurs(about) ? { map, about } : undefined;
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

type Known = ReturnType<typeof readMap>;

/** Why what an earlier run of this very export has proven is no longer proven. */
const whyOutdated = ({ layer }: ResumableRequest, known: Known): string | undefined =>
  known === undefined ? undefined : outdated(layer, known.about.basis);

/** Did an earlier run finish this very export, with nothing lost or doubtful, and has nobody touched it since? */
export function isDone(request: ResumableRequest): boolean {
  const file = mapPathOf(request);
  const known = file === undefined || request.restart ? undefined : readMap(file);
  if (known === undefined || !isSameOutput(known.about.output, outputIdentity(request)))
    return false;
  const { finished } = findOutput(request.dest);
  return (
    known.about.finished &&
    known.map.bytes('+') === request.layer.size &&
    isUntouched(finished, known.about.file) &&
    whyOutdated(request, known) === undefined
  );
}

/**
 * What of an earlier run can be gone on with.
 * @param isOutdated nothing in it counts for done any more
 */
function keepOf(
  request: ResumableRequest,
  known: Known,
  isOutdated: boolean,
): DestinationRequest['keep'] {
  if (known === undefined || request.restart || known.map.size !== request.layer.size)
    return undefined;
  const { output, file, finished: wasFinished } = known.about;
  if (!isSameOutput(output, outputIdentity(request))) return undefined;
  const { finished, partial, device } = findOutput(request.dest);
  // What became of a device since it was finished, nothing on it tells.
  if (device !== undefined) return sameFile(device, file) && !wasFinished ? 'device' : undefined;
  if (partial !== undefined) return sameFile(partial, file) ? 'partial' : undefined;
  const incomplete = isOutdated || known.map.bytes('+') < known.map.size;
  return wasFinished && isUntouched(finished, file) && incomplete ? 'finished' : undefined;
}

/** The map's place: a device has none beside it that would outlive a reboot. */
function mapPathOf({ dest, map }: ResumableRequest): string | undefined {
  return map ?? (findOutput(dest).device === undefined ? `${dest}.map` : undefined);
}

/**
 * Opens DEST, and goes on with what an earlier run of the same export has left of it.
 * @throws USAGE when it is refused; DESTINATION when it cannot be written
 */
export function openResumable(request: ResumableRequest): ResumableOutput {
  const { dest, force, layer, source } = request;
  const map = mapPathOf(request);
  if (map !== undefined) refuseInSource(map, source.protectedPaths);
  const known = map === undefined ? undefined : readMap(map);
  const why = whyOutdated(request, known);
  const keep = keepOf(request, known, why !== undefined);
  const kept = keep === undefined ? undefined : known!.map;
  const state = kept === undefined || why !== undefined ? new ImageMap(layer.size) : kept;
  const destination = openDestination({
    ...{ dest, force, size: layer.size, sources: source.protectedPaths },
    need: request.need && Math.min(request.need, layer.size - (kept?.bytes('+') ?? 0)),
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
      ...{ destination, map, checkpoint: undefined, outdated: undefined },
      commit: async () => destination.commit(),
      leave: async () => destination.abandon(),
    };
  }
  const textOf = (finished: boolean) => {
    const about: AboutOutput = {
      output: outputIdentity(request),
      file: destination.trace(),
      finished,
      basis: basisOf(layer.image.cluster),
    };
    return formatMapFile(state, about);
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
    trusted: request.trusted,
    resumed: keep !== undefined,
  });
  return {
    ...{ destination, map, checkpoint, outdated: keep && why },
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
