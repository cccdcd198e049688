import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { namespacesOf } from '../../image/pool-contents.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addSourceOptions,
  type CommonOptions,
  type SourceOptions,
} from '../options.ts';
import { table } from '../render/table.ts';
import { type PoolChoice, selectPools } from '../select-pool.ts';
import { withSource } from '../with-source.ts';
import { groupOf } from '../word-groups.ts';

interface NamespaceLsOptions extends CommonOptions, SourceOptions, PoolChoice {}

export async function namespaceLs(
  options: NamespaceLsOptions,
  context: CommandContext,
): Promise<ExitCode> {
  return withSource(options, context, (source) => {
    const rows = selectPools(source, options).flatMap(({ cluster, pool }) =>
      namespacesOf(cluster, pool).map((name) => ({ name, pool: cluster.poolName(pool) })),
    );
    const lines = rows.map(({ name, pool }) => [name, pool]);
    if (context.json) printJson(context, rows);
    else if (rows.length > 0) context.streams.stdout.write(table([['NAME', 'POOL'], ...lines]));
    return EXIT.ok;
  });
}

export function registerNamespaceLs({ program, run }: Registry): void {
  const command = groupOf(program, 'namespace', 'namespaces of pools')
    .command('ls')
    .alias('list')
    .description('list the namespaces that pools list, or that images lie in')
    .argument('[pool]', 'only those of this pool')
    .option('-p, --pool <pool>', 'the same');
  addCommonOptions(addSourceOptions(command)).action(
    (pool: string | undefined, options: NamespaceLsOptions) =>
      run(namespaceLs, pool === undefined ? options : { ...options, pool }),
  );
}
