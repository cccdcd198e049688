import { describe, expect, it } from 'vitest';
import type { CatalogOsd } from '../../src/catalog/catalog.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import type { CopyJob, CopyResult } from '../../src/export/copy-objects.ts';
import { type CopyTask, ReadLanes } from '../../src/export/read-lanes.ts';
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
    size,
    ec:
      shards.length === 0
        ? undefined
        : { shards: shards.map((key) => ({ location: location(key), ref: {} })) },
  }) as unknown as CopyJob;

/** Devices `a` and `b`, one reader each; `answer` gives a job's result or throws for its task. */
function lanesWith(answer: (job: CopyJob) => CopyResult, signal?: AbortSignal) {
  const asked: number[][] = [];
  const runner: TaskRunner = {
    run: async <Value>(_: string, task: unknown) => {
      const { jobs } = task as CopyTask;
      asked.push(jobs.map(({ size }) => size!));
      return jobs.map(answer) as Value;
    },
    damage: new Set(),
    close: async () => {},
  };
  const locations = new Map(['a', 'b'].map((key) => [key, location(key)]));
  const devices = { of: (path: string) => ({ device: path.at(-1)!, readers: 1 }) };
  return { asked, lanes: new ReadLanes(runner, devices, locations, [], signal) };
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
    const results = await lanes.copy(osd('a'), [job(1), job(2), job(3)], NOWHERE, 3);
    expect(results.map(({ ok }) => ok)).toEqual([true, false, true]);
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
    const jobs = [1, 2, 3, 4, 5, 6].map((size) => job(size));
    const results = await lanes.copy(osd('a'), jobs, NOWHERE, 6);
    expect(results.every(({ ok }) => !ok)).toBe(true);
    expect(asked).toEqual([[1, 2, 3, 4, 5, 6], [1], [2]]);
    expect(lanes.isHere(osd('a'))).toBe(false);
    expect(lanes.isHere(osd('b'))).toBe(true);
    expect(lanes.leastBusy([copyOn('a'), copyOn('b')], 1)?.osd.name).toBe('b');
    expect(lanes.leastBusy([copyOn('a')], 1)).toBeUndefined();
  });

  it('is given up after a while also where it answers in between', async () => {
    const { lanes } = lanesWith(({ size }) => {
      if (size! % 2 === 0) throw silent();
      return good;
    });
    for (let i = 0; i < 40 && lanes.isHere(osd('a')); i++) {
      await lanes.copy(osd('a'), [job(i)], NOWHERE, 1);
    }
    expect(lanes.isHere(osd('a'))).toBe(false);
  });

  it('is left out of an erasure-coded object, which its other shards may make up for', async () => {
    // The numbers of devices are what the lanes call them.
    const runner: TaskRunner = {
      run: async <Value>(_: string, task: unknown) => {
        const [only] = (task as CopyTask).jobs;
        const keys = only!.ec!.shards.map(({ location: { path } }) => path);
        if (keys.includes('b')) throw silent(8);
        return [good] as Value;
      },
      damage: new Set(),
      close: async () => {},
    };
    const locations = new Map(['a', 'b'].map((key) => [key, location(key)]));
    const devices = {
      of: (path: string) => ({ device: path === '/dev/a' ? '7' : '8', readers: 1 }),
    };
    const lanes = new ReadLanes(runner, devices, locations);
    expect(await lanes.copy(osd('a'), [job(1, 'a', 'b')], NOWHERE, 1)).toEqual([good]);
    expect(lanes.isHere(osd('a'))).toBe(true);
    expect(lanes.isHere(osd('b'))).toBe(false);
  });

  it('fails with other errors as ever', async () => {
    const { lanes } = lanesWith(() => {
      throw new Error('bug');
    });
    await expect(lanes.copy(osd('a'), [job(1)], NOWHERE, 1)).rejects.toThrow('bug');
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

  it('ends when the export is interrupted: what waits is not begun', async () => {
    const stop = new AbortController();
    const { lanes, asked } = lanesWith(() => {
      stop.abort();
      return good;
    }, stop.signal);
    const first = lanes.copy(osd('a'), [job(1)], NOWHERE, 1);
    const second = lanes.copy(osd('a'), [job(2)], NOWHERE, 1);
    expect(await first).toEqual([good]);
    await expect(second).rejects.toThrow(/abort/);
    expect(asked).toEqual([[1]]);
  });
});
