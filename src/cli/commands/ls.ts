import picomatch from 'picomatch';
import { nameToText } from '../../bytes/names.ts';
import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { errorText, isSourceFault, notFoundError, usageError } from '../../errors/salvage-error.ts';
import { type Image, imageSpecText } from '../../image/image.ts';
import { type CommandContext, printJson } from '../context.ts';
import { examine } from '../examine.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addSourceOptions,
  type CommonOptions,
  type SourceOptions,
} from '../options.ts';
import { bytesText } from '../progress.ts';
import { type ImageRow, imageRow, imageRows } from '../render/image-rows.ts';
import { table } from '../render/table.ts';
import type { Source } from '../source.ts';
import { withSource } from '../with-source.ts';

interface LsOptions extends CommonOptions, SourceOptions {
  long?: boolean;
  where?: string;
}

/** The images of `POOL[/NAMESPACE]`, or whose spec a glob matches; without either, all there are. */
function select(source: Source, where: string | undefined): Image[] {
  if (where === undefined) return source.images;
  if (/[*?[{]/.test(where)) {
    const matches = picomatch(where, { dot: true });
    return source.images.filter((image) => matches(imageSpecText(image)));
  }
  const [pool, namespace, ...rest] = where.split('/');
  if (rest.length > 0 || pool === '') throw usageError(`"${where}" is not POOL[/NAMESPACE]`);
  const known = source.clusters.filter((cluster) => cluster.poolId(pool!) !== undefined);
  if (known.length === 0) {
    const names = source.clusters.flatMap((c) => c.pools().map((id) => c.poolName(id)));
    throw notFoundError(`no pool "${pool}" (there are: ${names.join(', ') || 'none'})`);
  }
  return source.images.filter(
    (image) =>
      known.includes(image.cluster) &&
      image.pool === image.cluster.poolId(pool!) &&
      (namespace === undefined || nameToText(image.namespace) === namespace),
  );
}

/** An image's rows; where the catalog is damaged, one that does not tell its size, and a problem of the image's. */
function rowsOf(image: Image, { long }: LsOptions): ImageRow[] {
  try {
    return imageRows(image, long === true);
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    image.problems.push(errorText(error));
    return [imageRow(image, undefined, null)];
  }
}

function showLong(images: readonly ImageRow[], context: CommandContext): void {
  const header = ['NAME', 'SIZE', 'PARENT', 'FMT', 'PROT', 'STATE'];
  const rows = images.map((row) => [
    row.spec,
    row.json.size === null ? '?' : bytesText(row.json.size),
    row.parentText,
    String(row.json.format),
    row.json.protected === 'true' ? 'yes' : '',
    [row.json.trash && 'trash', row.json.headless && 'headless'].filter(Boolean).join(' '),
  ]);
  context.streams.stdout.write(table([header, ...rows], [1]));
}

export async function ls(options: LsOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, async (source) => {
    const images = select(source, options.where);
    // Names are known without reading an image's rows, let alone its objects.
    if (!context.json && options.long !== true) {
      context.streams.stdout.write(images.map((image) => `${imageSpecText(image)}\n`).join(''));
      return EXIT.ok;
    }
    const before = images.map(({ problems }) => problems.length);
    await examine(
      source,
      images.map((image) => ({ image, snapshot: undefined })),
    );
    const rows = images.flatMap((image) => rowsOf(image, options));
    for (const [i, image] of images.entries()) {
      for (const problem of new Set(image.problems.slice(before[i]))) {
        context.warn(`${imageSpecText(image)}: ${problem}`);
      }
    }
    if (!context.json) showLong(rows, context);
    else {
      printJson(
        context,
        rows.map((row) => row.json),
      );
    }
    if (rows.some(({ json }) => json.size === null)) return EXIT.incomplete;
    return EXIT.ok;
  });
}

export function registerLs({ program, run }: Registry): void {
  const command = program
    .command('ls')
    .alias('list')
    .description('list images')
    .argument(
      '[pool[/namespace]|glob]',
      "those of a pool or namespace, or matching a glob: 'volumes/volume-*'",
    )
    .option('-l, --long', 'sizes, parents and snapshots too');
  addCommonOptions(addSourceOptions(command)).action(
    (where: string | undefined, options: LsOptions) =>
      run(ls, where === undefined ? options : { ...options, where }),
  );
}
