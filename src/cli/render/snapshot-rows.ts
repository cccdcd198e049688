import { nameToText } from '../../bytes/names.ts';
import { groupSnapshotNames } from '../../image/group-names.ts';
import type { Image } from '../../image/image.ts';
import type { MirrorNamespace, Snapshot } from '../../rbd/snapshot.ts';
import { bytesText } from '../progress.ts';
import { timeText } from './image-info.ts';
import { table } from './table.ts';

/** cls_rbd's MirrorSnapshotState as `rbd` spells it */
const MIRROR_STATES = ['primary', 'primary (demoted)', 'non-primary', 'non-primary (demoted)'];

const mirrorFields = (mirror: MirrorNamespace) => ({
  state: MIRROR_STATES[mirror.state] ?? String(mirror.state),
  mirror_peer_uuids: mirror.peerUuids,
  complete: mirror.complete,
  primary_mirror_uuid: mirror.primaryMirrorUuid,
  primary_snap_id: Number(mirror.primarySnapId),
  last_copied_object_number: Number(mirror.lastCopiedObjectNumber),
});

/** `rbd snap ls --all`'s namespace. */
function namespaceJson(image: Image, { namespace }: Snapshot): Record<string, unknown> {
  const { type } = namespace;
  if (type === 'trash') return { type, original_name: nameToText(namespace.originalName) };
  if (type === 'mirror') return { type, ...mirrorFields(namespace) };
  if (type === 'unknown') return { type, code: namespace.code };
  if (type === 'user') return { type };
  const names = groupSnapshotNames(image, namespace);
  return { type, pool: names.pool, group: names.group, 'group snap': names.snapshot };
}

/** One entry of `rbd snap ls --all --format json`; a removed snapshot goes by its uuid. */
export const snapshotJson = (image: Image, snapshot: Snapshot) => ({
  id: Number(snapshot.id),
  name: nameToText(snapshot.name),
  size: snapshot.size,
  protected: snapshot.protection === 'protected' ? ('true' as const) : ('false' as const),
  timestamp: snapshot.timestamp === undefined ? '' : timeText(snapshot.timestamp),
  namespace: namespaceJson(image, snapshot),
});

export type SnapshotJson = ReturnType<typeof snapshotJson>;

function namespaceText(namespace: Record<string, unknown>): string {
  const { type, pool, group, original_name: name } = namespace;
  if (type === 'trash') return `trash (${name})`;
  if (type === 'group') return `group (${pool}/${group}@${namespace['group snap']})`;
  return type === 'mirror' ? `mirror (${namespace.state})` : String(type);
}

/** `rbd snap ls`'s table. */
export function snapshotTable(rows: readonly SnapshotJson[], all: boolean): string {
  if (rows.length === 0) return '';
  const header = [
    'SNAPID',
    'NAME',
    'SIZE',
    'PROTECTED',
    'TIMESTAMP',
    ...(all ? ['NAMESPACE'] : []),
  ];
  const lines = rows.map((row) => [
    String(row.id),
    row.name,
    bytesText(row.size),
    row.protected === 'true' ? 'yes' : '',
    row.timestamp,
    ...(all ? [namespaceText(row.namespace)] : []),
  ]);
  return table([header, ...lines], [0]);
}
