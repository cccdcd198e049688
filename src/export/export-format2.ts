import { attachObjectMaps } from '../image/attach-object-maps.ts';
import type { Image } from '../image/image.ts';
import type { ReplayedJournal } from '../image/image-journal.ts';
import { buildLayer, type Layer, layerAt } from '../image/layer.ts';
import type { Progress } from '../io/ports.ts';
import { imageDiffsHeader, imageRecords } from '../rbd/diff-stream.ts';
import {
  FEATURE_DEEP_FLATTEN,
  FEATURE_EXCLUSIVE_LOCK,
  FEATURE_FAST_DIFF,
  FEATURE_JOURNALING,
  FEATURE_LAYERING,
  FEATURE_OBJECT_MAP,
  FEATURE_STRIPING,
} from '../rbd/features.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { CopyTotals, Verify } from './copy-plans.ts';
import { diffRuns } from './diff-extents.ts';
import { type RecordWriter, writeDiff } from './diff-writer.ts';
import { LossMap, type LossRange } from './loss-map.ts';
import type { ReadLanes } from './read-lanes.ts';

/**
 * Features that a new image can be made with. The others say where it lay or what went on with it:
 * data pool, clone relations, migration, mirroring. `rbd import` refuses or ignores those.
 */
const KEPT_FEATURES =
  FEATURE_LAYERING |
  FEATURE_STRIPING |
  FEATURE_EXCLUSIVE_LOCK |
  FEATURE_OBJECT_MAP |
  FEATURE_FAST_DIFF |
  FEATURE_DEEP_FLATTEN |
  FEATURE_JOURNALING;

/**
 * The snapshots that go home: those that users took, of one image or of a group. Removed ones that
 * clones still need, and those of mirroring, mean nothing without their clones and peers.
 */
export const isExported = ({ namespace: { type } }: Snapshot): boolean =>
  type === 'user' || type === 'group';

export interface Format2Request {
  image: Image;
  /** overrides the head's size */
  size: number | undefined;
  noParent: boolean;
  /** writes of the image's journal, which the head alone has */
  journal: ReplayedJournal | undefined;
  lanes: ReadLanes;
  verify: Verify;
  progress: Progress;
  signal: AbortSignal;
  writer: RecordWriter;
}

/** What is wrong with one snapshot, or with the head. */
export interface LayerOutcome {
  layer: Layer;
  lost: LossRange[];
  doubtful: LossRange[];
}

export interface Format2Outcome extends CopyTotals {
  layers: LayerOutcome[];
}

function headOf({ header }: Image, diffs: number): Uint8Array {
  const { order, features, stripeUnit, stripeCount, metadata } = header;
  const image = { order, features: features & KEPT_FEATURES, stripeUnit, stripeCount, metadata };
  return Buffer.concat([imageRecords(image), imageDiffsHeader(diffs)]);
}

/**
 * Writes an image with its snapshots as `rbd import --export-format 2` takes it: a full diff to the
 * oldest snapshot, one from each snapshot to the next, and one to the head.
 */
export async function exportFormat2(request: Format2Request): Promise<Format2Outcome> {
  const { image, size, noParent, journal, lanes, verify, progress, signal, writer } = request;
  const head = buildLayer(image, undefined, { noParent, ...(size === undefined ? {} : { size }) });
  const snapshots = image.header.snapshots.filter(isExported);
  const layers = [...snapshots.map((s) => layerAt(head, s, noParent)), head];
  const outcome: Format2Outcome = { read: 0, written: 0, objects: 0, layers: [] };
  progress.begin(
    'export',
    'bytes',
    layers.reduce((sum, layer) => sum + layer.size, 0),
  );
  await writer.write(headOf(image, layers.length));
  for (const [i, to] of layers.entries()) {
    await attachObjectMaps(to, lanes);
    const losses = { lost: new LossMap(), doubtful: new LossMap() };
    const before = outcome.layers[i - 1];
    const changes = diffRuns({
      ...{ from: before?.layer, to, wholeObject: false, lanes, verify, progress, signal, losses },
      journal: to === head ? journal : undefined,
      totals: outcome,
      ...(before === undefined ? {} : { inherited: before }),
    });
    const ends = { from: before?.layer.snapshot, to: to.snapshot, size: to.size };
    await writeDiff(2, ends, changes, writer);
    const { lost, doubtful } = losses;
    outcome.layers.push({ layer: to, lost: lost.ranges(), doubtful: doubtful.ranges() });
  }
  progress.end();
  outcome.written = writer.bytes;
  return outcome;
}
