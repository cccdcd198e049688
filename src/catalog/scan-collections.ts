import { DamageLog } from '../errors/damage-log.ts';
import type { OsdLocation } from '../store/object-store.ts';
import type { KnownUnit, scanShare as ScanShare } from '../store/scan-store.ts';
import { ScanKernel } from '../wasm/scan-kernel.ts';
import type { FinishedSegment, KnownUnits, ScanTask, ShareResult } from './scan-messages.ts';
import { SegmentBuilder } from './segment-builder.ts';

/** Segments that may wait to be stored before a scanner pauses. */
const MAX_PENDING = 4;

/** This thread's, whose shares come one after the other: its memory is large and stays. */
let kernel: ScanKernel | undefined;

/** Known units by path. */
function indexKnown(units: KnownUnits): Map<string, KnownUnit> {
  const index = new Map<string, KnownUnit>();
  for (const [i, path] of units.paths.entries()) {
    index.set(path, { stamp: units.stamps[i]!, subdirectories: units.subdirectories[i]! });
  }
  return index;
}

/** A FileStore needs a tenth of the modules, and to load them all would take longer than a small scan. */
async function scannerFor({ kind }: OsdLocation): Promise<typeof ScanShare> {
  if (kind === 'filestore') return (await import('../store/scan-filestore.ts')).scanFileStore;
  return (await import('../store/scan-store.ts')).scanShare;
}

/** Scans a share of one OSD, posting segments as they fill up. */
export async function scanCollections(task: ScanTask): Promise<ShareResult> {
  const { location, share, port, pending } = task;
  const damage = new DamageLog();
  const counter = new Int32Array(pending);
  kernel ??= new ScanKernel();
  const builder = new SegmentBuilder((segment, objects, directories) => {
    while (Atomics.load(counter, 0) >= MAX_PENDING) Atomics.wait(counter, 0, MAX_PENDING, 1000);
    Atomics.add(counter, 0, 1);
    const message: FinishedSegment = { segment, objects, directories };
    port.postMessage(message, [segment.buffer as ArrayBuffer]);
  }, kernel);
  const scanShare = await scannerFor(location);
  const began = performance.now();
  scanShare({
    ...{ location, share },
    sink: builder,
    report: damage.report,
    known: task.known && indexKnown(task.known),
  });
  builder.finish();
  port.close();
  const seconds = (performance.now() - began) / 1000;
  return {
    ...{ damage: damage.kept, damageCount: damage.count },
    ...{ listed: builder.listed, seconds },
  };
}
