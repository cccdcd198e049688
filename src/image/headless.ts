import { nameToText, textToName } from '../bytes/names.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { Cluster } from './cluster.ts';
import { type Image, plainHeader, plainSnapshot } from './image.ts';
import { judgeObject } from './judge-object.ts';
import { type DataPrefix, ObjectTable } from './object-table.ts';

/** `rbd_data.<id>` or, with a data pool of its own, `rbd_data.<pool>.<id>`; `rb.…` in format 1 */
const FORMAT2 = /^rbd_data\.(?:(\d+)\.)?([^.]+)$/;
const FORMAT1 = /^rb\.\d+\.[0-9a-f]+\.[0-9a-f]+$/;

/** What nearly every image uses; a guess until something better is known. */
export const DEFAULT_ORDER = 22;

/** Rows looked at to tell whether a prefix has an object that exists. */
const EXISTENCE_ROWS = 4096;

interface Naming {
  pool: number;
  id: string;
  dataPool: number | undefined;
  format: 1 | 2;
}

function namingOf({ pool, prefix }: DataPrefix): Naming | undefined {
  const text = nameToText(prefix);
  if (FORMAT1.test(text)) return { pool, id: text, dataPool: undefined, format: 1 };
  const match = FORMAT2.exec(text);
  if (match === null) return undefined;
  const own = match[1] === undefined;
  return {
    pool: own ? pool : Number(match[1]),
    id: match[2]!,
    dataPool: own ? undefined : pool,
    format: 2,
  };
}

/** Leftovers on an OSD that was away do not make an image: some object must exist in its PG. */
function existsAnywhere(cluster: Cluster, objects: ObjectTable): boolean {
  const rows = Math.min(objects.length, EXISTENCE_ROWS);
  for (let row = 0; row < rows; ) {
    const { id } = objects.ref(row);
    const evidence = [];
    const objectNo = objects.objectNo(row);
    const snap = objects.snap(row);
    for (; row < rows && objects.objectNo(row) === objectNo && objects.snap(row) === snap; row++) {
      evidence.push({ osd: objects.osd(row).index, version: undefined });
    }
    if (judgeObject(cluster.pgs.decide(id.pool, id.hash), id, evidence).exists) return true;
  }
  return rows < objects.length;
}

/**
 * A clone's id is that of the newest snapshot it was made for. What the snapshots were called is lost,
 * and so are those between which no object changed: they look like the next newer one.
 */
function snapshotsOf(objects: ObjectTable, size: number): Snapshot[] {
  const ids = new Set<number>();
  for (let row = 0; row < objects.length; row++)
    if (objects.snap(row) >= 0) ids.add(objects.snap(row));
  return [...ids]
    .sort((a, b) => a - b)
    .map((id) => plainSnapshot({ id: BigInt(id), name: textToName(`snap-${id}`), size }));
}

/**
 * The image that data objects without a header come from; undefined when they are none that exist.
 * Size and object size are the crudest of guesses here: `examineHeadless` looks for evidence.
 * @param nameOf what index objects still call the id
 */
export function headlessImage(
  cluster: Cluster,
  prefix: DataPrefix,
  nameOf: (naming: Naming) => Pick<Image, 'name' | 'named' | 'trash'>,
): Image | undefined {
  const naming = namingOf(prefix);
  if (naming === undefined) return undefined;
  const objects = new ObjectTable(prefix);
  if (!existsAnywhere(cluster, objects)) return undefined;
  const { pool, id, dataPool, format } = naming;
  const size = (objects.lastObjectNo + 1) * 2 ** DEFAULT_ORDER;
  const base = {
    size,
    order: DEFAULT_ORDER,
    objectPrefix: prefix.prefix,
    snapSeq: 0n,
    snapshots: snapshotsOf(objects, size),
  };
  return {
    ...{ cluster, pool, namespace: prefix.namespace, id, format },
    ...nameOf(naming),
    header: { ...plainHeader(base), dataPool },
    headless: true,
    guesses: [
      'object size 4 MiB: nothing is known, most images have it',
      `size ${size}: the highest object is ${objects.lastObjectNo}`,
    ],
    problems: ['its header is lost: parent, striping and the names of snapshots are unknown'],
  };
}
