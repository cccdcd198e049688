import { createHash } from 'node:crypto';
import { imageSpecText } from '../image/image.ts';
import type { JournalWrite, ReplayedJournal } from '../image/image-journal.ts';
import type { Layer } from '../image/layer.ts';
import { type ImageSink, type ImageTarget, openSink } from '../io/image-sink.ts';
import type { Progress } from '../io/ports.ts';
import { sha256OfFile } from '../io/text-file.ts';
import type { Checkpoint } from './checkpoint.ts';
import { type CopyTotals, noteUnreachable, type Verify } from './copy-plans.ts';
import { copyRanges } from './copy-range.ts';
import { allInFlight } from './in-flight.ts';
import { LossMap, type LossRange } from './loss-map.ts';
import { type ImageRange, type Losses, type ObjectPlan, planRanges } from './plan.ts';
import { PlannedReads } from './planned-reads.ts';
import type { ReadLanes } from './read-lanes.ts';
import { StreamBuffers } from './stream-buffers.ts';

export interface ExportContext {
  layer: Layer;
  lanes: ReadLanes;
  verify: Verify;
  /** writes of the image's journal, to be laid over what its objects hold */
  journal: ReplayedJournal | undefined;
  /** take the SHA-256 of what is written */
  digest: boolean;
  progress: Progress;
  /** aborted: nothing new is begun */
  signal: AbortSignal;
}

export interface ExportOutcome extends CopyTotals {
  lost: LossRange[];
  doubtful: LossRange[];
  sha256: string | undefined;
  /** bytes of the image that an earlier run of the same export had done */
  kept: number;
}

/** Bytes of image planned at once: some thousand attributes, a good queue for every disk. */
const FILE_RANGE = 256 << 20;
/** Ranges in the works at once: while one is copied the next is planned. */
const FILE_RANGES = 3;
/** A stream is put together in memory: some of these at a time, so that every disk has work. */
const STREAM_RANGE = 32 << 20;
const STREAM_RANGES = 2;
const MAX_STREAM_RANGES = 10;

/** More objects than this in one range would make planning itself the long part. */
const RANGE_OBJECTS = 8192;

/** Ranges that cut no object in two, where they can be that large. */
export function rangeBytes(layer: Layer, wanted: number): number {
  const { objectSize, stripeCount } = layer.geometry;
  const period = objectSize * stripeCount;
  const limit = Math.max(period, Math.min(wanted, RANGE_OBJECTS * objectSize));
  return period > wanted ? wanted : limit - (limit % period);
}

/** Lays the journal's writes over a range of the image, in their order. */
export function replayJournal(
  { journal, layer }: Pick<ExportContext, 'journal' | 'layer'>,
  { offset, length }: ImageRange,
  target: ImageTarget,
  losses: Losses,
): void {
  if (journal === undefined) return;
  const end = offset + length;
  const clip = ({ offset: at, length: n }: ImageRange): ImageRange => {
    const from = Math.max(at, offset);
    return { offset: from, length: Math.min(at + n, end) - from };
  };
  const sink = openSink(target);
  try {
    for (const write of journal.writes) {
      const { offset: from, length: n } = clip(write);
      if (n > 0) writeJournalPiece(sink, write, from, n);
    }
  } finally {
    sink.close();
  }
  for (const range of journal.doubtful) {
    const { offset: from, length: n } = clip(range);
    losses.doubtful.add(from, n, imageSpecText(layer.image), range.reason);
  }
}

const noLosses = (): Losses => ({ lost: new LossMap(), doubtful: new LossMap() });

class Exporter {
  readonly #context: ExportContext;
  readonly #checkpoint: Checkpoint | undefined;
  readonly #losses = noLosses();
  readonly #totals: CopyTotals = { read: 0, written: 0, objects: 0 };
  readonly #reads = new PlannedReads();

  constructor(context: ExportContext, checkpoint?: Checkpoint) {
    this.#context = context;
    this.#checkpoint = checkpoint;
  }

  async ranges(ranges: readonly ImageRange[], target: ImageTarget): Promise<void> {
    const { layer, lanes, verify, progress, journal } = this.#context;
    const losses = noLosses();
    // What the image's journal is still to be laid over is not done when it is copied.
    if (this.#checkpoint !== undefined && journal === undefined) {
      // A doubt about what lies above, told first, must not be lost with a run that is cut short.
      const { copied, watch } = this.#checkpoint;
      losses.copied = (pieces) => {
        if (losses.lost.isEmpty && losses.doubtful.isEmpty) copied(pieces);
      };
      losses.watch = watch;
    }
    const { read, written, objects } = await copyRanges(
      ...([layer, ranges, lanes, target, verify, losses] as const),
    );
    for (const range of ranges) replayJournal(this.#context, range, target, losses);
    this.#losses.lost.addAll(losses.lost);
    this.#losses.doubtful.addAll(losses.doubtful);
    this.#totals.read += read;
    this.#totals.written += written;
    this.#totals.objects += objects;
    for (const { length } of ranges) progress.advance(length);
    this.#checkpoint?.done(ranges, losses);
  }

  /** Says of ranges that they are left as an earlier run has left them. */
  keep(doubtful: LossMap): void {
    this.#losses.doubtful.addAll(doubtful);
  }

  async check(offset: number, length: number, read: boolean): Promise<void> {
    if (read) return this.ranges([{ offset, length }], { kind: 'none' });
    const { lanes, progress } = this.#context;
    const plans = await planUnread(this.#context, [{ offset, length }], this.#losses);
    for (const plan of plans) this.#reads.add(plan, lanes);
    this.#totals.objects += plans.length;
    progress.advance(length);
  }

  /** What `check` without reading found that there is to read. */
  get reads(): PlannedReads {
    return this.#reads;
  }

  outcome({ sha256, kept = 0 }: { sha256?: string; kept?: number } = {}): ExportOutcome {
    const lost = this.#losses.lost.ranges();
    const doubtful = this.#losses.doubtful.ranges();
    return { ...this.#totals, lost, doubtful, sha256, kept };
  }
}

const AS_READ_BEFORE = 'as an earlier run has read it, in doubt';

/** Plans ranges, and notes what of them would be found lost or doubtful without reading. */
async function planUnread(
  { layer, lanes }: ExportContext,
  ranges: readonly ImageRange[],
  losses: Losses,
): Promise<ObjectPlan[]> {
  const plans = await planRanges(layer, ranges, lanes.readAttrs, losses);
  for (const plan of plans) noteUnreachable(plan, lanes, losses);
  return plans;
}

/**
 * What an earlier run has read in doubt and would be no better now, by the disks that are at hand: it may have had the copy that
 * counts.
 */
async function onlyReadBefore(context: ExportContext, { map, disks }: Checkpoint) {
  const found = new LossMap();
  if (disks === 'all') return found;
  const { layer, signal } = context;
  for (const { offset, length } of rangesOf(layer.size, rangeBytes(layer, FILE_RANGE))) {
    const doubtful = map.ranges('/', offset, offset + length);
    if (doubtful.length === 0) continue;
    signal.throwIfAborted();
    const losses = noLosses();
    await planUnread(context, doubtful, losses);
    // What is doubtful by disks that have come since may still be better than what was read without them.
    const isNoBetter = disks === 'fewer' ? losses.doubtful.ranges() : [];
    const noBetter = [...losses.lost.ranges(), ...isNoBetter];
    for (const { offset: from, length: n, object, reason, ...detail } of noBetter) {
      for (const range of map.ranges('/', from, from + n)) {
        found.add(range.offset, range.length, object, `${AS_READ_BEFORE}: ${reason}`, detail);
      }
    }
  }
  return found;
}

function writeJournalPiece(
  sink: ImageSink,
  write: JournalWrite,
  from: number,
  length: number,
): void {
  const { data, offset } = write;
  if (data === undefined || data.length === 0) {
    sink.zero(from, length);
    return;
  }
  const bytes = Buffer.alloc(length);
  for (let i = 0; i < length; i++) bytes[i] = data[(from - offset + i) % data.length]!;
  sink.write(bytes, 0, length, from);
}

function* rangesOf(size: number, step: number): Generator<{ offset: number; length: number }> {
  for (let offset = 0; offset < size; offset += step) {
    yield { offset, length: Math.min(step, size - offset) };
  }
}

/** Makes ranges of a target read as zeros: an earlier run may have left half-written bytes there. */
function clear(target: ImageTarget, ranges: readonly ImageRange[]): void {
  const sink = openSink(target);
  try {
    for (const { offset, length } of ranges) sink.zero(offset, length);
  } finally {
    sink.close();
  }
}

/**
 * Writes an image to a file or device that already reads as zeros, or goes on with one that an
 * earlier run has left.
 * @param checkpoint what is done already, and where that is kept; undefined: nothing is done or kept
 */
export async function exportToFile(
  context: ExportContext,
  target: ImageTarget,
  checkpoint?: Checkpoint,
): Promise<ExportOutcome> {
  const { layer, progress, signal } = context;
  const exporter = new Exporter(context, checkpoint);
  if (checkpoint !== undefined) {
    const before = await onlyReadBefore(context, checkpoint);
    exporter.keep(before);
    await checkpoint.begin(before.ranges());
  }
  // What is doubtful now is what is not read again.
  const kept = (checkpoint?.map.bytes('+') ?? 0) + (checkpoint?.map.bytes('/') ?? 0);
  progress.begin('export', 'bytes', layer.size);
  progress.advance(kept);
  const windows = rangesOf(layer.size, rangeBytes(layer, FILE_RANGE));
  const worker = async () => {
    for (const { offset, length } of windows) {
      signal.throwIfAborted();
      const left = checkpoint?.map.ranges('?', offset, offset + length) ?? [{ offset, length }];
      if (left.length === 0) continue;
      if (checkpoint?.resumed) clear(target, left);
      await exporter.ranges(left, target);
    }
  };
  // A generator that one worker closes, by leaving its loop with an error, is at its end for all.
  await allInFlight(Array.from({ length: FILE_RANGES }, worker));
  await checkpoint?.finish();
  progress.end();
  const hashed = context.digest && target.kind === 'file';
  const sha256 = hashed ? await sha256OfFile(target.path, layer.size) : undefined;
  return exporter.outcome({ kept, ...(sha256 === undefined ? {} : { sha256 }) });
}

/** Takes the image's bytes in order; resolves when it can take more. */
export type StreamWriter = (bytes: Uint8Array) => Promise<void>;

/** Streams an image in order, the next range being put together while one is written. */
export async function exportToStream(
  context: ExportContext,
  write: StreamWriter,
): Promise<ExportOutcome> {
  const { layer, lanes, progress, signal } = context;
  const exporter = new Exporter(context);
  progress.begin('export', 'bytes', layer.size);
  const waiting: Promise<Uint8Array<SharedArrayBuffer>>[] = [];
  const buffers = new StreamBuffers();
  const window = Math.min(STREAM_RANGES + lanes.osdCount, MAX_STREAM_RANGES);
  const hash = context.digest ? createHash('sha256') : undefined;
  const send = async () => {
    const bytes = await waiting.shift()!;
    hash?.update(bytes);
    await write(bytes);
    buffers.give(bytes.buffer);
  };
  for (const { offset, length } of rangesOf(layer.size, rangeBytes(layer, STREAM_RANGE))) {
    signal.throwIfAborted();
    const buffer = buffers.take(length);
    const target = { kind: 'memory' as const, buffer, base: offset };
    const filled = exporter.ranges([{ offset, length }], target);
    const bytes = filled.then(() => new Uint8Array(buffer));
    bytes.catch(() => {}); // it is awaited in its turn
    waiting.push(bytes);
    if (waiting.length >= window) await send();
  }
  while (waiting.length > 0) await send();
  progress.end();
  return exporter.outcome(hash === undefined ? {} : { sha256: hash.digest('hex') });
}

/**
 * Goes through an image as an export would, without writing it.
 * @param read read every byte and check it; otherwise attributes and placement alone must do
 */
export async function checkImage(context: ExportContext, read: boolean): Promise<ExportOutcome> {
  return (await goThrough(context, read)).outcome();
}

/** What an export would have to read, and what it would find lost or doubtful without reading. */
export async function estimateExport(
  context: ExportContext,
): Promise<{ outcome: ExportOutcome; reads: PlannedReads }> {
  const exporter = await goThrough(context, false);
  return { outcome: exporter.outcome(), reads: exporter.reads };
}

async function goThrough(context: ExportContext, read: boolean): Promise<Exporter> {
  const { layer, progress, signal } = context;
  const exporter = new Exporter(context);
  progress.begin('check', 'bytes', layer.size);
  for (const { offset, length } of rangesOf(layer.size, rangeBytes(layer, FILE_RANGE))) {
    signal.throwIfAborted();
    await exporter.check(offset, length, read);
  }
  progress.end();
  return exporter;
}
