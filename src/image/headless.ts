import { nameToText, textToName } from '../bytes/names.ts';
import { errorText, isSourceFault } from '../errors/salvage-error.ts';
import type { Snapshot } from '../rbd/snapshot.ts';
import type { Cluster } from './cluster.ts';
import { type Image, plainHeader, plainSnapshot } from './image.ts';
import { judgeObject } from './judge-object.ts';
import { type DataPrefix, extentOf, ObjectTable } from './object-table.ts';

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

/**
 * Leftovers on an OSD that was away do not make an image: some object must exist in its PG. More copies can only speak for
 * an object (`judgeObject`), so those of one segment may be enough, and nearly always are: opening a catalog
 * reads one small piece of it for each image without a header.
 */
function existsAnywhere(cluster: Cluster, prefix: DataPrefix): boolean {
  if (certainRows(prefix) > EXISTENCE_ROWS) return true;
  const [first, ...others] = prefix.postings;
  const isPart = first !== undefined && others.length + prefix.odd.length > 0;
  if (isPart && existsAmong(cluster, { ...prefix, postings: [first], odd: [] })) return true;
  return existsAmong(cluster, prefix);
}

/** How many rows there are at least, without reading them. */
const certainRows = ({ postings, odd }: DataPrefix): number =>
  postings.reduce(
    (n, { segment, group }) => n + (segment.dead.size > 0 ? 0 : group[2]),
    odd.length,
  );

function existsAmong(cluster: Cluster, prefix: DataPrefix): boolean {
  const objects = new ObjectTable(prefix);
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
export const snapshotsOf = (cloneIds: readonly number[], size: number): Snapshot[] =>
  cloneIds.map((id) => plainSnapshot({ id: BigInt(id), name: textToName(`snap-${id}`), size }));

/** What all rows of an image tell. */
interface Known {
  size: number;
  snapshots: Snapshot[];
  guesses: string[];
}

/** Reads it when it is first asked for. @throws CORRUPT when the catalog is damaged there */
function lazily(prefix: DataPrefix): () => Known {
  let known: Known | undefined;
  return () => {
    if (known === undefined) {
      const { lastObjectNo, cloneIds } = extentOf(prefix);
      const size = sizeUpTo(lastObjectNo);
      const guesses = [
        'object size 4 MiB: nothing is known, most images have it',
        `size ${size}: the highest object is ${lastObjectNo}`,
      ];
      known = { size, snapshots: snapshotsOf(cloneIds, size), guesses };
    }
    return known;
  };
}

const sizeUpTo = (lastObjectNo: number): number => (lastObjectNo + 1) * 2 ** DEFAULT_ORDER;

/**
 * The image that data objects without a header come from; undefined when they are none that exist.
 * Size and object size are the crudest of guesses here: `examineHeadless` looks for evidence. They, and the snapshots, are
 * found when they are asked for, and throw CORRUPT where the catalog is damaged.
 * @param nameOf what index objects still call the id
 */
export function headlessImage(
  cluster: Cluster,
  prefix: DataPrefix,
  nameOf: (naming: Naming) => Pick<Image, 'name' | 'named' | 'trash'>,
): Image | undefined {
  const naming = namingOf(prefix);
  if (naming === undefined) return undefined;
  const unsure = 'its header is lost: parent, striping and the names of snapshots are unknown';
  const problems: string[] = [unsure];
  try {
    if (!existsAnywhere(cluster, prefix)) return undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    // Whether it exists cannot be found out, which is no reason to hide it, nor the other images.
    problems.push(errorText(error));
  }
  const { pool, id, dataPool, format } = naming;
  const known = lazily(prefix);
  const base = {
    ...{ size: 0, order: DEFAULT_ORDER, objectPrefix: prefix.prefix },
    ...{ snapSeq: 0n, snapshots: [] },
  };
  let examined: string[] | undefined;
  return {
    ...{ cluster, pool, namespace: prefix.namespace, id, format },
    ...nameOf(naming),
    header: {
      ...{ ...plainHeader(base), dataPool },
      get size() {
        return known().size;
      },
      get snapshots() {
        return known().snapshots;
      },
    },
    headless: true,
    unsure,
    get guesses() {
      return examined ?? known().guesses;
    },
    set guesses(texts) {
      examined = texts;
    },
    problems,
  };
}
