import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { notFoundError } from '../../errors/salvage-error.ts';
import { type Child, childrenOf, descendantsOf } from '../../image/children.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
  type ImageOptions,
  type SourceOptions,
  wholeNumber,
} from '../options.ts';
import { type ChosenImage, selectImage } from '../select-image.ts';
import { withSource } from '../with-source.ts';

interface ChildrenOptions extends CommonOptions, SourceOptions, ImageOptions {
  spec: string | undefined;
  /** a removed snapshot has no name to be called by */
  snapId?: number;
  all?: boolean;
  descendants?: boolean;
}

/** `rbd children --all --format json`'s fields. */
const childJson = ({ pool, namespace, name, id, trash, image }: Child) => ({
  pool,
  pool_namespace: namespace,
  image: name,
  id,
  trash,
  ...(image === undefined ? { found: false } : {}),
});

function childText({ pool, namespace, name, id, trash, image }: Child): string {
  const space = namespace === '' ? '' : `${namespace}/`;
  const state = trash ? ` (trash ${id})` : image === undefined ? ' (not found)' : '';
  return `${pool}/${space}${name}${state}\n`;
}

function snapshotOf({ image, snapshot }: ChosenImage, snapId: number | undefined) {
  if (snapId === undefined) return snapshot;
  const found = image.header.snapshots.find(({ id }) => id === BigInt(snapId));
  if (found === undefined) throw notFoundError(`there is no snapshot with id ${snapId}`);
  return found;
}

export async function children(
  options: ChildrenOptions,
  context: CommandContext,
): Promise<ExitCode> {
  return withSource(options, context, (source) => {
    const chosen = selectImage(source, options);
    const list = options.descendants ? descendantsOf : childrenOf;
    const found = list(chosen.image, snapshotOf(chosen, options.snapId));
    const shown = found.filter(({ trash }) => options.all === true || !trash);
    if (context.json) printJson(context, shown.map(childJson));
    else context.streams.stdout.write(shown.map(childText).join(''));
    return EXIT.ok;
  });
}

export function registerChildren({ program, run }: Registry): void {
  const command = program
    .command('children')
    .description('list the clones of an image, or of one of its snapshots')
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]')
    .option('--snap-id <id>', 'of this snapshot, which may have been removed', wholeNumber)
    .option('-a, --all', 'clones in the trash too')
    .option('--descendants', 'clones of clones too');
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (spec: string | undefined, options: Omit<ChildrenOptions, 'spec'>) =>
      run(children, { ...options, spec }),
  );
}
