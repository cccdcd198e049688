import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { changedObjects } from '../../export/changed-objects.ts';
import { diffRuns } from '../../export/diff-extents.ts';
import { type DiffExtent, ExtentList, markLosses } from '../../export/diff-list.ts';
import { LossMap } from '../../export/loss-map.ts';
import type { Losses } from '../../export/plan.ts';
import { type CommandContext, printJson } from '../context.ts';
import { type DiffEndpoints, type DiffOptions, diffEnds } from '../diff-ends.ts';
import { untilInterrupted } from '../interruptible.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addImageOptions,
  addSourceOptions,
  type CommonOptions,
} from '../options.ts';
import { showRanges } from '../render/recovery-report.ts';
import { table } from '../render/table.ts';
import { allDoubtful, wholeDoubts } from '../render/whole-doubt.ts';
import { withSource } from '../with-source.ts';

interface DiffCommandOptions extends CommonOptions, DiffOptions {
  wholeObject?: boolean;
}

/** rbd spells it as text. */
const extentJson = ({ exists, ...extent }: DiffExtent) => ({
  offset: extent.offset,
  length: extent.length,
  exists: exists ? ('true' as const) : ('false' as const),
  ...(extent.lost ? { lost: true } : {}),
  ...(extent.doubtful ? { doubtful: true } : {}),
});

function extentTable(extents: readonly DiffExtent[]): string {
  if (extents.length === 0) return '';
  const rows = extents.map(({ offset, length, exists, lost, doubtful }) => {
    const state = [exists ? 'data' : 'zero', lost && 'lost', doubtful && 'doubtful'].filter(
      Boolean,
    );
    return [String(offset), String(length), state.join(', ')];
  });
  return table([['Offset', 'Length', 'Type'], ...rows]);
}

async function byContent(
  ends: DiffEndpoints,
  list: ExtentList,
  losses: Losses,
  context: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const { progress } = context;
  progress.begin('diff', 'bytes', ends.to.size);
  const totals = { read: 0, written: 0, objects: 0 };
  const request = {
    ...ends,
    wholeObject: false,
    verify: 'digest',
    progress,
    signal,
    losses,
    totals,
  } as const;
  for await (const runs of diffRuns(request)) {
    for (const { offset, length, data } of runs) list.add(offset, length, data !== undefined);
  }
  progress.end();
}

async function byObject(
  { from, to, lanes, journal }: DiffEndpoints,
  list: ExtentList,
  losses: Losses,
  signal: AbortSignal,
): Promise<void> {
  const reader = lanes.readAttrs;
  for await (const { data, zero } of changedObjects({
    from,
    to,
    journal,
    reader,
    losses,
    signal,
  })) {
    const extents = [
      ...data.map((range) => ({ ...range, exists: true })),
      ...zero.map((range) => ({ ...range, exists: false })),
    ];
    extents.sort((a, b) => a.offset - b.offset);
    for (const { offset, length, exists } of extents) list.add(offset, length, exists);
  }
}

export async function diff(
  options: DiffCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  return withSource(options, context, (source) =>
    untilInterrupted(context, async (signal) => {
      const ends = await diffEnds(source, options, context);
      const list = new ExtentList();
      const losses: Losses = { lost: new LossMap(), doubtful: new LossMap() };
      if (options.wholeObject) await byObject(ends, list, losses, signal);
      else await byContent(ends, list, losses, context, signal);
      const lost = losses.lost.ranges();
      const { to: layer, journal } = ends;
      const told = { lost, doubtful: losses.doubtful.ranges() };
      const doubtful = allDoubtful({ source, layer, journal, ...told });
      const isKnown = wholeDoubts(source, layer.image, journal).length === 0;
      // Where all is in doubt, what is not listed is so too: to list all of it would tell nothing.
      const extents = markLosses(list.extents, told).map((extent) =>
        isKnown ? extent : { ...extent, doubtful: true as const },
      );
      if (context.json) printJson(context, extents.map(extentJson));
      else context.streams.stdout.write(extentTable(extents));
      showRanges('lost', lost, context);
      showRanges('doubtful', doubtful, context);
      return isKnown && lost.length + doubtful.length === 0 ? EXIT.ok : EXIT.incomplete;
    }),
  );
}

export function registerDiff({ program, run }: Registry): void {
  const command = program
    .command('diff')
    .description('list the extents of an image that hold data, or that changed since a snapshot')
    .argument('[image-spec]', '[POOL/[NAMESPACE/]]IMAGE[@SNAP]')
    .option('--from-snap <name>', 'what changed since this snapshot')
    .option('--whole-object', 'whole objects, by their attributes: reads no data')
    .option('--no-parent', "the image's own data alone");
  addCommonOptions(addSourceOptions(addImageOptions(command))).action(
    (spec: string | undefined, options: Omit<DiffCommandOptions, 'spec'>) =>
      run(diff, { ...options, spec }),
  );
}
