import { ByteReader } from '../bytes/byte-reader.ts';
import { decodeObjectInfo } from '../ceph/object-info.ts';
import { isSourceFault } from '../errors/salvage-error.ts';
import { objectMapObject } from '../rbd/names.ts';
import { checkOrder } from '../rbd/striping.ts';
import type { CopyAttrs } from '../store/object-attrs.ts';
import { ROW_HEAD } from '../store/row-snap.ts';
import { CONTENT_BYTES, type ContentSize, contentSize } from './content-size.ts';
import { DEFAULT_ORDER, snapshotsOf } from './headless.ts';
import { type Image, plainHeader } from './image.ts';
import type { AttrsReader, ObjectCopy } from './object-candidates.ts';
import { ObjectTable } from './object-table.ts';

/** Reads the sources for evidence. */
export interface EvidenceReader {
  readAttrs: AttrsReader;
  /** up to `length` bytes from the start of the first of the copies that can be read */
  readStart(copies: readonly ObjectCopy[], length: number): Promise<Uint8Array | undefined>;
}

/** Objects whose attributes are looked at, unless the first few agree on what clients announced. */
const SAMPLES = 64;
const FIRST_SAMPLES = 8;

interface Guess<T> {
  value: T;
  because: string;
}

/** The next row from `from` on that is a head, or -1. */
function headRow(objects: ObjectTable, from: number): number {
  for (let row = from; row < objects.length; row++) if (objects.snap(row) === ROW_HEAD) return row;
  return -1;
}

/** Rows of heads, evenly spread. */
function headRows(objects: ObjectTable, most: number): number[] {
  const step = Math.max(1, Math.floor(objects.length / most));
  const rows = new Set<number>();
  for (let row = 0; row < objects.length; row += step) rows.add(headRow(objects, row));
  rows.delete(-1);
  return [...rows];
}

/** What clients announced as the size of objects. */
function hintOf({ objectInfo }: CopyAttrs): number | undefined {
  try {
    const hint = objectInfo && decodeObjectInfo(objectInfo).expectedObjectSize;
    return hint !== undefined && isObjectSize(hint) ? hint : undefined;
  } catch (error) {
    if (!isSourceFault(error)) throw error;
    return undefined;
  }
}

/** Object size from what clients announced, else from sizes and numbers of objects. */
async function guessOrder(
  objects: ObjectTable,
  content: ContentSize | undefined,
  reader: EvidenceReader,
): Promise<Guess<number>> {
  const look = (rows: readonly number[]) => {
    const copies = rows.map(
      (row): ObjectCopy => ({ osd: objects.osd(row), ref: objects.ref(row) }),
    );
    return reader.readAttrs(copies, false);
  };
  const announced = (hint: number) => ({
    value: Math.log2(hint),
    because: `clients announced objects of ${hint} bytes`,
  });
  // There may be a thousand such images on disks that spin: a few objects that agree are enough.
  const few = (await look(headRows(objects, FIRST_SAMPLES))).map(hintOf);
  if (few.length > 1 && few[0] !== undefined && few.every((hint) => hint === few[0])) {
    return announced(few[0]);
  }
  const sampled = headRows(objects, SAMPLES);
  const attrs = await look(sampled);
  const hints = attrs.map(hintOf).filter((hint) => hint !== undefined);
  if (hints.length > 0) return announced(Math.max(...hints));
  // Copies of one object are one witness.
  const sizes = new Map<number, number>();
  for (const [i, row] of sampled.entries()) {
    const objectNo = objects.objectNo(row);
    sizes.set(objectNo, Math.max(attrs[i]!.size, sizes.get(objectNo) ?? 0));
  }
  return orderOfSizes([...sizes.values()], objects.lastObjectNo, content);
}

const SMALLEST_ORDER = 12;
/** So many objects of 4 MiB do not all end within their first quarter, unless most are missing. */
const DENSE = 6;

/**
 * What sizes and numbers of objects tell of the object size: more than one object that is as large as
 * a power of two and none that is larger; a disk too small for as many objects of 4 MiB; objects side
 * by side all of which are small.
 */
export function orderOfSizes(
  sizes: readonly number[],
  lastObjectNo: number,
  content: ContentSize | undefined,
): Guess<number> {
  const largest = sizes.reduce((a, b) => Math.max(a, b), 0);
  const least = Math.max(SMALLEST_ORDER, Math.ceil(Math.log2(Math.max(1, largest))));
  const seen = `the largest of ${sizes.length} objects has ${largest} bytes`;
  if (least >= DEFAULT_ORDER) return { value: least, because: seen };
  const full = sizes.filter((size) => size === 2 ** least).length;
  const isSpanned = content === undefined || (lastObjectNo + 1) * 2 ** least * 2 >= content.bytes;
  if (full > 1 && isSpanned) {
    return { value: least, because: `${full} of ${sizes.length} objects have it, none has more` };
  }
  const isDense = sizes.length >= DENSE && sizes.length * 2 > lastObjectNo;
  if (isDense && isSpanned && least <= DEFAULT_ORDER - 2) return { value: least, because: seen };
  if (content !== undefined && lastObjectNo * 2 ** DEFAULT_ORDER >= content.bytes) {
    const order = Math.ceil(Math.log2(content.bytes / lastObjectNo)) - 1;
    const because = `a ${content.what} of ${content.bytes} bytes has objects up to ${lastObjectNo}`;
    return { value: Math.max(least, order), because };
  }
  return { value: DEFAULT_ORDER, because: seen };
}

function isObjectSize(bytes: number): boolean {
  const order = Math.log2(bytes);
  if (!Number.isInteger(order)) return false;
  try {
    checkOrder(new ByteReader(new Uint8Array(0), 'object size'), order);
    return true;
  } catch {
    return false;
  }
}

/** MAX_OBJECT_MAP_OBJECT_COUNT of cls_rbd: larger images have no object map. */
const MAX_OBJECTS = 256_000_000;

/** How many objects the head's object map counts. */
async function objectMapCount(image: Image, reader: EvidenceReader): Promise<number | undefined> {
  const name = objectMapObject(image.id);
  const copies = image.cluster.copiesOf(image.pool, image.namespace, name);
  // u32 14, versioned(1,1), u64 count: docs/formats/rbd.md, "Object map"
  const start = copies.length === 0 ? undefined : await reader.readStart(copies, 18);
  if (start === undefined || start.length < 18) return undefined;
  const head = new ByteReader(start, 'object map');
  if (head.u32() !== 14 || head.u16() !== 0x0101 || head.u32() !== 8) return undefined;
  const count = Number(head.u64());
  return count <= MAX_OBJECTS ? count : undefined;
}

async function startOfImage(objects: ObjectTable, reader: EvidenceReader) {
  const copies = objects
    .rowsOf(0)
    .filter((row) => objects.snap(row) === ROW_HEAD)
    .map((row): ObjectCopy => ({ osd: objects.osd(row), ref: objects.ref(row) }));
  const start = copies.length === 0 ? undefined : await reader.readStart(copies, CONTENT_BYTES);
  return start === undefined ? undefined : contentSize(start);
}

/** The size that fits all evidence best. */
async function guessSize(
  image: Image,
  objects: ObjectTable,
  objectSize: number,
  content: ContentSize | undefined,
  reader: EvidenceReader,
): Promise<Guess<number>> {
  const least = objects.lastObjectNo * objectSize + 1;
  const count = await objectMapCount(image, reader);
  const most =
    count === undefined || count <= objects.lastObjectNo ? undefined : count * objectSize;
  const fits = (bytes: number) =>
    bytes >= least && (most === undefined || (bytes <= most && bytes > most - objectSize));
  if (
    content !== undefined &&
    (fits(content.bytes) || (content.exact && most === undefined && content.bytes >= least))
  ) {
    return { value: content.bytes, because: `a ${content.what} at its start says so` };
  }
  if (most !== undefined) return { value: most, because: `its object map has ${count} objects` };
  if (content !== undefined && content.bytes >= least) {
    return { value: content.bytes, because: `a ${content.what} at its start says so` };
  }
  const value = (objects.lastObjectNo + 1) * objectSize;
  return {
    value,
    because: `the highest object is ${objects.lastObjectNo}; there may have been more`,
  };
}

/** The objects of a headless image. @throws CORRUPT when the catalog is damaged there */
export const headlessObjects = ({ cluster, pool, namespace, header }: Image): ObjectTable =>
  new ObjectTable(cluster.dataPrefix(header.dataPool ?? pool, namespace, header.objectPrefix));

/**
 * Replaces the first guesses about a headless image by what its objects say.
 * @param known log2 of the object size where the operator knows it
 */
export async function examineHeadless(
  image: Image,
  objects: ObjectTable,
  reader: EvidenceReader,
  known?: number,
): Promise<void> {
  const { header } = image;
  const content = await startOfImage(objects, reader);
  const order =
    known === undefined
      ? await guessOrder(objects, content, reader)
      : { value: known, because: 'as the options say' };
  const objectSize = 2 ** order.value;
  const size = await guessSize(image, objects, objectSize, content, reader);
  // From these rows: the header as it is would read them all again.
  const snapshots = snapshotsOf(objects.cloneIds(), size.value);
  const { objectPrefix, snapSeq, dataPool } = header;
  image.header = {
    ...plainHeader({ size: size.value, order: order.value, objectPrefix, snapSeq, snapshots }),
    dataPool,
  };
  image.guesses = [
    `object size ${objectSize}: ${order.because}`,
    `size ${size.value}: ${size.because}`,
  ];
  if (snapshots.length > 0)
    image.guesses.push(`${snapshots.length} snapshots: their ids are those of its objects' clones`);
}
