import { describe, expect, it } from 'vitest';
import {
  forEachImageExtent,
  forEachObjectExtent,
  type Geometry,
  imageOffsetOf,
  makeGeometry,
  objectCount,
  objectExtents,
  objectNoOf,
  objectOffsetOf,
  usedObjectBytes,
} from '../../src/rbd/striping.ts';
import { expectCorrupt } from './helpers.ts';

/** Byte by byte, as the format describes it; BigInt so that it is exact at any offset. */
function where(
  order: number,
  su: number,
  sc: number,
  x: bigint,
): [objectNo: bigint, offset: bigint] {
  const stripesPerObject = 2n ** BigInt(order) / BigInt(su);
  const block = x / BigInt(su);
  const stripe = block / BigInt(sc);
  const position = block % BigInt(sc);
  const objectSet = stripe / stripesPerObject;
  const offset = (stripe % stripesPerObject) * BigInt(su) + (x % BigInt(su));
  return [objectSet * BigInt(sc) + position, offset];
}

interface Shape {
  order: number;
  su: number;
  sc: number;
}
const smallShapes: Shape[] = [];
for (const [order, su] of [
  [6, 64],
  [6, 16],
  [6, 8],
  [5, 1],
  [7, 32],
] as const) {
  for (const sc of [1, 2, 3, 5, 16]) smallShapes.push({ order, su, sc });
}

/** For each image byte `[objectNo, offset]`, packed into one number. */
function model({ order, su, sc }: Shape, size: number): number[] {
  const out: number[] = [];
  for (let x = 0; x < size; x++) {
    const [o, f] = where(order, su, sc, BigInt(x));
    out.push(Number(o) * 65536 + Number(f));
  }
  return out;
}

/** Sizes that end on, just before and just after every boundary there is, and elsewhere. */
function sizesOf({ order, su, sc }: Shape): number[] {
  const period = 2 ** order * sc;
  const edges = [0, su, su * sc, 2 ** order, period, period + su, 2 * period];
  const around = edges.flatMap((size) => [size - 1, size, size + 1]);
  return [...new Set([...around, period + (su >> 1) + 3])].filter((size) => size >= 0);
}

function bytesOfPieces(geometry: Geometry, from: number, length: number): number[] {
  const out: number[] = [];
  let next = from;
  forEachObjectExtent(geometry, from, length, (objectNo, objectOffset, piece, imageOffset) => {
    expect(imageOffset).toBe(next);
    expect(piece).toBeGreaterThan(0);
    for (let i = 0; i < piece; i++) out.push(objectNo * 65536 + objectOffset + i);
    next += piece;
  });
  expect(next).toBe(from + length);
  return out;
}

describe.each(smallShapes)('order $order, stripe unit $su, stripe count $sc', (shape) => {
  const geometry = makeGeometry(shape.order, shape.su, shape.sc);
  const sizes = sizesOf(shape);
  const expected = model(shape, Math.max(...sizes));

  it('finds each byte where the format puts it, and back', () => {
    for (const [x, place] of expected.entries()) {
      const [objectNo, offset] = [Math.floor(place / 65536), place % 65536];
      expect(objectNoOf(geometry, x)).toBe(objectNo);
      expect(objectOffsetOf(geometry, x)).toBe(offset);
      expect(imageOffsetOf(geometry, objectNo, offset)).toBe(x);
    }
  });
  it('cuts ranges of the image into pieces of objects', () => {
    for (const size of sizes) {
      for (const from of [0, 1, size >> 1, Math.max(0, size - 3)]) {
        const length = Math.max(0, size - from);
        expect(bytesOfPieces(geometry, from, length)).toEqual(expected.slice(from, from + length));
      }
    }
  });
  it('counts objects, and how much of each is used', () => {
    for (const size of sizes) {
      const used = new Map<number, number>();
      for (const place of expected.slice(0, size)) {
        const objectNo = Math.floor(place / 65536);
        used.set(objectNo, Math.max(used.get(objectNo) ?? 0, (place % 65536) + 1));
      }
      const count = Math.max(-1, ...used.keys()) + 1;
      expect(objectCount(geometry, size)).toBe(count);
      for (let n = 0; n <= count + shape.sc; n++) {
        expect(usedObjectBytes(geometry, n, size)).toBe(used.get(n) ?? 0);
      }
    }
  });
  it('covers every byte of the image exactly once with the extents of its objects', () => {
    for (const size of sizes) {
      const seen = new Array<number>(size).fill(-1);
      for (let n = 0; n < objectCount(geometry, size); n++) {
        let last = -1;
        for (const { offset, length, objectOffset } of objectExtents(geometry, n, size)) {
          expect(offset).toBeGreaterThan(last);
          expect(length).toBeGreaterThan(0);
          last = offset;
          for (let i = 0; i < length; i++) {
            expect(seen[offset + i]).toBe(-1);
            seen[offset + i] = n * 65536 + objectOffset + i;
          }
        }
      }
      expect(seen).toEqual(expected.slice(0, size));
    }
  });
  it('finds the image extents under part of an object', () => {
    const objectSize = 2 ** shape.order;
    for (const [from, length] of [
      [0, objectSize],
      [1, objectSize - 2],
      [objectSize >> 1, 9999],
    ] as const) {
      const out: number[] = [];
      forEachImageExtent(geometry, 1, from, length, (imageOffset, piece, objectOffset) => {
        for (let i = 0; i < piece; i++) {
          expect(expected[imageOffset + i] ?? 65536 + objectOffset + i).toBe(
            65536 + objectOffset + i,
          );
          out.push(objectOffset + i);
        }
      });
      const end = Math.min(objectSize, from + length);
      expect(out).toEqual(Array.from({ length: end - from }, (_, i) => from + i));
    }
  });
});

describe('large images', () => {
  const shapes: Shape[] = [];
  for (const order of [12, 22, 25]) {
    for (const su of [4096, 2 ** (order - 1), 2 ** order].filter((u) => u <= 2 ** order)) {
      for (const sc of [1, 3, 5, 16]) shapes.push({ order, su, sc });
    }
  }
  it.each(shapes)(
    'order $order, stripe unit $su, stripe count $sc are exact up to 2^53',
    (shape) => {
      const { order, su, sc } = shape;
      const geometry = makeGeometry(order, su, sc);
      let seed = 12345n;
      for (let i = 0; i < 500; i++) {
        seed = (seed * 6364136223846793005n + 1442695040888963407n) % 2n ** 64n;
        const x = i === 0 ? 2n ** 53n - 1n : (seed >> 11n) % 2n ** BigInt(20 + (i % 34));
        const [objectNo, offset] = where(order, su, sc, x).map(Number) as [number, number];
        expect(objectNoOf(geometry, Number(x))).toBe(objectNo);
        expect(objectOffsetOf(geometry, Number(x))).toBe(offset);
        expect(imageOffsetOf(geometry, objectNo, offset)).toBe(Number(x));
      }
    },
  );
  it('agree with what rbd info said of real images', () => {
    expect(objectCount(makeGeometry(22, 65536, 5), 16 * 2 ** 20)).toBe(5);
    expect(objectCount(makeGeometry(13), 16 * 2 ** 20)).toBe(2048);
    expect(objectCount(makeGeometry(22), 512 * 2 ** 30)).toBe(131072);
    // 34 states in the object map of an image of 0x2100e00 bytes with objects of 1 MiB
    expect(objectCount(makeGeometry(20), 0x2100e00)).toBe(34);
  });
  it('are read in one piece per object where one object is written at a time', () => {
    const lengths: number[] = [];
    forEachObjectExtent(makeGeometry(22, 65536, 1), 1, 8 * 2 ** 20, (_, __, n) => lengths.push(n));
    expect(lengths).toEqual([4 * 2 ** 20 - 1, 4 * 2 ** 20, 1]);
    expect([...objectExtents(makeGeometry(22, 65536, 1), 1, 6 * 2 ** 20)]).toEqual([
      { offset: 4 * 2 ** 20, length: 2 * 2 ** 20, objectOffset: 0 },
    ]);
  });
  it('have no extents for objects beyond their end', () => {
    expect([...objectExtents(makeGeometry(22), 2 ** 53 - 1, 2 ** 40)]).toEqual([]);
    expect(usedObjectBytes(makeGeometry(22), 2 ** 53 - 1, 2 ** 40)).toBe(0);
  });
});

describe('makeGeometry', () => {
  it.each([
    [22, 0, 1],
    [22, -4096, 1],
    [22, 3 * 2 ** 20, 2],
    [22, 2 ** 23, 1],
    [22, 65536, 0],
    [22, 65536, 2 ** 40],
  ])('refuses order %d, stripe unit %d, stripe count %d', (order, unit, count) => {
    expectCorrupt(() => makeGeometry(order, unit, count), /no geometry/);
  });
});
