import { nameToText } from '../../bytes/names.ts';
import { parentOf } from '../../image/parents.ts';
import type { TrashEntry } from '../../image/pool-contents.ts';
import type { TrashSource } from '../../rbd/trash.ts';
import { timeText } from './image-info.ts';
import { parentJson } from './image-rows.ts';
import { table } from './table.ts';

/** Sources as `rbd trash ls --long` spells them. */
const SOURCES: Readonly<Record<TrashSource, string>> = {
  user: 'USER',
  mirroring: 'MIRRORING',
  migration: 'MIGRATION',
  removing: 'REMOVING',
  'user parent': 'USER_PARENT',
  unknown: 'UNKNOWN',
};

function longFields(entry: TrashEntry, now: number) {
  const { defermentEnd, image } = entry;
  const parent = image && parentOf(image, undefined);
  const until = timeText(defermentEnd);
  return {
    source: SOURCES[entry.source],
    deleted_at: timeText(entry.deletedAt),
    status: defermentEnd.seconds * 1000 < now ? `expired at ${until}` : `protected until ${until}`,
    ...(parent === undefined ? {} : { parent: parentJson(parent) }),
  };
}

/** One entry of `rbd trash ls --format json`, and ours behind. */
export const trashJson = (entry: TrashEntry, pool: string, long: boolean, now: number) => ({
  id: entry.id,
  name: nameToText(entry.name),
  ...(long ? longFields(entry, now) : {}),
  pool,
  namespace: entry.namespace,
  ...(entry.image === undefined ? { found: false } : {}),
});

type TrashJson = { id: string; name: string } & Partial<ReturnType<typeof longFields>>;

/** `rbd trash ls`'s lines. */
export const trashText = (rows: readonly TrashJson[]): string =>
  rows.map(({ id, name }) => `${id} ${name}\n`).join('');

/** `rbd trash ls --long`'s table. */
export function trashTable(rows: readonly TrashJson[]): string {
  const header = ['ID', 'NAME', 'SOURCE', 'DELETED_AT', 'STATUS', 'PARENT'];
  const lines = rows.map(({ id, name, source = '', deleted_at = '', status = '', parent }) => {
    const path =
      parent && [parent.pool, parent.pool_namespace, parent.image].filter(Boolean).join('/');
    return [
      id,
      name,
      source,
      deleted_at,
      status,
      path === undefined ? '' : `${path}@${parent!.snapshot}`,
    ];
  });
  return rows.length === 0 ? '' : table([header, ...lines]);
}
