import { describe, expect, it } from 'vitest';
import { ImageMap, type PartStatus } from '../../src/export/image-map.ts';

const runsOf = (map: ImageMap, from?: number, to?: number) =>
  [...map.runs(from, to)].map((r) => `${r.offset}+${r.length}${r.status}`).join(' ');

describe('ImageMap', () => {
  it('starts as one part that nobody has tried', () => {
    expect(runsOf(new ImageMap(100))).toBe('0+100?');
  });

  it('joins neighbours of the same status', () => {
    const map = new ImageMap(100);
    map.set(10, 10, '+');
    map.set(30, 10, '+');
    map.set(20, 10, '+');
    expect(runsOf(map)).toBe('0+10? 10+30+ 40+60?');
  });

  it('leaves out what lies beyond the image', () => {
    const map = new ImageMap(100);
    map.set(90, 50, '-');
    map.set(200, 5, '+');
    expect(runsOf(map)).toBe('0+90? 90+10-');
  });

  it('gives the parts of a window', () => {
    const map = new ImageMap(100);
    map.set(10, 10, '+');
    expect(runsOf(map, 5, 15)).toBe('5+5? 10+5+');
    expect(map.ranges('?', 5, 25)).toEqual([
      { offset: 5, length: 5 },
      { offset: 20, length: 5 },
    ]);
    expect(map.bytes('+')).toBe(10);
  });

  it('is what an array of bytes would be, after any changes', () => {
    let seed = 7;
    const random = (n: number) => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return (seed >> 8) % n;
    };
    const map = new ImageMap(64);
    const bytes = new Array<PartStatus>(64).fill('?');
    for (let i = 0; i < 3000; i++) {
      const offset = random(64);
      const length = random(20);
      const status = (['+', '?', '-', '/'] as const)[random(4)]!;
      map.set(offset, length, status);
      bytes.fill(status, offset, offset + length);
      const runs = [...map.runs()];
      expect(runs.map((run) => run.status.repeat(run.length)).join('')).toBe(bytes.join(''));
      expect(runs.every((run, at) => at === 0 || run.status !== runs[at - 1]!.status)).toBe(true);
    }
  });
});
