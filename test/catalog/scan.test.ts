import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { RECORD } from '../../src/catalog/record-log.ts';
import type { ShareResult } from '../../src/catalog/scan-messages.ts';
import {
  destinationError,
  sourceIoError,
  unsupportedError,
} from '../../src/errors/salvage-error.ts';
import { memoryStorage } from '../../src/io/catalog-storage.ts';
import type { CatalogStorage, TaskRunner } from '../../src/io/ports.ts';
import { detectOsds } from '../../src/store/detect.ts';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint } from '../helpers/program.ts';
import { bytesStorage } from './bytes-storage.ts';
import { contents, pool, scanInto, smallOsd } from './helpers.ts';

const work = workDirectory();
afterAll(async () => {
  work.dispose();
  await pool.close();
});

const osds = fixtureOsds('basic');
const osd = (n: number) => path.join(osds, String(n));
let serial = 0;
const copy = (n = 0, wanted?: (collection: string) => boolean) =>
  smallOsd(osd(n), path.join(work.path, `osd-${serial++}`), wanted);

/** Files below an OSD's collections, which is how many objects it has. */
const filesOf = (place: string): number =>
  execFileSync('find', [path.join(place, 'current'), '-path', '*_head/*', '-type', 'f'])
    .toString('latin1')
    .split('\n').length - 1;

describe('a scan', () => {
  it('takes in every object of every OSD, and touches nothing', async () => {
    const before = fingerprint(osds);
    const storage = memoryStorage();
    const summaries = await scanInto(storage, [osds]);
    expect(fingerprint(osds)).toBe(before);
    expect(summaries.map((s) => [s.name, s.damageCount])).toEqual([
      ['osd.0', 0],
      ['osd.1', 0],
      ['osd.2', 0],
    ]);
    for (const [n, key] of summaries.map((s, i) => [i, s.key] as const)) {
      const inMeta = readdirSync(path.join(osd(n), 'current/meta')).length;
      expect(summaries[n]!.objects + summaries[n]!.others).toBe(filesOf(osd(n)) + inMeta);
      const stored = contents(storage)[key]!.filter((line) => !line.startsWith('metadata'));
      expect(stored).toHaveLength(summaries[n]!.objects);
    }
  });

  it('keeps an osdmap only when it is newer than those it has', async () => {
    const storage = memoryStorage();
    await scanInto(storage, [osds]);
    const epochs = () => new Catalog(storage).osdMaps().map((map) => map.epoch);
    const first = epochs();
    expect(first.length).toBeGreaterThan(0);
    expect(first).toEqual([...new Set(first)].sort((a, b) => a - b));
    await scanInto(storage, [osds]);
    expect(epochs()).toEqual(first);
  });

  it('of two clusters keeps the osdmap of both', async () => {
    const storage = memoryStorage();
    await scanInto(storage, [osd(0)]);
    await scanInto(storage, [
      path.join(fixtureOsds('leveldb'), '0'),
      path.join(fixtureOsds('stale'), '0'),
    ]);
    const fsids = new Catalog(storage).osdMaps().map((map) => map.clusterFsid);
    expect(new Set(fsids)).toEqual(
      new Set(['basic', 'leveldb', 'stale'].map((f) => truthOf(f).fsid)),
    );
  });

  it('disk after disk gives what one scan of all gives', async () => {
    const [one, all] = [memoryStorage(), memoryStorage()];
    for (const n of [2, 0, 1]) await scanInto(one, [osd(n)]);
    await scanInto(all, [osds]);
    expect(contents(one)).toEqual(contents(all));
    expect([new Catalog(one).unfinished, new Catalog(all).unfinished]).toEqual([false, false]);
  });

  it.each([
    ['one reader', { readers: 1 }],
    ['one reader that may turn out to be too few', { readers: 1, most: 3, spins: true }],
    ['many readers', { readers: 5 }],
  ])('gives the same with %s, and finds nothing changed with any other', async (_, lane) => {
    const [storage, other] = [memoryStorage(), memoryStorage()];
    const lanes = { of: () => ({ device: 'one', ...lane }) };
    await scanInto(storage, [osd(0), osd(1)], { lanes });
    await scanInto(other, [osd(0), osd(1)]);
    expect(contents(storage)).toEqual(contents(other));
    const positions = () => new Catalog(storage).osds().flatMap(({ segments }) => segments);
    const before = new Set(positions().map(({ position }) => position));
    await scanInto(storage, [osd(0), osd(1)]);
    await scanInto(storage, [osd(0), osd(1)], { lanes });
    expect(contents(storage)).toEqual(contents(other));
    const fresh = positions().filter(({ position }) => !before.has(position));
    expect(fresh.flatMap(({ units }) => units)).toEqual([]);
    const directories = new Catalog(other).osds().flatMap(({ segments }) => segments);
    const units = directories.flatMap((segment) => segment.units);
    // By both scans that came after.
    expect(fresh.flatMap((segment) => segment.kept())).toHaveLength(2 * units.length);
  });

  /** Answers of all parts, and how many were scanned at once, where a device seems to list at some speed. */
  async function watched(storage: CatalogStorage, seconds?: number) {
    const shares: ShareResult[] = [];
    let [active, most] = [0, 0];
    const runner: TaskRunner = {
      ...pool,
      spare: 1,
      async run<T>(name: string, task: unknown, transfer?: readonly object[]): Promise<T> {
        if (name !== 'scan') return pool.run<T>(name, task, transfer);
        most = Math.max(most, ++active);
        const share = await pool.run<ShareResult>(name, task, transfer);
        active--;
        shares.push(share);
        return (seconds === undefined ? share : { ...share, listed: 1000, seconds }) as T;
      },
    };
    const lanes = { of: () => ({ device: 'one', readers: 1, most: 2, spins: true }) };
    await scanInto(storage, [osd(0)], { lanes, runner });
    return { most, shares };
  }

  it('has one reader for a disk that spins, and more once it seems to be none', async () => {
    expect((await watched(memoryStorage(), 10)).most).toBe(1);
    expect((await watched(memoryStorage(), 0.1)).most).toBe(2);
  });

  it('tells how many directories it has listed, of those that it knows none', async () => {
    const storage = memoryStorage();
    const listed = async () =>
      (await watched(storage)).shares.reduce((sum, share) => sum + share.listed, 0);
    const first = await listed();
    const segments = new Catalog(storage).osds().flatMap((one) => one.segments);
    expect(first).toBe(segments.flatMap(({ units }) => units).length);
    expect(first).toBeGreaterThan(0);
    expect(await listed()).toBe(0);
  });

  it('tells of metadata whose database is gone', async () => {
    const place = copy();
    rmSync(path.join(place, 'current/omap'), { recursive: true });
    const storage = memoryStorage();
    const [summary] = await scanInto(storage, [place]);
    expect(summary!.damageCount).toBeGreaterThan(0);
    expect(summary!.error).toBeUndefined();
    const headers = new Catalog(storage)
      .osds()[0]!
      .rbdMetadata()
      .filter((o) => o.omap === undefined);
    expect(headers.some((o) => o.problem?.includes('omap database'))).toBe(true);
  });

  it('goes on with the others when one OSD fails', async () => {
    const [bad, good] = [copy(0), copy(1)];
    const found = [...detectOsds(bad).osds, ...detectOsds(good).osds];
    rmSync(bad, { recursive: true });
    const storage = memoryStorage();
    const { CatalogScan } = await import('../../src/catalog/scan.ts');
    const progress = { begin: () => {}, advance: () => {}, end: () => {} };
    const lanes = { of: () => ({ device: 'one', readers: 1 }) };
    const scan = new CatalogScan(new Catalog(storage), { runner: pool, lanes, progress });
    const summaries = await scan.run(found);
    expect(summaries.map((s) => s.error !== undefined)).toEqual([true, false]);
    expect(summaries[1]!.objects).toBeGreaterThan(100);
  });

  it('keeps what tasks posted before one of them failed, and begins no more', async () => {
    const [whole, storage] = [memoryStorage(), memoryStorage()];
    await scanInto(whole, [osd(0)]);
    let begun = 0;
    let fail = () => {};
    const failed = new Promise<void>((resolve) => {
      fail = resolve;
    });
    const runner: TaskRunner = {
      ...pool,
      async run<T>(name: string, task: unknown, transfer?: readonly object[]): Promise<T> {
        const nth = name === 'scan' ? begun++ : -1;
        const answer = await pool.run<T>(name, task, transfer);
        if (nth === 1) {
          fail();
          // As when the thread is given up right behind its last segment.
          throw sourceIoError('no answer from the disk', { errno: 'ETIMEDOUT' });
        }
        // Others could be through with all parts before its thread has started.
        if (nth >= 0) await failed;
        return answer;
      },
    };
    const [summary] = await scanInto(storage, [osd(0)], { runner });
    expect(summary!.error).toContain('no answer from the disk');
    expect(summary!.damage.map(({ reason }) => reason)).toContain(
      '1 of 8 parts of it were looked at in part only, 6 not at all',
    );
    // Two at a time of eight: those that were under way.
    expect(begun).toBe(2);
    const types = new Catalog(storage).log.entries.map(({ type }) => type);
    expect(types.filter((type) => type === RECORD.segment)).toHaveLength(begun);
    expect(types.lastIndexOf(RECORD.segment)).toBeLessThan(types.indexOf(RECORD.osdEnd));
    const [all, kept] = [whole, storage].map((s) => Object.values(contents(s))[0]!);
    expect(kept!.length).toBeGreaterThan(0);
    expect(kept!.length).toBeLessThan(all!.length);
    expect(all).toEqual(expect.arrayContaining(kept!));
  });

  it('goes on with the other parts where one cannot be scanned for a reason of its own', async () => {
    const storage = memoryStorage();
    let begun = 0;
    const runner: TaskRunner = {
      ...pool,
      async run<T>(name: string, task: unknown, transfer?: readonly object[]): Promise<T> {
        const nth = name === 'scan' ? begun++ : -1;
        if (nth === 1 || nth === 4) throw unsupportedError(`part ${nth} is too large`);
        return pool.run<T>(name, task, transfer);
      },
    };
    const [summary] = await scanInto(storage, [osd(0)], { runner });
    expect(begun).toBe(8);
    expect(summary!.error).toBe('part 1 is too large');
    expect(summary!.damage.map(({ reason }) => reason)).toEqual([
      '2 of 8 parts of it were looked at in part only, 0 not at all',
      'part 4 is too large',
      'part 1 is too large',
    ]);
  });

  it('ends when the catalog cannot be written to', async () => {
    const storage = memoryStorage();
    const full = {
      ...storage,
      append: (bytes: Uint8Array) => {
        if (bytes.length > 2000) throw destinationError('no space left on device');
        storage.append(bytes);
      },
    };
    await expect(scanInto(full, [osd(0)])).rejects.toMatchObject({ code: 'DESTINATION' });
  });
});

describe('a scan whose catalog fails', () => {
  it('does not put it down to an OSD', async () => {
    const storage = memoryStorage();
    const unreadable = {
      ...storage,
      read: (at: number, length: number) => {
        if (length === 8) throw sourceIoError('input/output error', { errno: 'EIO' });
        return storage.read(at, length);
      },
    };
    await expect(scanInto(unreadable, [osd(0)])).rejects.toMatchObject({ code: 'DESTINATION' });
    const types = new Catalog(storage).log.entries.map(({ type }) => type);
    expect(types).not.toContain(RECORD.osdEnd);
  });
});

describe('scanning again', () => {
  /** Scans a copy, changes it, scans again: what the second scan listed, and whether all is right. */
  async function rescanned(change: (place: string) => void) {
    const place = copy();
    const storage = memoryStorage();
    await scanInto(storage, [place]);
    change(path.join(place, 'current'));
    const known = new Set(new Catalog(storage).osds()[0]!.segments.map((s) => s.position));
    const [summary] = await scanInto(storage, [place]);
    const fresh = memoryStorage();
    const [freshSummary] = await scanInto(fresh, [place]);
    expect(contents(storage)).toEqual(contents(fresh));
    expect([summary!.objects, summary!.others]).toEqual([
      freshSummary!.objects,
      freshSummary!.others,
    ]);
    const catalog = new Catalog(storage);
    expect([catalog.unfinished, catalog.problems]).toEqual([false, []]);
    const segments = catalog.osds()[0]!.segments.filter((s) => !known.has(s.position));
    return {
      listed: segments
        .flatMap((s) => s.units.map((unit) => Buffer.from(unit[0]).toString()))
        .sort(),
      kept: segments.flatMap((s) => s.kept()).length,
    };
  }
  const data = 'rbd\\udata.1.0000000000000001__head_00000000__2';

  it('lists nothing when nothing has changed', async () => {
    const { listed, kept } = await rescanned(() => {});
    expect(listed).toEqual([]);
    expect(kept).toBe(
      readdirSync(path.join(osd(0), 'current')).filter((n) => n === 'meta' || n.endsWith('_head'))
        .length,
    );
  });

  it.each([
    ['added', ['2.0_head'], (c: string) => writeFileSync(`${c}/2.0_head/${data}`, '')],
    [
      'removed',
      ['2.1_head'],
      (c: string) =>
        rmSync(`${c}/2.1_head/${readdirSync(`${c}/2.1_head`).find((n) => n.includes('udata'))}`),
    ],
    [
      'renamed',
      ['2.2_head'],
      (c: string) => {
        const name = readdirSync(`${c}/2.2_head`).find((n) => n.includes('udata'))!;
        renameSync(`${c}/2.2_head/${name}`, `${c}/2.2_head/${data}`);
      },
    ],
    [
      'moved into a new index directory',
      ['2.3_head', '2.3_head/DIR_3'],
      (c: string) => {
        const name = readdirSync(`${c}/2.3_head`).find((n) => n.includes('udata'))!;
        mkdirSync(`${c}/2.3_head/DIR_3`);
        renameSync(`${c}/2.3_head/${name}`, `${c}/2.3_head/DIR_3/${name}`);
      },
    ],
  ])('lists only the directories where a file was %s', async (_, expected, change) => {
    expect((await rescanned(change)).listed).toEqual(expected);
  });

  it('forgets a collection that is gone', async () => {
    expect((await rescanned((c) => rmSync(`${c}/2.0_head`, { recursive: true }))).listed).toEqual(
      [],
    );
  });

  it('keeps what it knows of a directory that can no longer be read', async () => {
    const place = copy();
    const storage = memoryStorage();
    await scanInto(storage, [place]);
    const before = contents(storage);
    const collection = path.join(place, 'current/2.0_head');
    renameSync(collection, path.join(place, 'aside'));
    writeFileSync(path.join(place, 'target'), '');
    execFileSync('ln', ['-s', '../target', collection]);
    const lines = (all: Record<string, string[]>) =>
      Object.values(all)[0]!.filter((line) => line.startsWith('2.0_head')).length;
    for (let again = 0; again < 3; again++) {
      const [summary] = await scanInto(storage, [place]);
      expect(summary!.damageCount).toBeGreaterThan(0);
      expect(lines(contents(storage))).toBe(lines(before));
    }
    rmSync(collection);
    renameSync(path.join(place, 'aside'), collection);
    await scanInto(storage, [place]);
    expect(contents(storage)).toEqual(before);
  });

  it('keeps what it knows of an OSD that fails altogether', async () => {
    const place = copy();
    const storage = memoryStorage();
    await scanInto(storage, [place]);
    const lanes = {
      of: () => {
        throw Object.assign(destinationError('gone'), { code: 'SOURCE_IO' });
      },
    };
    const [summary] = await scanInto(storage, [place], { lanes });
    expect(summary!.error).toBeDefined();
    const fresh = memoryStorage();
    await scanInto(fresh, [place]);
    expect(contents(storage)).toEqual(contents(fresh));
  });
});

describe('a catalog', () => {
  let bytes: Buffer;
  let place: string;
  let fresh: Record<string, string[]>;
  let starts: number[];
  beforeAll(async () => {
    place = copy(0, (collection) => collection === '2.0_head');
    const storage = bytesStorage();
    await scanInto(storage, [place]);
    bytes = storage.bytes;
    fresh = contents(bytesStorage(bytes));
    starts = new Catalog(bytesStorage(bytes)).log.entries.map((entry) => entry.at);
  });

  it('that was cut off is known to be unfinished, wherever that was', () => {
    const near = new Set(starts.flatMap((at) => Array.from({ length: 60 }, (_, i) => at - 30 + i)));
    for (let n = 0; n < bytes.length; n++) {
      if (!near.has(n) && n % 97 !== 0) continue;
      const catalog = new Catalog(bytesStorage(bytes.subarray(0, n)));
      catalog.osds();
      expect(catalog.unfinished, `${n} bytes`).toBe(true);
    }
    expect(new Catalog(bytesStorage(bytes)).unfinished).toBe(false);
  });

  it('that was cut off is completed by the next scan', async () => {
    for (const at of [
      0,
      5,
      16,
      ...starts.flatMap((start) => [start - 24, start - 3, start, start + 9]),
    ]) {
      const storage = bytesStorage(bytes.subarray(0, at));
      await scanInto(storage, [place]);
      expect(contents(storage), `cut at ${at}`).toEqual(fresh);
      const catalog = new Catalog(storage);
      expect([catalog.unfinished, catalog.problems], `cut at ${at}`).toEqual([false, []]);
    }
  });

  /** Opens a damaged catalog and reads all of it: the complaint, or nothing when all is as it was. */
  function complaint(damaged: Buffer): string | undefined {
    const catalog = new Catalog(bytesStorage(damaged));
    try {
      catalog.osdMaps();
      const same = JSON.stringify(contents(bytesStorage(damaged))) === JSON.stringify(fresh);
      catalog.osds();
      if (catalog.unfinished || catalog.problems.length > 0)
        return catalog.problems[0] ?? 'unfinished';
      return same ? undefined : 'SILENT';
    } catch (error) {
      expect(error).toMatchObject({ code: 'CORRUPT' });
      return (error as Error).message;
    }
  }

  it('with a bit flipped says so, or is none the worse', () => {
    const near = new Set(starts.flatMap((at) => Array.from({ length: 50 }, (_, i) => at - 24 + i)));
    for (let at = 16; at < bytes.length; at++) {
      if (!near.has(at) && at % 211 !== 0) continue;
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 1 << (at % 8);
      expect(complaint(damaged), `byte ${at}`).not.toBe('SILENT');
    }
  });

  it('with a bit flipped is made good by the next scan', async () => {
    const entries = new Catalog(bytesStorage(bytes)).log.entries;
    for (const { at, length, type } of entries) {
      for (const flipped of [at - 20, at, at + Math.floor(length / 2), at + length - 1]) {
        const damaged = Buffer.from(bytes);
        damaged[flipped]! ^= 4;
        const storage = bytesStorage(damaged);
        await scanInto(storage, [place]);
        const what = `record type ${type}, byte ${flipped}`;
        expect(contents(storage), what).toEqual(fresh);
        const catalog = new Catalog(storage);
        catalog.osds();
        expect(catalog.unfinished, what).toBe(false);
      }
    }
  });

  it('with a damaged record of one OSD keeps the others', async () => {
    const storage = bytesStorage();
    await scanInto(storage, [osd(0)]);
    const firstEnd = storage.size();
    await scanInto(storage, [osd(1)]);
    const segment = new Catalog(storage).log.entries.find((e) => e.type === RECORD.osdBegin)!;
    storage.bytes[segment.at - 24]! ^= 1;
    const catalog = new Catalog(storage);
    expect(segment.at).toBeLessThan(firstEnd);
    expect(catalog.unfinished).toBe(true);
    expect(catalog.osds().map((o) => o.identity.whoami)).toEqual([1]);
  });

  it('tells of an OSD whose scan was never finished', async () => {
    const storage = bytesStorage(bytes);
    const end = new Catalog(storage).log.entries.findLast((e) => e.type === RECORD.osdEnd)!;
    storage.truncate(end.at - 24);
    await scanInto(storage, [osd(1)]);
    const catalog = new Catalog(storage);
    expect(catalog.unfinished).toBe(false);
    expect(catalog.problems).toEqual([expect.stringContaining('osd.0 was not finished')]);
  });

  it('copied elsewhere says the same', () => {
    const file = path.join(work.path, 'copied');
    writeFileSync(file, bytes);
    cpSync(file, `${file}-2`);
    expect(contents(bytesStorage(readFileSync(`${file}-2`)))).toEqual(fresh);
  });
});
