import { Catalog } from '../../catalog/catalog.ts';
import { CatalogScan, type OsdScanSummary } from '../../catalog/scan.ts';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { usageError } from '../../errors/salvage-error.ts';
import { openCatalogForWriting } from '../../io/catalog-storage.ts';
import { deviceLanes } from '../../io/device-lanes.ts';
import { refuseInSource } from '../../io/refuse-sources.ts';
import { pathsOf } from '../../store/detect.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import { addCommonOptions, addOsdOption, type CommonOptions } from '../options.ts';
import { bytesText, countText, durationText } from '../progress.ts';
import { poolFor, requireOsds } from '../source.ts';

interface ScanOptions extends CommonOptions {
  osd?: string[];
  offset?: string[];
  journal?: string[];
  omap?: string[];
  objects?: string[];
  catalog: string;
  jobs?: number;
  readTimeout?: number;
}

interface Outcome {
  catalog: string;
  catalogBytes: number;
  seconds: number;
  objects: number;
  osds: OsdScanSummary[];
}

/** How much of what went wrong is listed on the terminal. */
const SHOWN_DAMAGE = 10;

function show(outcome: Outcome, context: CommandContext): void {
  for (const osd of outcome.osds) {
    const { name, objects, others, damage, damageCount } = osd;
    context.say(`${name}: ${countText(objects)} objects, ${countText(others)} of other kinds`);
    if (osd.journal !== undefined) context.say(`  ${osd.journal}`);
    for (const one of damage) context.log.add({ event: 'damage', osd: name, ...one });
    for (const { path, reason } of damage.slice(0, SHOWN_DAMAGE))
      context.warn(`  ${path}: ${reason}`);
    const more = damageCount - SHOWN_DAMAGE;
    if (more > 0) context.warn(`  and ${countText(more)} more`);
  }
  const rate = outcome.seconds > 0 ? Math.round(outcome.objects / outcome.seconds) : 0;
  context.say(
    `${outcome.catalog}: ${outcome.osds.length} OSDs, ${countText(outcome.objects)} objects, ` +
      `${bytesText(outcome.catalogBytes)} in ${durationText(outcome.seconds)} (${countText(rate)}/s)`,
  );
}

export async function scan(options: ScanOptions, context: CommandContext): Promise<ExitCode> {
  if ((options.osd ?? options.objects) === undefined) {
    throw usageError('nothing to scan: give --osd PATH... or --objects DIR');
  }
  const { osds, left } = requireOsds(options, context);
  const lanes = deviceLanes(options.jobs);
  const sources = osds.flatMap((osd) => pathsOf(osd.location));
  refuseInSource(options.catalog, sources);
  context.log.open([...sources, options.catalog]);
  const storage = openCatalogForWriting(options.catalog);
  const catalog = new Catalog(storage);
  for (const problem of catalog.problems) context.say(problem);
  const runner = poolFor(
    options,
    lanes,
    osds.map(({ location }) => location),
  );
  const started = Date.now();
  try {
    const progress = context.progress;
    const summaries = await new CatalogScan(catalog, { runner, lanes, progress }).run(osds);
    const outcome: Outcome = {
      catalog: options.catalog,
      catalogBytes: storage.size(),
      seconds: (Date.now() - started) / 1000,
      objects: summaries.reduce((sum, osd) => sum + osd.objects, 0),
      osds: summaries,
    };
    if (context.json) printJson(context, outcome);
    show(outcome, context);
    const complete = left === 0 && summaries.every((osd) => osd.damageCount === 0);
    return complete ? EXIT.ok : EXIT.incomplete;
  } finally {
    await runner.close();
    catalog.close();
  }
}

export function registerScan({ program, run }: Registry): void {
  const command = program
    .command('scan')
    .description('index OSDs into a catalog; again: go on, and take in what changed')
    .requiredOption('--catalog <file>', 'the catalog to make or to bring up to date');
  addCommonOptions(addOsdOption(command)).action((options: ScanOptions) => run(scan, options));
}
