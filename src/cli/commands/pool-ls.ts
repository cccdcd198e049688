import { EXIT, type ExitCode } from '../../errors/exit-codes.ts';
import { imagesIn, namespacesOf, type PoolScope } from '../../image/pool-contents.ts';
import { type CommandContext, printJson } from '../context.ts';
import type { Registry } from '../main.ts';
import {
  addCommonOptions,
  addSourceOptions,
  type CommonOptions,
  type SourceOptions,
} from '../options.ts';
import { table } from '../render/table.ts';
import { selectPools } from '../select-pool.ts';
import { withSource } from '../with-source.ts';
import { groupOf } from '../word-groups.ts';

interface PoolLsOptions extends CommonOptions, SourceOptions {}

interface MapFields {
  type?: string;
  size?: number;
  min_size?: number;
  pg_num?: number;
  erasure_code_profile?: string;
  tier_of?: string;
}

/** What the map tells of a pool; empty where none tells of it. */
function mapFields({ cluster, pool }: PoolScope): MapFields {
  const found = cluster.osdMap?.pools.get(pool);
  if (found === undefined) return {};
  const { type, size, minSize, pgNum, ecProfileName, tierOf } = found;
  return {
    ...{ type, size, min_size: minSize, pg_num: pgNum },
    ...(ecProfileName === '' ? {} : { erasure_code_profile: ecProfileName }),
    ...(tierOf === undefined ? {} : { tier_of: cluster.poolName(tierOf) }),
  };
}

function poolJson(scope: PoolScope) {
  const { cluster, pool } = scope;
  const images = imagesIn(scope);
  const count = (wanted: (image: (typeof images)[number]) => boolean) =>
    images.filter(wanted).length;
  return {
    id: pool,
    name: cluster.poolName(pool),
    ...mapFields(scope),
    images: count(({ trash, headless }) => trash === undefined && !headless),
    trash: count(({ trash }) => trash !== undefined),
    headless: count(({ headless, trash }) => headless && trash === undefined),
    namespaces: namespacesOf(cluster, pool),
    cluster: cluster.fsid ?? null,
  };
}

type PoolJson = ReturnType<typeof poolJson>;

function poolTable(rows: readonly PoolJson[]): string {
  const header = [
    'ID',
    'NAME',
    'TYPE',
    'SIZE',
    'PG_NUM',
    'IMAGES',
    'TRASH',
    'HEADLESS',
    'NAMESPACES',
  ];
  const lines = rows.map((row) => [
    String(row.id),
    row.name,
    row.type ?? '',
    String(row.size ?? ''),
    String(row.pg_num ?? ''),
    ...[row.images, row.trash, row.headless].map(String),
    row.namespaces.join(', '),
  ]);
  return table([header, ...lines], [0, 3, 4, 5, 6, 7]);
}

export async function poolLs(options: PoolLsOptions, context: CommandContext): Promise<ExitCode> {
  return withSource(options, context, (source) => {
    const rows = selectPools(source, {}).map(poolJson);
    if (context.json) printJson(context, rows);
    else context.streams.stdout.write(poolTable(rows));
    return EXIT.ok;
  });
}

export function registerPoolLs({ program, run }: Registry): void {
  const command = groupOf(program, 'pool', 'pools of the cluster')
    .command('ls')
    .alias('list')
    .description('list pools, and how many images were found in each');
  addCommonOptions(addSourceOptions(command)).action((options: PoolLsOptions) =>
    run(poolLs, options),
  );
}
