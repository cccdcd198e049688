import { describe, expect, it } from 'vitest';
import type { CatalogOsd } from '../../src/catalog/catalog.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import type { SnapSet } from '../../src/ceph/snapset.ts';
import { erasureCode } from '../../src/ec/erasure-code.ts';
import { destinationError, sourceIoError } from '../../src/errors/salvage-error.ts';
import type { CopyJob, CopyResult } from '../../src/export/copy-objects.ts';
import { copyPlans, noteUnreachable } from '../../src/export/copy-plans.ts';
import { noteBegun, noteDone } from '../../src/export/copy-progress.ts';
import { CopyQueue } from '../../src/export/copy-queue.ts';
import type { CopyTask } from '../../src/export/copy-tasks.ts';
import { LossMap } from '../../src/export/loss-map.ts';
import type { ObjectPlan } from '../../src/export/plan.ts';
import { ReadLanes } from '../../src/export/read-lanes.ts';
import type { ObjectCopy } from '../../src/image/object-candidates.ts';
import type { TaskRunner } from '../../src/io/ports.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';

const BASE = 1000;

const copyOn = (osd: number, shard = -1) =>
  ({
    osd: { name: `osd.${osd}`, index: osd, catalog: { key: `${osd}` } },
    ref: { id: { pool: 7, shard } },
  }) as unknown as ObjectCopy;

function planOf(copies: ObjectCopy[], parts: Partial<ObjectPlan> = {}): ObjectPlan {
  return {
    ...{ object: 'rbd_data.1.0', pg: '7.0', copies, lastResort: [], erasure: undefined },
    ...{ size: 8, digest: undefined, version: "60'5", doubt: undefined, unexamined: false },
    ...{ layer: { snapId: NOSNAP } as ObjectPlan['layer'], pieces: [0, 8, BASE] },
    ...parts,
  } as ObjectPlan;
}

/** What a copy from an OSD comes to, and what it leaves in the image. */
type Copier = (job: CopyJob, out: Buffer) => CopyResult;
const done: CopyResult = { ok: true, read: 8, written: 8, bad: [] };

const lanesOf = (parts: object): ReadLanes =>
  ({
    leastBusy: (copies: readonly ObjectCopy[]) => copies[0],
    isPreferred: () => false,
    queue: new CopyQueue({
      deviceOf: ({ osd }) => ({ device: osd.name, readers: 1 }),
      mayHelp: () => false,
      move: () => {},
      drop: () => {},
    }),
    located: () => [],
    noteFault: () => {},
    ...parts,
  }) as unknown as ReadLanes;

async function run(plan: ObjectPlan, byOsd: Record<string, Copier>) {
  const buffer = new SharedArrayBuffer(8);
  const out = Buffer.from(buffer);
  const lanes = lanesOf({
    copy: async ({ key }: CatalogOsd, jobs: CopyJob[]) => jobs.map((job) => byOsd[key]!(job, out)),
  });
  const losses = { lost: new LossMap(), doubtful: new LossMap() };
  const target = { kind: 'memory', buffer, base: BASE } as const;
  const outcome = await copyPlans([plan], lanes, target, 'digest', losses);
  return {
    outcome,
    bytes: out.toString('latin1'),
    lost: losses.lost.ranges(),
    doubtful: losses.doubtful.ranges(),
  };
}

const rotten: Copier = (_, out) => {
  out.write('garbage!');
  return { ok: false, failure: 'digest', reason: 'crc32c is wrong' };
};
const deleted: Copier = () => ({ ok: false, failure: 'whiteout', reason: '' });
const unreadable: Copier = () => ({ ok: false, failure: 'unreadable', reason: 'EIO' });

describe('an object that a copy has as deleted', () => {
  it('is gone without a word where that copy is the first', async () => {
    const { outcome, doubtful } = await run(planOf([copyOn(0), copyOn(1)]), { 0: deleted });
    expect(outcome.gone).toHaveLength(1);
    expect(doubtful).toEqual([]);
  });

  it('leaves nothing behind of a copy that failed before, and is doubtful', async () => {
    const plan = planOf([copyOn(0), copyOn(1)]);
    const { outcome, bytes, lost, doubtful } = await run(plan, { 0: rotten, 1: deleted });
    expect(outcome.gone).toEqual([plan]);
    expect(bytes).toBe('\0'.repeat(8));
    expect(lost).toEqual([]);
    expect(doubtful).toMatchObject([
      { offset: BASE, length: 8, reason: expect.stringMatching(/crc32c.*osd\.1/) },
    ]);
  });
});

describe('a batch that takes long', () => {
  it('is told of object by object, once, but not of what is doubtful or not whole', async () => {
    const told: (readonly number[])[] = [];
    let look = () => {};
    let watched = 0;
    const losses = {
      ...{ lost: new LossMap(), doubtful: new LossMap() },
      copied: (pieces: readonly number[]) => void told.push(pieces),
      watch: (own: () => void) => {
        look = own;
        watched++;
        return () => void watched--;
      },
    };
    const during: number[] = [];
    const partly: CopyResult = { ...done, bad: [{ piece: [4, 4, 36], reason: 'EIO' }] };
    const results = [done, unreadable({} as CopyJob, Buffer.alloc(8)), done, done, partly];
    const copy = async (...[, jobs, , progress]: Parameters<ReadLanes['copy']>) => {
      if (jobs.length < results.length) return jobs.map(() => results[1]);
      for (const [i, result] of results.entries()) {
        // The last but one is done without a word.
        noteBegun(progress!, i);
        if (i !== 3) noteDone(progress!, i, result);
        look();
        during.push(told.length);
      }
      return results;
    };
    const copyOf = copyOn(0);
    const plans = results.map((_, i) =>
      planOf([copyOf], { pieces: [0, 8, i * 8], ...(i === 2 && { doubt: 'old' }) }),
    );
    const lanes = lanesOf({ copy });
    await copyPlans(plans, lanes, { kind: 'none' }, 'digest', losses);
    expect(during).toEqual([1, 1, 1, 1, 1]);
    expect(told.map(([, , at]) => at)).toEqual([0, 24]);
    expect(watched).toBe(0);
  });

  it('is told of as far as it came where it fails', async () => {
    const told: (readonly number[])[] = [];
    const losses = {
      ...{ lost: new LossMap(), doubtful: new LossMap() },
      copied: (pieces: readonly number[]) => void told.push(pieces),
      watch: () => () => {},
    };
    const copy = async (...[, , , progress]: Parameters<ReadLanes['copy']>) => {
      noteBegun(progress!, 0);
      noteDone(progress!, 0, done);
      throw new Error('ENOSPC');
    };
    const plans = [0, 1].map((i) => planOf([copyOn(0)], { pieces: [0, 8, i * 8] }));
    const copying = copyPlans(plans, lanesOf({ copy }), { kind: 'none' }, 'digest', losses);
    await expect(copying).rejects.toThrow('ENOSPC');
    expect(told).toEqual([[0, 8, 0]]);
  });
});

describe('a disk that falls silent in the middle of a batch', () => {
  /** What a worker does with a job: its outcome, or nothing, when the disk does not answer. */
  type Worker = (job: CopyJob, place: string, out: Buffer) => CopyResult | undefined;

  const silence = (place: string) =>
    sourceIoError('silent', { errno: 'ETIMEDOUT', device: `/dev/${place}` as never });

  /** The device that osd.3 and others keep their databases on. */
  const databaseSilence = sourceIoError('silent', {
    ...{ errno: 'ETIMEDOUT', device: 'nvme' as never, owner: '/dev/3' as never },
  });

  /** Copies plans with real lanes, each OSD on a disk of its own, and shows which jobs each was asked for. */
  async function copied(plans: ObjectPlan[], osds: number, worker: Worker, signal?: AbortSignal) {
    const buffer = new SharedArrayBuffer(8 * plans.length);
    const out = Buffer.from(buffer);
    const asked: string[] = [];
    let look = () => {};
    const runner: TaskRunner = {
      run: async <Value>(_: string, task: unknown) => {
        const { location, jobs, progress } = task as CopyTask;
        const places = jobs.map(({ pieces }) => pieces[2]! / 8);
        asked.push(`${location.path}: ${places.join(' ')}`);
        return jobs.map((job, i) => {
          noteBegun(progress, i);
          const at = job.pieces[2]!;
          if (job.overwrite) out.fill(0, at, at + 8);
          const result = worker(job, location.path, out.subarray(at, at + 8));
          if (result === undefined) throw silence('0');
          noteDone(progress, i, result);
          look();
          return result;
        }) as Value;
      },
      damage: new Set(),
      close: async () => {},
    };
    const places = Array.from({ length: osds }, (_, i) => ({
      dataPath: `/dev/${i}`,
      path: `${i}`,
    }));
    const lanes = new ReadLanes(
      ...([runner, { of: (device: string) => ({ device, readers: 1 }) }] as const),
      ...([new Map(places.map((one) => [one.path, one as OsdLocation])), [], signal] as const),
    );
    const told: number[] = [];
    const losses = {
      ...{ lost: new LossMap(), doubtful: new LossMap() },
      copied: ([, , at]: readonly number[]) => void told.push(at! / 8),
      watch: (own: () => void) => {
        look = own;
        return () => {};
      },
    };
    const target = { kind: 'memory', buffer, base: 0 } as const;
    const ended = await copyPlans(plans, lanes, target, 'digest', losses).catch((error) => error);
    const lost = losses.lost.ranges().map(({ offset, length }) => [offset / 8, length / 8]);
    const text = out.toString('latin1').replaceAll('\0', '.');
    return { ended, asked, told: told.sort(), lost, text, doubtful: losses.doubtful.ranges() };
  }

  const plansOn = (count: number, copies: ObjectCopy[], parts: Partial<ObjectPlan> = {}) =>
    Array.from({ length: count }, (_, i) => planOf(copies, { pieces: [0, 8, i * 8], ...parts }));

  it('keeps what it gave by then, and loses only what it has alone', async () => {
    let isDead = false;
    const worker: Worker = ({ pieces }, place, out) => {
      isDead ||= pieces[2] === 8;
      if (isDead && place === '0') return undefined;
      out.write(`osd.${place}`);
      return done;
    };
    const { asked, told, lost, text } = await copied(plansOn(4, [copyOn(0)]), 1, worker);
    expect(asked).toEqual(['0: 0 1 2 3', '0: 1', '0: 2 3']);
    expect(told).toEqual([0]);
    // The last two for another reason: the disk is given up.
    expect(lost).toEqual([
      [1, 1],
      [2, 2],
    ]);
    expect(text).toBe(`osd.0${'.'.repeat(27)}`);
  });

  it('leaves what it has not begun to the others', async () => {
    const worker: Worker = (_, place, out) => {
      if (place === '0') return undefined;
      out.write(`osd.${place}`);
      return done;
    };
    const copies = [copyOn(0), copyOn(1)];
    const { asked, lost, text } = await copied(plansOn(4, copies), 2, worker);
    expect(lost).toEqual([]);
    expect(text).toBe('osd.1...'.repeat(4));
    // One object is asked for, alone as well, and at most one more until that disk is given up.
    expect(asked.filter((task) => task.startsWith('0')).length).toBeLessThanOrEqual(3);
  });

  it('leaves nothing behind of what is asked for again', async () => {
    let isFirst = true;
    const worker: Worker = ({ pieces }, _, out) => {
      if (!isFirst) {
        // The rest of it is zeros, which are not written.
        out.write('good');
        return done;
      }
      out.write('garbage!');
      if (pieces[2] === 0) return { ok: false, failure: 'digest', reason: 'crc32c is wrong' };
      isFirst = false;
      return undefined;
    };
    const { told, lost, text, doubtful } = await copied(plansOn(2, [copyOn(0)]), 1, worker);
    expect([told, lost, doubtful]).toEqual([[0, 1], [], []]);
    expect(text).toBe('good....good....');
  });

  it('is one shard less, whichever disk an object waits for', async () => {
    const shards = [0, 1, 2].map((i) => copyOn(i, i));
    const worker: Worker = ({ ec }, _, out) => {
      if (ec!.shards.some(({ location: { path } }) => path === '0')) return undefined;
      out.write('whole');
      return done;
    };
    const erasure = { profile: [], stripeWidth: 8 };
    const plans = plansOn(6, shards, { erasure });
    const { asked, told, lost } = await copied(plans, 3, worker);
    expect([told, lost]).toEqual([[0, 1, 2, 3, 4, 5], []]);
    expect(asked.filter((task) => task.startsWith('0'))).toHaveLength(1);
  });

  it('leaves enough shards also where two disks do', async () => {
    const shards = [0, 1, 2, 3].map((i) => copyOn(i, i));
    const worker: Worker = ({ ec }, _, out) => {
      const places = ec!.shards.map(({ location: { path } }) => path);
      const silent = places.find((place) => place === '0' || place === '1');
      if (silent !== undefined) throw silence(silent);
      out.write('whole');
      return done;
    };
    const plans = plansOn(1, shards, { erasure: { profile: [], stripeWidth: 8 } });
    const { asked, told, lost } = await copied(plans, 4, worker);
    expect([told, lost]).toEqual([[0], []]);
    // Each of them once.
    expect(asked).toHaveLength(3);
  });

  it('is not stood in for by another where copies are whole', async () => {
    const worker: Worker = ({ ec }, place, out) => {
      if (place === '0' || ec?.shards.some(({ location: { path } }) => path === '0')) {
        return undefined;
      }
      out.write(ec === undefined ? 'stale' : 'whole');
      return done;
    };
    const shards = [0, 1, 2].map((i) => copyOn(i, i));
    const erasure = { profile: [], stripeWidth: 8 };
    const plans = [
      ...plansOn(2, shards, { erasure }),
      ...[2, 3].map((i) => planOf([copyOn(0)], { pieces: [0, 8, i * 8] })),
    ];
    const { lost, text } = await copied(plans, 3, worker);
    expect(text).toBe('whole...whole...................');
    expect(lost).toEqual([[2, 2]]);
  });

  it('may come back where a device is silent that several OSDs keep their databases on', async () => {
    const shards = [0, 1, 2, 3].map((i) => copyOn(i, i));
    let silences = 0;
    const worker: Worker = (_, __, out) => {
      if (++silences <= 2) {
        throw databaseSilence;
      }
      out.write('whole');
      return done;
    };
    const erasure = { profile: [], stripeWidth: 8 };
    const plans = [
      ...plansOn(2, shards, { erasure }),
      ...[2, 3].map((i) => planOf([copyOn(3)], { pieces: [0, 8, i * 8] })),
    ];
    const { told, lost } = await copied(plans, 4, worker);
    expect([told, lost]).toEqual([[0, 1, 2, 3], []]);
  });

  it('is given up where the database of its shards is silent for good, and no other is', async () => {
    const shards = [0, 1, 2, 3].map((i) => copyOn(i, i));
    const worker: Worker = ({ ec }, _, out) => {
      if (ec?.shards.some(({ location: { path } }) => path === '3')) {
        throw databaseSilence;
      }
      out.write('whole');
      return done;
    };
    const erasure = { profile: [], stripeWidth: 8 };
    const plans = [
      ...plansOn(4, shards, { erasure }),
      ...[4, 5, 6].map((i) => planOf([copyOn(i - 4)], { pieces: [0, 8, i * 8] })),
    ];
    const { told, lost, doubtful } = await copied(plans, 4, worker);
    expect([told, lost, doubtful]).toEqual([[0, 1, 2, 3, 4, 5, 6], [], []]);
  });

  it('is blamed for the device that its database lies on', async () => {
    const worker: Worker = () => {
      throw silence('another');
    };
    const { asked, lost } = await copied(plansOn(8, [copyOn(0)]), 1, worker);
    expect(lost.reduce((sum, [, n]) => sum + n!, 0)).toBe(8);
    expect(asked).toHaveLength(3);
  });

  it('ends nothing where it is the destination that does not answer: that does', async () => {
    const worker: Worker = () => {
      throw destinationError('cannot write /mnt/x', { path: '/mnt/x', errno: 'ETIMEDOUT' });
    };
    const { ended, asked } = await copied(plansOn(2, [copyOn(0)]), 1, worker);
    expect(ended).toMatchObject({ code: 'DESTINATION' });
    expect(asked).toEqual(['0: 0 1']);
  });
});

describe('an object that no copy of can be read', () => {
  const clone = { objectNo: 0, clone: 8n, snapSet: {} as SnapSet };

  it('is lost where it is a head', async () => {
    const { outcome, lost } = await run(planOf([copyOn(0)]), { 0: unreadable });
    expect(outcome.bereft).toEqual([]);
    expect(lost).toMatchObject([{ offset: BASE, length: 8, reason: expect.stringMatching(/EIO/) }]);
  });

  it('is handed back where it is a clone: a newer object may have its bytes', async () => {
    const { outcome, lost } = await run(planOf([copyOn(0)], { clone }), { 0: unreadable });
    expect(outcome.bereft).toMatchObject([
      { plan: { clone }, reason: expect.stringMatching(/EIO/) },
    ]);
    expect(lost).toEqual([]);
  });

  it('is handed back with the pieces that are missing, zeroed', async () => {
    const partly: Copier = (job, out) => {
      if (!job.salvage) return unreadable(job, out);
      out.write('good....');
      return { ...done, bad: [{ piece: [4, 4, BASE + 4], reason: 'EIO' }] };
    };
    const { outcome, bytes } = await run(planOf([copyOn(0)], { clone }), { 0: partly });
    expect(outcome.bereft[0]!.plan.pieces).toEqual([4, 4, BASE + 4]);
    expect(bytes).toBe('good\0\0\0\0');
  });
});

describe('noteUnreachable', () => {
  const profile = [
    ['plugin', 'jerasure'],
    ['technique', 'reed_sol_van'],
    ['k', '2'],
    ['m', '1'],
  ] as [string, string][];
  const erasure = { profile, stripeWidth: 8192 };
  const code = erasureCode(new Map(profile));
  const layer = { image: { cluster: { erasureOf: () => ({ ...erasure, code }) } } };

  function noted(here: string[], parts: Partial<ObjectPlan>) {
    const lanes = { isHere: ({ key }: CatalogOsd) => here.includes(key) } as unknown as ReadLanes;
    const losses = { lost: new LossMap(), doubtful: new LossMap() };
    const shards = [0, 1, 2].map((id) => copyOn(id, id));
    const own = { layer: layer as unknown as ObjectPlan['layer'], ...parts };
    noteUnreachable(planOf(shards, own), lanes, losses);
    return { lost: losses.lost.ranges(), doubtful: losses.doubtful.ranges() };
  }

  it('has nothing to say of an object enough shards of which are at hand', () => {
    expect(noted(['0', '2'], { erasure })).toEqual({ lost: [], doubtful: [] });
  });

  it('calls an object lost that fewer shards of are at hand than make it', () => {
    const { lost, doubtful } = noted(['2'], { erasure, doubt: 'stale' });
    expect(lost).toMatchObject([
      { length: 8, reason: expect.stringMatching(/1 of its 3 shards \(number 2\)/) },
    ]);
    expect(doubtful).toEqual([]);
  });

  it('calls one lost that no copy of is at hand', () => {
    expect(noted([], {}).lost).toMatchObject([{ reason: expect.stringMatching(/not at hand/) }]);
  });
});
