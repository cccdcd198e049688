import { createHash } from 'node:crypto';
import { imageSpecText } from '../image/image.ts';
import type { JournalWrite, ReplayedJournal } from '../image/image-journal.ts';
import type { Layer } from '../image/layer.ts';
import { type ImageSink, type ImageTarget, openSink } from '../io/image-sink.ts';
import type { Progress } from '../io/ports.ts';
import { sha256OfFile } from '../io/text-file.ts';
import { type CopyTotals, noteUnreachable, type Verify } from './copy-plans.ts';
import { copyRanges } from './copy-range.ts';
import { LossMap, type LossRange } from './loss-map.ts';
import { type ImageRange, type Losses, planRanges } from './plan.ts';
import type { ReadLanes } from './read-lanes.ts';

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
}

/** Bytes of image planned at once: some thousand attributes, a good queue for every disk. */
const FILE_RANGE = 256 << 20;
/** Ranges in the works at once: while one is copied the next is planned. */
const FILE_RANGES = 3;
/** A stream is put together in memory: two of these at a time. */
const STREAM_RANGE = 32 << 20;
const STREAM_RANGES = 2;

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

class Exporter {
  readonly #context: ExportContext;
  readonly #losses: Losses = { lost: new LossMap(), doubtful: new LossMap() };
  readonly #totals: CopyTotals = { read: 0, written: 0, objects: 0 };

  constructor(context: ExportContext) {
    this.#context = context;
  }

  async range(offset: number, length: number, target: ImageTarget): Promise<void> {
    const { layer, lanes, verify, progress } = this.#context;
    const ranges = [{ offset, length }];
    const copied = await copyRanges(layer, ranges, lanes, target, verify, this.#losses);
    const { read, written, objects } = copied;
    replayJournal(this.#context, { offset, length }, target, this.#losses);
    this.#totals.read += read;
    this.#totals.written += written;
    this.#totals.objects += objects;
    progress.advance(length);
  }

  async check(offset: number, length: number, read: boolean): Promise<void> {
    if (read) return this.range(offset, length, { kind: 'none' });
    const { layer, lanes, progress } = this.#context;
    const plans = await planRanges(layer, [{ offset, length }], lanes.readAttrs, this.#losses);
    for (const plan of plans) noteUnreachable(plan, lanes, this.#losses);
    this.#totals.objects += plans.length;
    progress.advance(length);
  }

  outcome(sha256?: string): ExportOutcome {
    const { lost, doubtful } = this.#losses;
    return { ...this.#totals, lost: lost.ranges(), doubtful: doubtful.ranges(), sha256 };
  }
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

/** Writes an image to a file or device that already reads as zeros. */
export async function exportToFile(
  context: ExportContext,
  target: ImageTarget,
): Promise<ExportOutcome> {
  const { layer, progress, signal } = context;
  const exporter = new Exporter(context);
  progress.begin('export', 'bytes', layer.size);
  const ranges = rangesOf(layer.size, rangeBytes(layer, FILE_RANGE));
  const worker = async () => {
    for (const { offset, length } of ranges) {
      signal.throwIfAborted();
      await exporter.range(offset, length, target);
    }
  };
  await Promise.all(Array.from({ length: FILE_RANGES }, worker));
  progress.end();
  const hashed = context.digest && target.kind === 'file';
  return exporter.outcome(hashed ? await sha256OfFile(target.path, layer.size) : undefined);
}

/** Takes the image's bytes in order; resolves when it can take more. */
export type StreamWriter = (bytes: Uint8Array) => Promise<void>;

/** Streams an image in order, the next range being put together while one is written. */
export async function exportToStream(
  context: ExportContext,
  write: StreamWriter,
): Promise<ExportOutcome> {
  const { layer, progress, signal } = context;
  const exporter = new Exporter(context);
  progress.begin('export', 'bytes', layer.size);
  const waiting: Promise<Uint8Array>[] = [];
  const hash = context.digest ? createHash('sha256') : undefined;
  const send = async () => {
    const bytes = await waiting.shift()!;
    hash?.update(bytes);
    await write(bytes);
  };
  for (const { offset, length } of rangesOf(layer.size, rangeBytes(layer, STREAM_RANGE))) {
    signal.throwIfAborted();
    const buffer = new SharedArrayBuffer(length);
    const filled = exporter.range(offset, length, { kind: 'memory', buffer, base: offset });
    const bytes = filled.then(() => new Uint8Array(buffer));
    bytes.catch(() => {}); // it is awaited in its turn
    waiting.push(bytes);
    if (waiting.length >= STREAM_RANGES) await send();
  }
  while (waiting.length > 0) await send();
  progress.end();
  return exporter.outcome(hash?.digest('hex'));
}

/**
 * Goes through an image as an export would, without writing it.
 * @param read read every byte and check it; otherwise attributes and placement alone must do
 */
export async function checkImage(context: ExportContext, read: boolean): Promise<ExportOutcome> {
  const { layer, progress, signal } = context;
  const exporter = new Exporter(context);
  progress.begin('check', 'bytes', layer.size);
  for (const { offset, length } of rangesOf(layer.size, rangeBytes(layer, FILE_RANGE))) {
    signal.throwIfAborted();
    await exporter.check(offset, length, read);
  }
  progress.end();
  return exporter.outcome();
}
