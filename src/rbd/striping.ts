import type { ByteReader } from '../bytes/byte-reader.ts';
import { corruptError } from '../errors/salvage-error.ts';

/**
 * Where an image's bytes are in its data objects (`docs/formats/rbd.md`, "Geometry").
 *
 * All offsets and lengths are bytes. Quotients are taken as `(a - a % b) / b`: a division without
 * remainder is exact for any two safe integers.
 */
export interface Geometry {
  /** bytes */
  objectSize: number;
  /** bytes that are in one piece; equals `objectSize` where nothing is interleaved */
  unit: number;
  /** objects that are written in turn */
  stripeCount: number;
}

/** 4 KiB to 32 MiB: what `rbd create` accepts in every release. */
const SMALLEST_ORDER = 12;
const LARGEST_ORDER = 25;

/** @throws CORRUPT when no release makes objects of 2^`order` bytes */
export function checkOrder(reader: ByteReader, order: number): number {
  if (order >= SMALLEST_ORDER && order <= LARGEST_ORDER) return order;
  throw reader.fail(`order ${order} is not within ${SMALLEST_ORDER} to ${LARGEST_ORDER}`);
}

/**
 * @param stripeUnit bytes; must divide the object size
 * @throws CORRUPT when there is no such geometry
 */
export function makeGeometry(order: number, stripeUnit?: number, stripeCount = 1): Geometry {
  const objectSize = 2 ** order;
  const unit = stripeUnit ?? objectSize;
  const shape = `order ${order}, stripe unit ${unit}, stripe count ${stripeCount}`;
  const fits = unit > 0 && objectSize % unit === 0 && stripeCount > 0;
  if (!fits || objectSize * stripeCount > Number.MAX_SAFE_INTEGER) {
    throw corruptError(`striping: ${shape} is no geometry`, { structure: 'striping' });
  }
  // One object at a time: its stripe units follow each other, so they are one piece.
  return { objectSize, unit: stripeCount === 1 ? objectSize : unit, stripeCount };
}

/** How many objects an image of `size` bytes can have. */
export function objectCount(geometry: Geometry, size: number): number {
  const { objectSize, unit, stripeCount } = geometry;
  const period = objectSize * stripeCount;
  const rest = size % period;
  return ((size - rest) / period) * stripeCount + Math.min(stripeCount, Math.ceil(rest / unit));
}

/** The image offset of byte `objectOffset` of object `objectNo`. */
export function imageOffsetOf(geometry: Geometry, objectNo: number, objectOffset: number): number {
  const { objectSize, unit, stripeCount } = geometry;
  const position = objectNo % stripeCount;
  const set = (objectNo - position) / stripeCount;
  const within = objectOffset % unit;
  const stripe = set * (objectSize / unit) + (objectOffset - within) / unit;
  return (stripe * stripeCount + position) * unit + within;
}

/** The number of the object that holds image byte `imageOffset`. */
export function objectNoOf(geometry: Geometry, imageOffset: number): number {
  const { objectSize, unit, stripeCount } = geometry;
  const block = (imageOffset - (imageOffset % unit)) / unit;
  const position = block % stripeCount;
  const inPeriod = imageOffset % (objectSize * stripeCount);
  return ((imageOffset - inPeriod) / (objectSize * stripeCount)) * stripeCount + position;
}

/** Where in its object image byte `imageOffset` is. */
export function objectOffsetOf(geometry: Geometry, imageOffset: number): number {
  const { objectSize, unit, stripeCount } = geometry;
  const inPeriod = imageOffset % (objectSize * stripeCount);
  const inStripe = inPeriod % (unit * stripeCount);
  return (inPeriod - inStripe) / stripeCount + (imageOffset % unit);
}

export type ObjectExtentVisitor = (
  objectNo: number,
  objectOffset: number,
  length: number,
  imageOffset: number,
) => void;

/** The pieces of objects that make up `length` image bytes from `imageOffset`, in image order. */
export function forEachObjectExtent(
  geometry: Geometry,
  imageOffset: number,
  length: number,
  visit: ObjectExtentVisitor,
): void {
  const { objectSize, unit, stripeCount } = geometry;
  const end = imageOffset + length;
  // Counted up from here on: remainders of numbers beyond 2^31 are slow, and units can be small.
  let within = imageOffset % unit;
  let objectNo = objectNoOf(geometry, imageOffset);
  let position = objectNo % stripeCount;
  let stripeStart = objectOffsetOf(geometry, imageOffset) - within;
  for (let at = imageOffset; at < end; ) {
    const piece = Math.min(unit - within, end - at);
    visit(objectNo, stripeStart + within, piece, at);
    at += piece;
    within = 0;
    objectNo++;
    if (++position < stripeCount) continue;
    position = 0;
    stripeStart += unit;
    if (stripeStart < objectSize) objectNo -= stripeCount;
    else stripeStart = 0;
  }
}

export type ImageExtentVisitor = (
  imageOffset: number,
  length: number,
  objectOffset: number,
) => void;

/** The image extents under `length` bytes of object `objectNo` from `objectOffset`, ascending. */
export function forEachImageExtent(
  geometry: Geometry,
  objectNo: number,
  objectOffset: number,
  length: number,
  visit: ImageExtentVisitor,
): void {
  const { unit, stripeCount } = geometry;
  const end = Math.min(objectOffset + length, geometry.objectSize);
  let imageOffset = imageOffsetOf(geometry, objectNo, objectOffset);
  for (let at = objectOffset; at < end; ) {
    const piece = Math.min(unit - (at % unit), end - at);
    visit(imageOffset, piece, at);
    at += piece;
    imageOffset += piece + unit * (stripeCount - 1);
  }
}

export interface ImageExtent {
  /** in the image */
  offset: number;
  length: number;
  /** in the object */
  objectOffset: number;
}

/** The extents of an image of `size` bytes that object `objectNo` covers, ascending. */
export function* objectExtents(
  geometry: Geometry,
  objectNo: number,
  size: number,
): Generator<ImageExtent> {
  const { objectSize, unit, stripeCount } = geometry;
  const step = unit * stripeCount;
  let offset = imageOffsetOf(geometry, objectNo, 0);
  for (let at = 0; at < objectSize && offset < size; at += unit) {
    yield { offset, length: Math.min(unit, size - offset), objectOffset: at };
    offset += step;
  }
}

/** How many bytes of object `objectNo` an image of `size` bytes uses: the end of the last extent. */
export function usedObjectBytes(geometry: Geometry, objectNo: number, size: number): number {
  const { objectSize, unit, stripeCount } = geometry;
  const start = imageOffsetOf(geometry, objectNo, 0);
  if (start >= size) return 0;
  const step = unit * stripeCount;
  const rest = size - start;
  const stripes = (rest - (rest % step)) / step;
  return Math.min(objectSize, stripes * unit + Math.min(unit, rest % step));
}
