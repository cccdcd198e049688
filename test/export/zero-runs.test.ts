import { describe, expect, it } from 'vitest';
import { forEachDataRun } from '../../src/export/zero-runs.ts';

/** Runs of a buffer whose first byte goes to `position` of the output. */
function runs(buffer: Buffer, position = 0, length = buffer.length): [number, number][] {
  const found: [number, number][] = [];
  forEachDataRun(buffer, 0, length, position, (from, to) => found.push([from, to]));
  return found;
}

const block = (fill: number, blocks = 1) => Buffer.alloc(4096 * blocks, fill);

describe('forEachDataRun', () => {
  it('finds nothing in zeros, of whatever length', () => {
    for (const length of [0, 1, 4095, 4096, 4097, 100_000])
      expect(runs(Buffer.alloc(length))).toEqual([]);
  });

  it('takes a buffer without zeros as one run', () => {
    for (const length of [1, 4095, 4096, 4097, 100_000]) {
      expect(runs(Buffer.alloc(length, 1))).toEqual([[0, length]]);
    }
  });

  it('leaves out whole blocks of zeros only', () => {
    const buffer = Buffer.concat([block(1), block(0, 2), block(2), block(0)]);
    expect(runs(buffer)).toEqual([
      [0, 4096],
      [12288, 16384],
    ]);
    const one = block(0, 3);
    one[4096 + 4095] = 1;
    expect(runs(one)).toEqual([[4096, 8192]]);
  });

  it('sees a single byte wherever in a block it is', () => {
    for (const at of [0, 1, 2047, 4094, 4095]) {
      const buffer = block(0, 3);
      buffer[4096 + at] = 0x80;
      expect(runs(buffer)).toEqual([[4096, 8192]]);
    }
  });

  it('cuts at blocks of the output, not of the buffer', () => {
    const buffer = Buffer.alloc(3 * 4096);
    buffer[96] = 1; // the output's block 1 begins at 96, where the buffer goes to 4000
    expect(runs(buffer, 4000)).toEqual([[96, 96 + 4096]]);
    buffer[95] = 1;
    expect(runs(buffer, 4000)).toEqual([[0, 96 + 4096]]);
    buffer[96] = 0;
    expect(runs(buffer, 4000)).toEqual([[0, 96]]);
  });

  it('heeds length, and looks at no byte behind it', () => {
    const buffer = block(0, 2);
    buffer.fill(0xff, 5000);
    expect(runs(buffer, 0, 5000)).toEqual([]);
    expect(runs(buffer, 0, 5001)).toEqual([[4096, 5001]]);
  });

  it('is right beyond 4 GiB, where 32-bit arithmetic is not', () => {
    const buffer = Buffer.alloc(4096, 0);
    buffer[4095] = 1;
    expect(runs(buffer, 2 ** 40 + 1)).toEqual([[4095, 4096]]);
    expect(runs(buffer, 2 ** 40 + 4096)).toEqual([[0, 4096]]);
  });

  it('gives runs that hold all data and nothing twice, for any pattern', () => {
    let seed = 12345;
    const random = (n: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return seed % n;
    };
    for (let round = 0; round < 200; round++) {
      const length = 1 + random(40_000);
      const position = random(3) * 4096 + random(2) * random(4096);
      const buffer = Buffer.alloc(length);
      for (let n = random(6); n > 0; n--) {
        const from = random(length);
        buffer.fill(1 + random(255), from, Math.min(length, from + random(6000)));
      }
      const copy = Buffer.alloc(length);
      let last = -1;
      for (const [from, to] of runs(buffer, position)) {
        expect(from).toBeGreaterThan(last);
        expect(to).toBeGreaterThan(from);
        // An edge lies on a block of the output or at the end of the buffer.
        if (from !== 0) expect((position + from) % 4096).toBe(0);
        if (to !== length) expect((position + to) % 4096).toBe(0);
        buffer.copy(copy, from, from, to);
        last = to;
      }
      expect(copy.equals(buffer)).toBe(true);
    }
  });
});
