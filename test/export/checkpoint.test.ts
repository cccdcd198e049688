import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { Checkpoint } from '../../src/export/checkpoint.ts';
import { ImageMap } from '../../src/export/image-map.ts';
import { LossMap } from '../../src/export/loss-map.ts';

const textOf = (map: ImageMap) =>
  [...map.runs()].map((r) => `${r.offset}+${r.length}${r.status}`).join(' ');
const losses = (lost: [number, number][] = [], doubtful: [number, number][] = []) => {
  const all = { lost: new LossMap(), doubtful: new LossMap() };
  for (const [at, n] of lost) all.lost.add(at, n, 'object', 'gone');
  for (const [at, n] of doubtful) all.doubtful.add(at, n, 'object', 'old');
  return all;
};

function setUp(size: number, more: { trusted?: boolean; save?: () => Promise<void> } = {}) {
  const saved: string[] = [];
  const map = new ImageMap(size);
  const store = {
    save: async (state: ImageMap) => {
      saved.push(textOf(state));
      await more.save?.();
    },
  };
  const checkpoint = new Checkpoint({
    ...{ map, store, trusted: more.trusted ?? true, resumed: false },
  });
  return { checkpoint, saved, map };
}

describe('Checkpoint', () => {
  it('takes back what was not done before anything is done again', async () => {
    const { checkpoint, saved, map } = setUp(100);
    map.set(0, 10, '+');
    map.set(10, 10, '-');
    map.set(20, 10, '/');
    await checkpoint.begin();
    expect(saved).toEqual(['0+10+ 10+90?']);
    await checkpoint.finish();
  });

  it('saves by itself, and the rest when it is finished', async () => {
    const { checkpoint, saved } = setUp(100);
    await checkpoint.begin();
    checkpoint.copied([0, 10, 50]);
    for (let i = 0; saved.length < 2 && i < 200; i++) await delay(10);
    checkpoint.done([{ offset: 0, length: 100 }], losses([[5, 5]], [[90, 10]]));
    expect(checkpoint.kept).toBe(10);
    await checkpoint.finish();
    expect(saved).toEqual(['0+100?', '0+50? 50+10+ 60+40?', '0+5+ 5+5- 10+80+ 90+10/']);
    expect(checkpoint.kept).toBe(85);
  });

  it('asks long work before each save what is done of it, and lets it be afterwards', async () => {
    const { checkpoint, saved } = setUp(100);
    await checkpoint.begin();
    let done = 0;
    let looks = 0;
    const stop = checkpoint.watch(() => {
      looks++;
      if (done > 0) checkpoint.copied([0, done, 0]);
    });
    // Nothing has changed: it goes on looking, and saves nothing.
    for (let i = 0; looks < 2 && i < 200; i++) await delay(10);
    expect(saved).toHaveLength(1);
    done = 10;
    for (let i = 0; saved.length < 2 && i < 200; i++) await delay(10);
    done = 20;
    for (let i = 0; !saved.includes('0+20+ 20+80?') && i < 200; i++) await delay(10);
    expect(saved.slice(0, 2)).toEqual(['0+100?', '0+10+ 10+90?']);
    expect(saved.at(-1)).toBe('0+20+ 20+80?');
    stop();
    const before = looks;
    await delay(150);
    expect(looks).toBe(before);
    await checkpoint.finish();
  });

  it('calls nothing done that comes from an unfinished catalog', async () => {
    const { checkpoint, saved } = setUp(100, { trusted: false });
    checkpoint.copied([0, 10, 50]);
    checkpoint.done([{ offset: 0, length: 100 }], losses());
    await checkpoint.finish();
    expect(saved.at(-1)).toBe('0+100/');
  });

  it('ends the export when its state cannot be kept, and writes no other', async () => {
    let fails = false;
    const save = async () => {
      if (fails) throw new Error('EIO');
    };
    const { checkpoint, saved } = setUp(100, { save });
    await checkpoint.begin();
    fails = true;
    checkpoint.copied([0, 10, 50]);
    for (let i = 0; saved.length < 2 && i < 200; i++) await delay(10);
    fails = false;
    expect(() => checkpoint.done([{ offset: 0, length: 100 }], losses())).toThrow('EIO');
    await expect(checkpoint.finish()).rejects.toThrow('EIO');
    expect(saved).toHaveLength(2);
    expect(checkpoint.kept).toBe(0);
  });
});
