import { spawnSync } from 'node:child_process';
import type * as Fs from 'node:fs';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { Catalog, owned } from '../../src/catalog/catalog.ts';
import { pack } from '../../src/catalog/packing.ts';
import { RECORD } from '../../src/catalog/record-log.ts';
import { SegmentBuilder } from '../../src/catalog/segment-builder.ts';
import { clustersOf } from '../../src/image/clusters-of.ts';
import { ObjectTable } from '../../src/image/object-table.ts';
import { memoryStorage } from '../../src/io/catalog-storage.ts';
import { native } from '../../src/io/native.ts';
import type { KnownUnit } from '../../src/store/filestore/filestore-scan.ts';
import type { ObjectSink, OsdLocation } from '../../src/store/object-store.ts';
import { scanShare, scanShares } from '../../src/store/scan-store.ts';
import { type CallCounts, clearCounts, countNative } from '../helpers/count-calls.ts';
import { workDirectory } from '../helpers/fixtures.ts';
import { BIN } from '../helpers/program.ts';

/**
 * What a scan costs that no clock is needed for: system calls, bytes, memory. Each limit is a little
 * above what it is now; a stat or a string for each object would be many times above it.
 */

const { calls } = vi.hoisted(() => ({
  calls: { count: 0, byName: {}, bytes: {} } as CallCounts,
}));

vi.mock('node:fs', async (load) => {
  const { countingFs } = await import('../helpers/count-calls.ts');
  return countingFs(await load<typeof Fs>(), calls);
});

const DIRECTORIES = 16;
const FILES = 500;
const work = workDirectory();
afterAll(work.dispose);

/** An OSD with 16 index directories of `files` objects each. */
function makeOsd(name: string, files: number): string {
  const osd = path.join(work.path, name);
  for (const [file, text] of Object.entries({ whoami: '0', type: 'filestore' })) {
    mkdirSync(osd, { recursive: true });
    writeFileSync(path.join(osd, file), `${text}\n`);
  }
  mkdirSync(path.join(osd, 'current/meta'), { recursive: true });
  for (let i = 0; i < DIRECTORIES; i++) {
    const digit = i.toString(16).toUpperCase();
    const directory = path.join(osd, 'current/2.0_head', `DIR_${digit}`);
    mkdirSync(directory, { recursive: true });
    for (let n = 0; n < files; n++) {
      const number = (n * DIRECTORIES + i).toString(16).padStart(16, '0');
      const hash = `${(n * 65_599).toString(16).toUpperCase().padStart(7, '0').slice(-7)}${digit}`;
      writeFileSync(path.join(directory, `rbd\\udata.7${n % 9}.${number}__head_${hash}__2`), '');
    }
  }
  return osd;
}

let small = '';
let large = '';
beforeAll(() => {
  small = makeOsd('small', FILES);
  large = makeOsd('large', 2 * FILES);
  countNative(native, calls);
});
beforeEach(() => clearCounts(calls));

/** Notes the stamps of directories while it passes everything on. */
function notingUnits(sink: SegmentBuilder, units: Map<string, KnownUnit>): ObjectSink {
  let current = '';
  const begin = sink.beginUnit.bind(sink);
  const end = sink.endUnit.bind(sink);
  return Object.assign(sink, {
    beginUnit(at: Uint8Array) {
      current = Buffer.from(at).toString('latin1');
      begin(at);
    },
    endUnit(stamp: KnownUnit['stamp'], subdirectories: readonly string[]) {
      units.set(current, { stamp, subdirectories });
      end(stamp, subdirectories);
    },
  });
}

function scan(osd: string, known?: ReadonlyMap<string, KnownUnit>) {
  const location: OsdLocation = {
    ...{ kind: 'filestore', path: osd, dataPath: path.join(osd, 'current') },
  };
  const units = new Map<string, KnownUnit>();
  const segments: Uint8Array[] = [];
  let objects = 0;
  const builder = new SegmentBuilder((segment, found) => {
    segments.push(segment);
    objects += found;
  });
  const sink = notingUnits(builder, units);
  const report = (damage: unknown) => expect.fail(JSON.stringify(damage));
  for (const share of scanShares(location, { readers: 1 }))
    scanShare({ location, share, sink, report, known });
  builder.finish();
  return { units, objects, segments, calls: calls.count };
}

describe('system calls of a scan', () => {
  it('are five for each directory, and none for an object', () => {
    const { objects, units, calls } = scan(small);
    expect(objects).toBe(DIRECTORIES * FILES);
    // meta, the collection, its index directories, and the list of collections
    expect(units.size).toBe(DIRECTORIES + 2);
    const most = native === undefined ? 4 : 5;
    expect(calls).toBeLessThanOrEqual(most * (units.size + 1));
    expect(calls).toBeGreaterThanOrEqual(3 * units.size);
  });

  it('are one for each directory when nothing has changed', () => {
    const { units } = scan(small);
    calls.count = 0;
    const again = scan(small, units);
    expect(again.objects).toBe(0);
    expect(again.calls).toBeLessThanOrEqual(units.size + 5);
  });

  const hasStrace = spawnSync('strace', ['-V']).status === 0;

  /** What touches files; threads and memory have calls of their own. */
  function fileCalls(osd: string): number {
    const trace = path.join(work.path, 'trace');
    const catalog = path.join(work.path, `traced-${path.basename(osd)}`);
    const scan = [process.execPath, BIN, 'scan', '--osd', osd, '--catalog', catalog, '-q'];
    const which = 'trace=%file,%desc';
    spawnSync('strace', ['-f', '-c', '-e', which, '-o', trace, ...scan, '--jobs', '1']);
    const rows = readFileSync(trace, 'utf8').split('\n');
    // share of time, seconds, microseconds each, calls, errors if there were any, name
    const counts = rows.map((row) =>
      /^[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s+(?:\d+\s+)?(\w+)$/.exec(row.trim()),
    );
    const waits = /^(total|epoll_\w+|futex|mmap|write|eventfd\w*)$/;
    return counts.reduce((sum, c) => (c && !waits.test(c[2]!) ? sum + Number(c[1]) : sum), 0);
  }

  it.skipIf(!hasStrace)('of the whole program do not grow with the objects of a directory', () => {
    const [few, many] = [fileCalls(small), fileCalls(large)];
    expect(few).toBeGreaterThan(5 * DIRECTORIES);
    // What is the program's own start; more would hide what is looked for.
    expect(few).toBeLessThan(1500);
    // Twice the objects in as many directories: what is left is chance, of the loader and the pool.
    expect(many - few).toBeLessThan(0.05 * DIRECTORIES * FILES);
  });
});

it('a catalog takes less than 12 bytes for each copy of an object', () => {
  const { segments, objects } = scan(large);
  const bytes = segments.reduce((sum, segment) => sum + segment.length, 0);
  expect(bytes / objects).toBeLessThan(12);
  expect(bytes / objects).toBeGreaterThan(4);
});

/** A catalog of many images in memory, which tells how much of it is read. */
function manyImages(images: number, rows: number) {
  const storage = memoryStorage();
  const read = storage.read.bind(storage);
  const counted = { bytes: 0 };
  storage.read = (position, length) => {
    counted.bytes += length;
    return read(position, length);
  };
  const { log } = new Catalog(storage);
  log.prepareToAppend();
  const key = 'one';
  log.append(RECORD.scanBegin, pack({ at: 1, osds: [key] }));
  const location = { kind: 'filestore', path: '/osd', dataPath: '/osd/current' };
  log.append(RECORD.osdBegin, pack({ key, identity: { whoami: 0 }, location, at: 1 }));
  const builder = new SegmentBuilder((segment) => log.append(RECORD.segment, owned(key, segment)));
  const tail = Buffer.from('__2');
  for (let n = 0; n < rows; n++) {
    if (n % 200 === 0) builder.beginUnit(Buffer.from(`2.0_head/DIR_${n}`));
    const prefix = Buffer.from(`rbd\\udata.${(n % images) + 4096}`);
    const name = Buffer.concat([prefix, tail]);
    const hash = Math.imul(n, 0x9e3779b1) >>> 0;
    const number = Math.floor(n / images);
    builder.dataObject(name, 0, prefix.length, number, -2, hash, prefix.length, name.length);
    if (n % 200 === 199) builder.endUnit({ ino: 1n, mtimeNs: 1n, ctimeNs: BigInt(n) }, []);
  }
  builder.finish();
  log.append(RECORD.osdEnd, pack({ key, at: 2, dead: [], damage: [], damageCount: 0 }));
  log.append(RECORD.scanEnd, pack({ at: 2 }));
  return { storage, counted };
}

it('the rows of one image of many are read without those of the others', () => {
  const [images, rows] = [200, 400_000];
  const { storage, counted } = manyImages(images, rows);
  counted.bytes = 0;
  const [cluster] = clustersOf([new Catalog(storage)]);
  const [prefix] = cluster!.dataPrefixes();
  // Heads of segments only: rows take 6 bytes and more.
  expect(counted.bytes).toBeLessThan(rows);
  counted.bytes = 0;
  const table = new ObjectTable(prefix!);
  expect(table.length).toBe(rows / images);
  expect(counted.bytes).toBeLessThan(12 * table.length);
  expect(counted.bytes).toBeGreaterThan(4 * table.length);
});

it('a row costs no object and no string', () => {
  const script = fileURLToPath(new URL('heap-per-row.mjs', import.meta.url));
  // Nothing is collected in between: what was allocated is what is used.
  const flags = ['--min-semi-space-size=128', '--max-semi-space-size=128', '--expose-gc'];
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, script], { encoding: 'utf8' });
  expect(stderr).toBe('');
  const { heapPerRow, keptPerRow } = JSON.parse(stdout) as Record<string, number>;
  // Boxed numbers on their way from one function to the next, while code is not yet optimised.
  expect(heapPerRow).toBeLessThan(24);
  expect(keptPerRow).toBeLessThan(1);
});
