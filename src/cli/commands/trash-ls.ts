import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { type TrashEntry, trashOf } from '../../image/pool-contents.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addSourceOptions,
  type CommonOptions,
  type SourceOptions,
} from '../options.ts';
import { trashJson, trashTable, trashText } from '../render/trash-rows.ts';
import { type PoolChoice, selectPools } from '../select-pool.ts';
import { withSource } from '../with-source.ts';
import { groupOf } from '../word-groups.ts';

interface TrashLsOptions extends CommonOptions, SourceOptions, PoolChoice {
  all?: boolean;
  long?: boolean;
}

/** What `rbd` lists without --all: migration and mirroring put their images there for themselves. */
const isUsers = ({ source }: TrashEntry): boolean => source === 'user' || source === 'user parent';

export async function trashLs(options: TrashLsOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, (source) => {
    const long = options.long === true;
    const rows = selectPools(source, options).flatMap((scope) => {
      const { entries, problems } = trashOf(scope);
      for (const problem of problems) context.warn(problem);
      const pool = scope.cluster.poolName(scope.pool);
      const shown = entries.filter((entry) => options.all === true || isUsers(entry));
      return shown.map((entry) => trashJson(entry, pool, long, Date.now()));
    });
    if (context.json) printJson(context, rows);
    else context.streams.stdout.write(long ? trashTable(rows) : trashText(rows));
    return EXIT.ok;
  });
}

export function registerTrashLs({ program, run }: Registry): void {
  const command = groupOf(program, 'trash', 'images in the trash')
    .command('ls')
    .alias('list')
    .description('list images in the trash')
    .argument('[pool[/namespace]]', 'only those of this pool, or of this namespace of it')
    .option('-p, --pool <pool>', 'pool name, or number where no map survived')
    .option('--namespace <name>', 'namespace within the pool')
    .option('-a, --all', 'also what migration and mirroring put there')
    .option('-l, --long', 'who put it there, when, and its parent');
  addCommonOptions(addSourceOptions(command)).action(
    (where: string | undefined, options: TrashLsOptions) =>
      run(trashLs, where === undefined ? options : { ...options, where }),
  );
}
