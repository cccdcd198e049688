import { decodeObjectInfo, isWhiteout, type ObjectInfo } from '../ceph/object-info.ts';
import { erasureCode } from '../ec/erasure-code.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { EcSource } from '../image/ec-shards.ts';
import { type ImageSink, type ImageTarget, openSink } from '../io/image-sink.ts';
import { EcObject } from '../store/ec-object.ts';
import { EcSalvage } from '../store/ec-salvage.ts';
import type { ObjectRef, ObjectStoreReader, OpenObject } from '../store/object-store.ts';
import { openShard, type Shard } from '../store/shard-object.ts';
import { type CopyProgress, noteBegun, noteDone } from './copy-progress.ts';
import { forEachPiece } from './plan.ts';
import { crcOf, readPieces, readRange } from './read-object.ts';
import { forEachDataRun } from './zero-runs.ts';

/** The shards of an erasure-coded object, each on an OSD of its own. */
export interface EcJob extends EcSource {
  shards: Shard[];
}

/** One object to copy into the image, as a worker gets it. */
export interface CopyJob {
  ref: ObjectRef;
  /** set: `ref` is one shard of these */
  ec: EcJob | undefined;
  /** bytes it must have; undefined: as many as the store holds */
  size: number | undefined;
  /** crc32c that all its bytes must have */
  digest: number | undefined;
  /** triples: offset in the object, length, offset in the image */
  pieces: number[];
  /** the target may hold bytes of a copy that failed: zeros must be written too */
  overwrite: boolean;
  /** take it whatever size and digest say */
  lenient: boolean;
  /** no copy can be read whole: take what can be read, in ever smaller pieces */
  salvage: boolean;
  /** nobody has looked at its object_info yet: take size and digest from there */
  examine: boolean;
  /** nobody else is likely to read it after this: it need not stay in the page cache */
  lastUse?: boolean;
}

/** `whiteout`: the object does not exist, which is no fault */
export type CopyFailure = 'unreadable' | 'unversioned' | 'size' | 'digest' | 'whiteout';

/** Part of a piece, as the triple it would be, and why it could not be read. */
export interface BadPiece {
  piece: [objectOffset: number, length: number, imageOffset: number];
  reason: string;
}

export type CopyResult =
  /** bytes written, holes and zeros not counted */
  | {
      ok: true;
      written: number;
      read: number;
      /** pieces that could not be read */
      bad: BadPiece[];
      /** the store's own checksums vouch for the rest */
      checked?: boolean;
    }
  | { ok: false; failure: CopyFailure; reason: string };

/** A disk may turn slow in the middle of what was meant to take it half a second: others may be sooner. */
const PATIENCE_MS = 1000;

export interface CopyOptions {
  /** begin to read the next object before one is copied */
  readAhead?: boolean;
  /** shows which jobs are done while others are still to come */
  progress?: CopyProgress;
  /** after this much time what was not begun is handed back; the first job always is */
  patienceMs?: number;
}

/**
 * Copies objects of one OSD into the image; each job's outcome stands at its place.
 * @returns fewer outcomes than jobs where it takes too long: the rest has not been begun
 */
export function copyObjects(
  store: ObjectStoreReader,
  jobs: readonly CopyJob[],
  target: ImageTarget,
  { readAhead = false, progress, patienceMs = PATIENCE_MS }: CopyOptions = {},
): CopyResult[] {
  const sink = openSink(target);
  const until = performance.now() + patienceMs;
  const results: CopyResult[] = [];
  let next: Opening | undefined;
  try {
    const open = (i: number): Opening => {
      if (progress !== undefined) noteBegun(progress, i);
      return openJob(store, jobs[i]!);
    };
    for (const [i, job] of jobs.entries()) {
      if (i > 0 && next === undefined && performance.now() > until) break;
      const opening = next ?? open(i);
      const goesOn = readAhead && i + 1 < jobs.length && performance.now() <= until;
      next = goesOn ? open(i + 1) : undefined;
      next?.object?.readAhead?.();
      const result = copyTolerantly(opening, job, sink);
      if (progress !== undefined) noteDone(progress, i, result);
      results.push(result);
    }
    return results;
  } finally {
    next?.object?.close();
    sink.close();
  }
}

/** An object that was opened, or why it could not be. */
type Opening = { object: OpenObject; failure?: never } | { object?: never; failure: CopyResult };

function openJob(store: ObjectStoreReader, job: CopyJob): Opening {
  try {
    const verify = !job.lenient;
    const object = job.ec === undefined ? store.open(job.ref, { verify }) : openShards(job.ec, job);
    if (isLastUse(job, object)) object.leaveCache?.();
    return { object };
  } catch (error) {
    return { failure: unreadable(error) };
  }
}

/** Of an object that is read in parts, the rest will be asked for. */
function isLastUse({ lastUse, pieces }: CopyJob, object: OpenObject): boolean {
  return lastUse === true && coversAll(pieces, object.size);
}

/** What the sink throws is the destination's fault and ends the export. */
function unreadable(error: unknown): CopyResult {
  if (!isSourceFault(error)) throw error;
  return { ok: false, failure: 'unreadable', reason: errorText(error) };
}

function copyTolerantly({ object, failure }: Opening, job: CopyJob, sink: ImageSink): CopyResult {
  if (failure !== undefined) return failure;
  try {
    const examined = job.examine ? examine(object, job) : job;
    if ('ok' in examined) {
      // An object that does not exist must not leave what another try of it has written.
      if (examined.failure === 'whiteout' && job.overwrite) zeroAll(job, sink);
      return examined;
    }
    return job.salvage ? salvagePieces(object, examined, sink) : copyObject(object, examined, sink);
  } catch (error) {
    return unreadable(error);
  } finally {
    object.close();
  }
}

const zeroAll = ({ pieces }: CopyJob, sink: ImageSink): void =>
  forEachPiece(pieces, (offset, length) => sink.zero(offset, length));

/** The job with what the object's own object_info says of it. */
function examine(object: OpenObject, job: CopyJob): CopyJob | (CopyResult & { ok: false }) {
  const info = objectInfoOf(object);
  if (info === undefined) {
    if (job.lenient) return job;
    return {
      ok: false,
      failure: 'unversioned',
      reason: `${object.path}: its object_info is lost or damaged`,
    };
  }
  if (isWhiteout(info)) return { ok: false, failure: 'whiteout', reason: '' };
  return { ...job, size: info.size, digest: info.dataDigest };
}

function objectInfoOf(object: OpenObject): ObjectInfo | undefined {
  const attr = object.attr('_');
  try {
    return attr && decodeObjectInfo(attr);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Opens the shards that can be opened, as one object. @throws CORRUPT, UNSUPPORTED */
function openShards(ec: EcJob, job: CopyJob): OpenObject {
  const { size, lenient, salvage } = job;
  const shards = new Map<number, OpenObject>();
  for (const shard of ec.shards) {
    try {
      const { id } = shard.ref;
      if (shards.has(id.shard)) continue;
      const opened = openShard(shard, { verify: !lenient });
      if (job.lastUse && coversAll(job.pieces, size ?? 0)) opened.leaveCache?.();
      shards.set(id.shard, opened);
    } catch (error) {
      if (!isSourceFault(error)) throw error;
    }
  }
  const code = erasureCode(new Map(ec.profile));
  const parts = { code, stripeWidth: ec.stripeWidth, size: size ?? 0, shards };
  try {
    return salvage ? new EcSalvage(parts) : new EcObject(parts, !lenient);
  } catch (error) {
    for (const shard of shards.values()) shard.close();
    throw error;
  }
}

function copyObject(object: OpenObject, job: CopyJob, sink: ImageSink): CopyResult {
  const { size, lenient } = job;
  if (size !== undefined && object.size !== size && !lenient) {
    const reason = `${object.path}: ${object.size} bytes, object_info says ${size}`;
    return { ok: false, failure: 'size', reason };
  }
  if (job.digest !== undefined && !lenient && !coversAll(job.pieces, object.size)) {
    const failure = checkDigest(object, job.digest, crcOf(object));
    if (failure !== undefined) return failure;
  }
  return copyPieces(object, job, sink, Math.min(object.size, size ?? object.size));
}

/** Do the pieces hold every byte of the object once, in order? Then the copy itself is the check. */
function coversAll(pieces: readonly number[], size: number): boolean {
  let end = 0;
  for (let i = 0; i < pieces.length; i += 3) {
    if (pieces[i] !== end) return false;
    end += pieces[i + 1]!;
  }
  return end >= size;
}

function checkDigest(object: OpenObject, digest: number, found: number): CopyResult | undefined {
  if (found === digest) return undefined;
  const hex = (n: number) => n.toString(16).padStart(8, '0');
  const reason = `${object.path}: data has crc32c ${hex(found)}, object_info says ${hex(digest)}`;
  return { ok: false, failure: 'digest', reason };
}

function copyPieces(object: OpenObject, job: CopyJob, sink: ImageSink, size: number): CopyResult {
  const { pieces, overwrite } = job;
  let written = 0;
  let read = 0;
  if (overwrite) zeroAll(job, sink);
  const isCheck = job.digest !== undefined && !job.lenient && coversAll(pieces, object.size);
  const crc = isCheck ? 0xffffffff : undefined;
  const found = readPieces(object, pieces, size, crc, (buffer, start, end, position) => {
    read += end - start;
    forEachDataRun(buffer, start, end, position, (from, to) => {
      sink.write(buffer, from, to, position + from - start);
      written += to - from;
    });
  });
  const failure = isCheck ? checkDigest(object, job.digest!, found!) : undefined;
  return failure ?? { ok: true, written, read, bad: [] };
}

/** First the size of a large read, then that of a sector: what fails in the smallest is bad. */
const SALVAGE_STEPS = [65536, 4096];

/** Copies what can be read of the pieces; the rest is zeroed and handed back. */
function salvagePieces(object: OpenObject, job: CopyJob, sink: ImageSink): CopyResult {
  const size = Math.min(object.size, job.size ?? object.size);
  const result = { ok: true as const, written: 0, read: 0, bad: [] as BadPiece[] };
  const take = (offset: number, length: number, imageOffset: number, level: number): void => {
    const step = SALVAGE_STEPS[level]!;
    for (let at = offset; at < offset + length; ) {
      // Steps end at multiples of themselves, as blocks on a disk do.
      const n = Math.min(step - (at % step), offset + length - at);
      const position = imageOffset + at - offset;
      try {
        readRange(object, at, at + n, undefined, (buffer, m, from) => {
          result.read += m;
          forEachDataRun(buffer, 0, m, position + from - at, (start, end) => {
            sink.write(buffer, start, end, position + from - at + start);
            result.written += end - start;
          });
        });
      } catch (error) {
        if (!isSourceFault(error)) throw error;
        sink.zero(position, n);
        if (level + 1 < SALVAGE_STEPS.length) take(at, n, position, level + 1);
        else result.bad.push({ piece: [at, n, position], reason: errorText(error) });
      }
      at += n;
    }
  };
  for (let i = 0; i < job.pieces.length; i += 3) {
    const [offset, length, imageOffset] = job.pieces.slice(i, i + 3) as [number, number, number];
    sink.zero(imageOffset, length);
    take(offset, Math.max(0, Math.min(length, size - offset)), imageOffset, 0);
  }
  return { ...result, checked: object.checked === true };
}
