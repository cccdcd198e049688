import { EXIT, type ExitCode } from '../errors/exit-codes.ts';
import { estimateExport } from '../export/export-image.ts';
import { attachObjectMaps } from '../image/attach-object-maps.ts';
import { imageSpecText } from '../image/image.ts';
import { readImageJournal } from '../image/image-journal.ts';
import { freeBytes, isStream } from '../io/destination-paths.ts';
import { type CommandContext, printJson } from './context.ts';
import { type ImageExport, layerOf, objectBytes, overridesOf } from './image-export.ts';
import { PerImage } from './per-image.ts';
import { bytesText, countText, durationText } from './progress.ts';
import { missingOsds, recoveryReport, verdictOf } from './render/recovery-report.ts';
import { heedEarlierRun } from './resume.ts';
import type { Source } from './source.ts';

/** Bytes a second that are assumed: a disk that spins, and one that does not. */
const SPINNING_RATE = 150e6;
const FLASH_RATE = 450e6;

/** Seconds until the busiest disk is done, where each of them goes at its assumed rate. */
function secondsFor(source: Source, reads: readonly { osd: string; bytes: number }[]): number {
  const names = new Map(
    source.clusters.flatMap((cluster) => cluster.osds).map((osd) => [osd.name, osd.catalog.key]),
  );
  const busy = new Map<string, number>();
  for (const { osd, bytes } of reads) {
    const location = source.locations.get(names.get(osd) ?? '');
    if (location === undefined) continue;
    const { device, readers } = source.lanes.of(location.dataPath);
    const rate = readers === 1 ? SPINNING_RATE : FLASH_RATE;
    busy.set(device, (busy.get(device) ?? 0) + bytes / rate);
  }
  return Math.max(0, ...busy.values());
}

async function estimateOne(request: ImageExport) {
  const { source, lanes, image, dest, options, progress, signal } = request;
  const layer = layerOf(request);
  heedEarlierRun(request, layer);
  await attachObjectMaps(layer, lanes);
  const journal = await readImageJournal(layer, lanes);
  const work = { layer, lanes, journal, digest: false, progress, signal };
  const { outcome, reads } = await estimateExport({ ...work, verify: options.verify });
  const overrides = overridesOf(options);
  const report = recoveryReport({
    ...{ source, layer, outcome, journal, seconds: 0, dest, overrides },
  });
  const { snapshot, size, complete, lost, doubtful, totals } = report;
  return {
    ...{ image: imageSpecText(image), snapshot, dest, size, complete, lost, doubtful },
    ...{ lost_bytes: totals.lost_bytes, doubtful_bytes: totals.doubtful_bytes },
    objects: totals.objects,
    read: reads.list(),
    read_bytes: Math.round(reads.total),
    /** at the most: zeros are not written, and only reading finds them */
    write_bytes: Math.min(objectBytes(layer), Math.round(reads.total)),
    missing_osds: missingOsds(source, layer, [...lost, ...doubtful]),
    problems: report.problems,
    verdict: verdictOf(report),
  };
}

type Estimate = Awaited<ReturnType<typeof estimateOne>>;

function totalsOf(source: Source, directory: string, estimates: readonly Estimate[]) {
  const byOsd = new Map<string, number>();
  for (const { osd, bytes } of estimates.flatMap(({ read }) => read)) {
    byOsd.set(osd, (byOsd.get(osd) ?? 0) + bytes);
  }
  const read = [...byOsd].map(([osd, bytes]) => ({ osd, bytes })).sort((a, b) => b.bytes - a.bytes);
  const sum = (of: (estimate: Estimate) => number) => estimates.reduce((n, e) => n + of(e), 0);
  return {
    read,
    read_bytes: sum((e) => e.read_bytes),
    write_bytes: sum((e) => e.write_bytes),
    free_bytes: isStream(directory) ? null : freeBytes(directory),
    estimated_seconds: Math.round(secondsFor(source, read)),
  };
}

function show(
  estimates: readonly Estimate[],
  totals: ReturnType<typeof totalsOf>,
  { streams }: CommandContext,
): void {
  const print = (line: string) => void streams.stdout.write(`${line}\n`);
  for (const { image, snapshot, dest, size, objects, verdict, read_bytes } of estimates) {
    const spec = snapshot === null ? image : `${image}@${snapshot}`;
    print(
      `${spec} -> ${dest}: ${bytesText(size)}, ${countText(objects)} objects, ${bytesText(read_bytes)} to read; ${verdict}`,
    );
  }
  for (const { osd, bytes } of totals.read) print(`read from ${osd}: ${bytesText(bytes)}`);
  for (const osd of new Set(estimates.flatMap((e) => e.missing_osds.map((m) => m.osd)))) {
    print(`not here: ${osd}`);
  }
  const free = totals.free_bytes === null ? '' : `, ${bytesText(totals.free_bytes)} are free`;
  print(`to write: at most ${bytesText(totals.write_bytes)}${free}`);
  print(
    `time: about ${durationText(totals.estimated_seconds)}, at ${bytesText(SPINNING_RATE)}/s for disks that spin and ${bytesText(FLASH_RATE)}/s for others`,
  );
}

/**
 * `--dry-run`: says what an export would read and write, by attributes and placement alone. Nothing
 * is written, and of data objects nothing but attributes is read; journals of images are.
 */
export async function dryRun(
  requests: readonly ImageExport[],
  /** where they would all go */
  directory: string,
): Promise<ExitCode> {
  const { source, context } = requests[0]!;
  const estimates: Estimate[] = [];
  const each = new PerImage(context, requests.length);
  for (const request of requests) {
    const estimate = await each.try(request, () => estimateOne(request));
    if (estimate !== undefined) estimates.push(estimate);
  }
  const totals = totalsOf(source, directory, estimates);
  const { failed } = each;
  if (context.json) printJson(context, { dry_run: true, ...totals, images: estimates, failed });
  else show(estimates, totals, context);
  if (failed.length > 0) return EXIT.failed;
  return estimates.every(({ complete }) => complete) ? EXIT.ok : EXIT.incomplete;
}
