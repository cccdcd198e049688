import { nameToText } from '../../bytes/names.ts';
import type { Usage } from '../../export/disk-usage.ts';
import { type Image, snapshotName } from '../../image/image.ts';
import { bytesText } from '../progress.ts';
import { table } from './table.ts';

/**
 * One entry of `rbd du --format json`, and ours behind.
 * @param isKnown false: something is wrong with the image as a whole, or with the catalog
 */
export const usageJson = (image: Image, usage: Usage, isKnown: boolean) => ({
  name: nameToText(image.name),
  id: image.id,
  ...(usage.snapshot === undefined
    ? {}
    : {
        snapshot: nameToText(snapshotName(usage.snapshot)),
        snapshot_id: Number(usage.snapshot.id),
      }),
  provisioned_size: usage.provisioned,
  used_size: usage.used,
  pool: image.cluster.poolName(image.pool),
  namespace: nameToText(image.namespace),
  by: usage.by,
  complete: isKnown && usage.unknown === 0,
  ...(usage.unknown === 0 ? {} : { unknown_size: usage.unknown }),
});

export type UsageJson = ReturnType<typeof usageJson>;

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);

/** Heads count for what is provisioned, snapshots too for what is used. */
export const usageTotals = (rows: readonly UsageJson[]) => ({
  total_provisioned_size: sum(
    rows.filter(({ snapshot }) => snapshot === undefined).map((row) => row.provisioned_size),
  ),
  total_used_size: sum(rows.map((row) => row.used_size)),
});

/** Snapshots counted with their image. */
export function mergedUsage(rows: readonly UsageJson[]): UsageJson[] {
  const merged: UsageJson[] = [];
  let used = 0;
  let unknown = 0;
  let complete = true;
  for (const row of rows) {
    complete &&= row.complete;
    used += row.used_size;
    unknown += row.unknown_size ?? 0;
    if (row.snapshot !== undefined) continue;
    const whole = { ...row, used_size: used, complete };
    merged.push(unknown === 0 ? whole : { ...whole, unknown_size: unknown });
    used = 0;
    unknown = 0;
    complete = true;
  }
  return merged;
}

/** `rbd du`'s table; with pools where rows are of several. */
export function usageTable(rows: readonly UsageJson[]): string {
  const spaces = new Set(rows.map(({ pool, namespace }) => JSON.stringify([pool, namespace])));
  const lines = rows.map((row) => {
    const path =
      spaces.size > 1 ? [row.pool, row.namespace, row.name].filter(Boolean).join('/') : row.name;
    const name = row.snapshot === undefined ? path : `${path}@${row.snapshot}`;
    const atLeast = row.complete ? '' : '>= ';
    return [name, bytesText(row.provisioned_size), `${atLeast}${bytesText(row.used_size)}`];
  });
  const totals = usageTotals(rows);
  const total = [
    '<TOTAL>',
    bytesText(totals.total_provisioned_size),
    bytesText(totals.total_used_size),
  ];
  const header = ['NAME', 'PROVISIONED', 'USED'];
  return table([header, ...lines, ...(rows.length > 1 ? [total] : [])], [1, 2]);
}
