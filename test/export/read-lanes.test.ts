import { describe, expect, it, vi } from 'vitest';
import type { CatalogOsd } from '../../src/catalog/catalog.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import type { CopyJob, CopyResult } from '../../src/export/copy-objects.ts';
import { doneSoFar, noteBegun, noteDone, startProgress } from '../../src/export/copy-progress.ts';
import type { CopyTask } from '../../src/export/copy-tasks.ts';
import { ReadLanes } from '../../src/export/read-lanes.ts';
import type { ObjectCopy } from '../../src/image/object-candidates.ts';
import type { TaskRunner } from '../../src/io/ports.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';

const NOWHERE = { kind: 'none' } as const;
const osd = (key: string) => ({ key }) as CatalogOsd;
const location = (key: string) => ({ dataPath: `/dev/${key}`, path: key }) as OsdLocation;
const copyOn = (key: string): ObjectCopy =>
  ({ osd: { name: key, catalog: osd(key) }, ref: {} }) as unknown as ObjectCopy;
/** A job is told from others by its size. */
const job = (size: number, ...shards: string[]) =>
  ({
    ...{ size, pieces: [0, size, 0] },
    ec:
      shards.length === 0
        ? undefined
        : { shards: shards.map((key) => ({ location: location(key), ref: {} })) },
  }) as unknown as CopyJob;

/** Devices `a` and `b`, one reader each; `answer` gives a job's result or throws for its task. */
function lanesWith(
  answer: (job: CopyJob) => CopyResult | undefined,
  signal?: AbortSignal,
  readers = 1,
) {
  const asked: number[][] = [];
  let inside = 0;
  let reading = 0;
  const runner: TaskRunner = {
    run: async <Value>(_: string, task: unknown) => {
      const { jobs, progress } = task as CopyTask;
      asked.push(jobs.map(({ size }) => size!));
      const results: CopyResult[] = [];
      reading = Math.max(reading, ++inside);
      await new Promise((resolve) => setImmediate(resolve));
      inside--;
      for (const [i, job] of jobs.entries()) {
        noteBegun(progress, i);
        const result = answer(job);
        if (result === undefined) break;
        noteDone(progress, i, result);
        results.push(result);
      }
      return results as Value;
    },
    damage: new Set(),
    close: async () => {},
  };
  const locations = new Map(['a', 'b'].map((key) => [key, location(key)]));
  const devices = { of: (path: string) => ({ device: path.at(-1)!, readers }) };
  const lanes = new ReadLanes(runner, devices, locations, [], signal);
  return { asked, lanes, atOnce: () => reading };
}

const good: CopyResult = { ok: true, written: 1, read: 1, bad: [] };
const silent = (device?: number) =>
  sourceIoError('no answer from the disk for 90 s', {
    errno: 'ETIMEDOUT',
    ...(device === undefined ? {} : { device }),
  });

describe('a disk that does not answer', () => {
  it('costs only the object that it was asked for', async () => {
    const { lanes } = lanesWith(({ size }) => {
      if (size === 2) throw silent();
      return good;
    });
    const results = await lanes.copy(osd('a'), [job(1), job(2), job(3)], NOWHERE);
    // The last one had not been begun, and waits for its disk, or for another.
    expect(results.map((result) => result?.ok)).toEqual([true, false, undefined]);
    expect(await lanes.copy(osd('a'), [job(3)], NOWHERE)).toEqual([good]);
    expect(results[1]).toMatchObject({
      failure: 'unreadable',
      reason: expect.stringMatching(/no answer/),
    });
    expect(lanes.isHere(osd('a'))).toBe(true);
  });

  it('is asked no more when it stays silent, and the others go on', async () => {
    const { lanes, asked } = lanesWith(() => {
      throw silent();
    });
    const jobs = [1, 2, 3].map((size) => job(size));
    const first = await lanes.copy(osd('a'), jobs, NOWHERE);
    expect(first.map((result) => result?.ok)).toEqual([false, undefined, undefined]);
    const second = await lanes.copy(osd('a'), jobs.slice(1), NOWHERE);
    expect(second.map((result) => result?.ok)).toEqual([false, undefined]);
    // Its last chance is gone: what is left is not asked for.
    const third = await lanes.copy(osd('a'), jobs.slice(2), NOWHERE);
    expect(third.map((result) => result?.ok)).toEqual([false]);
    expect(asked).toEqual([[1, 2, 3], [1], [2, 3]]);
    expect(lanes.isHere(osd('a'))).toBe(false);
    expect(lanes.isHere(osd('b'))).toBe(true);
    expect(lanes.leastBusy([copyOn('a'), copyOn('b')], 1)?.osd.name).toBe('b');
    expect(lanes.leastBusy([copyOn('a')], 1)).toBeUndefined();
  });

  it('keeps what it had given by then, and is not asked for that again', async () => {
    let silence = false;
    const { lanes, asked } = lanesWith(({ size }) => {
      silence ||= size === 3;
      if (silence) throw silent();
      return { ok: true, written: size!, read: size! + 10, bad: [], checked: size === 2 };
    });
    const jobs = [1, 2, 3, 4].map((size) => job(size));
    const progress = startProgress(4);
    const results = await lanes.copy(osd('a'), jobs, NOWHERE, progress);
    expect(results.map((result) => result?.ok)).toEqual([true, true, false, undefined]);
    expect(results[0]).toEqual({ ok: true, written: 1, read: 11, bad: [] });
    expect(results[1]).toEqual({ ok: true, written: 2, read: 12, bad: [], checked: true });
    expect(asked).toEqual([[1, 2, 3, 4], [3]]);
    // Should the thread that was given up come back to life, nobody believes it any more.
    noteDone(progress, 2, good);
    expect(doneSoFar(progress, 2)).toBeUndefined();
  });

  it('is given up after a while also where it answers in between', async () => {
    const { lanes } = lanesWith(({ size }) => {
      if (size! % 2 === 0) throw silent();
      return good;
    });
    for (let i = 0; i < 40 && lanes.isHere(osd('a')); i++) {
      await lanes.copy(osd('a'), [job(i)], NOWHERE);
    }
    expect(lanes.isHere(osd('a'))).toBe(false);
  });

  it('is left out of an erasure-coded object, which its other shards may make up for', async () => {
    const asked: number[][] = [];
    // The numbers of devices are what the lanes call them.
    const runner: TaskRunner = {
      run: async <Value>(_: string, task: unknown) => {
        const { jobs, progress } = task as CopyTask;
        asked.push(jobs.map(({ size }) => size!));
        return jobs.map((job, i) => {
          noteBegun(progress, i);
          const keys = job.ec!.shards.map(({ location: { path } }) => path);
          if (keys.includes('b') && job.size === 2) throw silent(8);
          noteDone(progress, i, good);
          return good;
        }) as Value;
      },
      damage: new Set(),
      close: async () => {},
    };
    const locations = new Map(['a', 'b'].map((key) => [key, location(key)]));
    const devices = {
      of: (path: string) => ({ device: path === '/dev/a' ? '7' : '8', readers: 1 }),
    };
    const lanes = new ReadLanes(runner, devices, locations);
    const jobs = [1, 2, 3].map((size) => job(size, 'a', 'b'));
    expect(await lanes.copy(osd('a'), jobs, NOWHERE)).toEqual([good, good, undefined]);
    expect(await lanes.copy(osd('a'), jobs.slice(2), NOWHERE)).toEqual([good]);
    expect(asked).toEqual([[1, 2, 3], [2], [3]]);
    expect(lanes.isHere(osd('a'))).toBe(true);
    expect(lanes.isHere(osd('b'))).toBe(false);
  });

  it('fails with other errors as ever, and has no more to do then', async () => {
    const { lanes } = lanesWith(() => {
      throw new Error('bug');
    });
    const both = [copyOn('a'), copyOn('b')];
    expect(lanes.leastBusy(both, 1)?.osd.name).toBe('a');
    await expect(lanes.copy(osd('a'), [job(1)], NOWHERE)).rejects.toThrow('bug');
    expect(lanes.leastBusy(both, 1)?.osd.name).toBe('a');
  });

  it('is silent once, however many wait for it at the same time', async () => {
    const { lanes } = lanesWith(
      () => {
        throw silent();
      },
      undefined,
      4,
    );
    const ask = () => lanes.copy(osd('a'), [job(1)], NOWHERE);
    await Promise.all([ask(), ask(), ask(), ask()]);
    expect(lanes.isHere(osd('a'))).toBe(true);
    await ask();
    await ask();
    expect(lanes.isHere(osd('a'))).toBe(false);
  });
});

describe('the choice of a disk', () => {
  it('goes to the one with less to do, and a faulty one comes last', () => {
    const { lanes } = lanesWith(() => good);
    const both = [copyOn('a'), copyOn('b')];
    expect(lanes.leastBusy(both, 10)?.osd.name).toBe('a');
    expect(lanes.leastBusy(both, 10)?.osd.name).toBe('b');
    for (let i = 0; i < 8; i++) lanes.noteFault(osd('a'));
    for (let i = 0; i < 5; i++) expect(lanes.leastBusy(both, 10)?.osd.name).toBe('b');
    expect(lanes.leastBusy([copyOn('a')], 10)?.osd.name).toBe('a');
  });

  it('lets as many in as its queue has found to be right', async () => {
    const { lanes, atOnce } = lanesWith(() => good);
    const copies = () =>
      Promise.all([1, 2, 3].map((size) => lanes.copy(osd('a'), [job(size)], NOWHERE)));
    await copies();
    expect(atOnce()).toBe(1);
    vi.spyOn(lanes.queue, 'readersOf').mockReturnValue(2);
    await copies();
    expect(atOnce()).toBe(2);
  });

  it('counts what was handed back as still to be read there', async () => {
    const { lanes } = lanesWith(({ size }) => (size === 20 ? undefined : good));
    const both = [copyOn('a'), copyOn('b')];
    for (const size of [10, 20]) lanes.leastBusy([both[0]!], size);
    const results = await lanes.copy(osd('a'), [job(10), job(20)], NOWHERE);
    expect(results).toEqual([good, undefined]);
    expect(lanes.leastBusy(both, 15)?.osd.name).toBe('b');
    expect(lanes.leastBusy(both, 10)?.osd.name).toBe('b');
    expect(lanes.leastBusy(both, 1)?.osd.name).toBe('a');
  });

  it('ends when the export is interrupted: what waits is not begun', async () => {
    const stop = new AbortController();
    const { lanes, asked } = lanesWith(() => {
      stop.abort();
      return good;
    }, stop.signal);
    const first = lanes.copy(osd('a'), [job(1)], NOWHERE);
    const second = lanes.copy(osd('a'), [job(2)], NOWHERE);
    expect(await first).toEqual([good]);
    await expect(second).rejects.toThrow(/abort/);
    expect(asked).toEqual([[1]]);
  });
});
