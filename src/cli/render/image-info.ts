import { nameToText } from '../../bytes/names.ts';
import type { Utime } from '../../ceph/encoding.ts';
import { type Image, imageSpecText } from '../../image/image.ts';
import type { Layer } from '../../image/layer.ts';
import { type NamedParent, parentOf } from '../../image/parents.ts';
import type { Presence } from '../../image/presence.ts';
import { imageOrigin } from '../../rbd/conventions.ts';
import { FEATURE_JOURNALING, featureNames, flagNames, opFeatureNames } from '../../rbd/features.ts';
import type { Snapshot } from '../../rbd/snapshot.ts';
import { objectCount } from '../../rbd/striping.ts';
import { bytesText, countText } from '../progress.ts';
import { journalLines, osdJournals } from './osd-journals.ts';

/** A time as `rbd info` prints it: ctime(3), local time. */
export function timeText(time: Utime): string {
  const date = new Date(time.seconds * 1000);
  const [weekday, month, day, year] = date.toDateString().split(' ');
  const clock = date.toTimeString().slice(0, 8);
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${clock} ${year}`;
}

/** `rbd info`'s parent, the trash flag and overlap included. */
const parentInfo = (parent: NamedParent) => ({
  pool: parent.pool,
  pool_namespace: parent.namespace,
  image: parent.image,
  id: parent.id,
  snapshot: parent.rawSnapshot,
  trash: parent.trash,
  overlap: parent.overlap,
});

const TIMES = [
  ['create_timestamp', 'createTimestamp'],
  ['access_timestamp', 'accessTimestamp'],
  ['modify_timestamp', 'modifyTimestamp'],
] as const;

/** What only format 2 has. */
function format2Fields(image: Image) {
  const { header } = image;
  const times = TIMES.flatMap(([name, field]) => {
    const time = header[field];
    return time === undefined ? [] : [[name, timeText(time)] as const];
  });
  return {
    features: featureNames(header.features),
    op_features: opFeatureNames(header.opFeatures),
    flags: flagNames(header.flags),
    ...Object.fromEntries(times),
  };
}

/** Each layer below, nearest first. */
function chainOf(layer: Layer): string[] {
  const below = layer.parent;
  if (below === undefined) return [];
  if (below.layer === undefined) return [`(${below.reason})`];
  const { image, snapshot } = below.layer;
  const name = snapshot === undefined ? undefined : nameToText(snapshot.name);
  return [
    `${imageSpecText(image, name)} up to ${bytesText(below.overlap)}`,
    ...chainOf(below.layer),
  ];
}

/** `rbd info --format json`'s fields, and ours under `found`. */
export function imageInfo(layer: Layer, snapshot: Snapshot | undefined, presence: Presence) {
  const { image } = layer;
  const { header } = image;
  const parent = parentOf(image, snapshot);
  const snapshots = header.snapshots.filter((s) => s.namespace.type !== 'trash');
  const origin = imageOrigin(
    nameToText(image.name),
    snapshots.map((s) => nameToText(s.name)),
  );
  const striped = header.stripeCount !== 1 || header.stripeUnit !== 2 ** header.order;
  return {
    name: nameToText(image.name),
    id: image.id,
    size: layer.size,
    objects: objectCount(layer.geometry, layer.size),
    order: header.order,
    object_size: 2 ** header.order,
    snapshot_count: header.snapshots.length,
    ...(header.dataPool === undefined
      ? {}
      : { data_pool: image.cluster.poolName(header.dataPool) }),
    block_name_prefix: nameToText(header.objectPrefix),
    format: image.format,
    ...(image.format === 2 ? format2Fields(image) : {}),
    ...(snapshot === undefined
      ? {}
      : { protected: snapshot.protection === 'protected' ? 'true' : 'false' }),
    ...(parent === undefined ? {} : { parent: parentInfo(parent) }),
    ...(striped ? { stripe_unit: header.stripeUnit, stripe_count: header.stripeCount } : {}),
    ...((header.features & FEATURE_JOURNALING) === 0n ? {} : { journal: image.id }),
    pool: image.cluster.poolName(image.pool),
    namespace: nameToText(image.namespace),
    trash: image.trash !== undefined,
    headless: image.headless,
    guesses: image.guesses,
    chain: chainOf(layer),
    ...(origin === undefined ? {} : { origin }),
    found: {
      objects: presence.objects,
      copies: presence.copies,
      copies_per_object: Array.from(presence.byCopies, (n) => n ?? 0),
      bytes_at_most: Math.min(presence.objects * layer.geometry.objectSize, layer.size),
      osds: presence.osds,
    },
    journals: osdJournals(image.cluster),
    problems: image.problems,
  };
}

type Info = ReturnType<typeof imageInfo>;

/** `rbd image 'x':` and the lines below it. */
export function infoText(info: Info): string {
  const fields = info as Info & Record<string, unknown>;
  const lines = [
    `rbd image '${info.name}':`,
    `size ${bytesText(info.size)} in ${countText(info.objects)} objects`,
    `order ${info.order} (${bytesText(info.object_size)} objects)`,
    `snapshot_count: ${info.snapshot_count}`,
    ...(info.id === '' ? [] : [`id: ${info.id}`]),
    ...(fields.data_pool === undefined ? [] : [`data_pool: ${fields.data_pool}`]),
    `block_name_prefix: ${info.block_name_prefix}`,
    `format: ${info.format}`,
  ];
  for (const key of ['features', 'op_features', 'flags'] as const) {
    const names = fields[key] as string[] | undefined;
    if (names !== undefined) lines.push(`${key}: ${names.join(', ')}`.trimEnd());
  }
  for (const [key] of TIMES) if (fields[key] !== undefined) lines.push(`${key}: ${fields[key]}`);
  for (const key of ['stripe_unit', 'stripe_count'] as const) {
    if (fields[key] !== undefined) lines.push(`${key}: ${fields[key]}`);
  }
  for (const [i, layer] of info.chain.entries()) lines.push(`${'  '.repeat(i)}parent: ${layer}`);
  if (info.trash) lines.push('in the trash');
  for (const guess of info.guesses) lines.push(`guess: ${guess}`);
  if (fields.origin !== undefined) {
    const { system, kind, id } = info.origin!;
    lines.push(`named as by: ${system} (${kind} ${id})`);
  }
  const { found } = info;
  const copies = found.copies_per_object.flatMap((n, i) =>
    n > 0 ? [`${countText(n)} with ${i}`] : [],
  );
  lines.push(
    `found: ${countText(found.objects)} objects, at most ${bytesText(found.bytes_at_most)}`,
  );
  if (copies.length > 0) lines.push(`copies: ${copies.join(', ')}`);
  lines.push(`on: ${found.osds.join(', ') || 'no OSD'}`);
  for (const line of journalLines(info.journals)) lines.push(line);
  for (const problem of info.problems) lines.push(`problem: ${problem}`);
  return `${lines.join('\n\t')}\n`;
}
