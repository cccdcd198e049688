import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { usageError } from '../../errors/salvage-error.ts';
import { parseImageSpec } from '../../image/image-spec.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
  type ImageOptions,
  type SourceOptions,
} from '../options.ts';
import { snapshotJson, snapshotTable } from '../render/snapshot-rows.ts';
import { selectImage } from '../select-image.ts';
import { withSource } from '../with-source.ts';
import { groupOf } from '../word-groups.ts';

interface SnapLsOptions extends CommonOptions, SourceOptions, ImageOptions {
  spec: string | undefined;
  all?: boolean;
}

export async function snapLs(options: SnapLsOptions, context: CommandContext): Promise<ExitCode> {
  const { spec, all = false } = options;
  if (spec !== undefined && parseImageSpec(spec).snapshot !== undefined) {
    throw usageError(`"${spec}" names a snapshot: name an image to see its snapshots`);
  }
  return withSource(options, context, (source) => {
    const { image } = selectImage(source, options);
    for (const problem of image.problems) context.warn(problem);
    const rows = image.header.snapshots
      .filter((snapshot) => all || snapshot.namespace.type === 'user')
      .map((snapshot) => snapshotJson(image, snapshot));
    if (!context.json) context.streams.stdout.write(snapshotTable(rows, all));
    else printJson(context, all ? rows : rows.map(({ namespace: _, ...row }) => row));
    return EXIT.ok;
  });
}

export function registerSnapLs({ program, run }: Registry): void {
  const command = groupOf(program, 'snap', 'snapshots of an image')
    .command('ls')
    .alias('list')
    .description("list an image's snapshots")
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE')
    .option('-a, --all', 'also those of groups and mirroring, and removed ones that clones need');
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (spec: string | undefined, options: Omit<SnapLsOptions, 'spec'>) =>
      run(snapLs, { ...options, spec }),
  );
}
