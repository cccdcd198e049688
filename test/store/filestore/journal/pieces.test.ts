import { describe, expect, it } from 'vitest';
import {
  overwrite,
  type Pieces,
  pieceAt,
  rangeOf,
  resize,
  sizeOf,
} from '../../../../src/store/filestore/journal/pieces.ts';

const SIZE = 64;

/** The same operations done on bytes: a piece's byte at n is its source's number + n. */
class Model {
  bytes: number[] = [];
  overwrite(start: number, end: number, value: (i: number) => number): void {
    if (end <= start) return;
    while (this.bytes.length < end) this.bytes.push(0);
    for (let i = start; i < end; i++) this.bytes[i] = value(i);
  }
  resize(size: number): void {
    while (this.bytes.length < size) this.bytes.push(0);
    this.bytes.length = size;
  }
}

function bytesOf(pieces: Pieces<number>): number[] {
  const bytes: number[] = [];
  for (const { start, end, source, at } of pieces) {
    expect(start).toBe(bytes.length);
    expect(end).toBeGreaterThan(start);
    for (let i = start; i < end; i++)
      bytes.push(source === undefined ? 0 : source + at + i - start);
  }
  return bytes;
}

/** A small generator with known results everywhere. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
}

describe('pieces of an object', () => {
  it('become what the same changes make of bytes', () => {
    const next = random(7);
    for (let round = 0; round < 200; round++) {
      const pieces: Pieces<number> = [];
      const model = new Model();
      for (let step = 1; step < 30; step++) {
        const start = next(SIZE);
        const end = start + next(SIZE - start);
        const source = step * 1000;
        if (next(5) === 0) {
          resize(pieces, start);
          model.resize(start);
        } else if (next(4) === 0) {
          const shift = next(8);
          const copied = model.bytes.slice(start, end);
          for (const piece of rangeOf(pieces, start, end, shift)) overwrite(pieces, piece);
          model.overwrite(
            start + shift,
            start + shift + copied.length,
            (i) => copied[i - start - shift]!,
          );
        } else {
          const zeros = next(3) === 0;
          overwrite(pieces, { start, end, source: zeros ? undefined : source, at: start });
          model.overwrite(start, end, (i) => (zeros ? 0 : source + i));
        }
        expect(bytesOf(pieces)).toEqual(model.bytes);
        expect(sizeOf(pieces)).toBe(model.bytes.length);
      }
    }
  });

  it('are found by position', () => {
    const pieces: Pieces<number> = [
      { start: 0, end: 10, source: 1, at: 0 },
      { start: 10, end: 20, source: 2, at: 5 },
    ];
    expect([0, 9, 10, 19, 20].map((p) => pieceAt(pieces, p))).toEqual([0, 0, 1, 1, 2]);
  });
});
