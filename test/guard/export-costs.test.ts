import { spawnSync } from 'node:child_process';
import type * as Fs from 'node:fs';
import { closeSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { crc32cInJavaScript } from '../../src/bytes/crc32c-table.ts';
import { type CopyJob, copyObjects } from '../../src/export/copy-objects.ts';
import { native } from '../../src/io/native.ts';
import type { OsdLocation } from '../../src/store/object-store.ts';
import { openObjectStore } from '../../src/store/open-object-store.ts';
import { type CallCounts, clearCounts, countNative } from '../helpers/count-calls.ts';
import { workDirectory } from '../helpers/fixtures.ts';

/**
 * What copying an object costs that no clock is needed for. An object of 4 MiB is read in pieces of 1 MiB
 * and written a run at a time; holes are not read, zeros not written.
 */

const { calls } = vi.hoisted(() => ({
  calls: { count: 0, byName: {}, bytes: {} } as CallCounts,
}));

vi.mock('node:fs', async (load) => {
  const { countingFs } = await import('../helpers/count-calls.ts');
  return countingFs(await load<typeof Fs>(), calls);
});

const MIB = 1 << 20;
const SIZE = 4 * MIB;
const OBJECTS = 8;
const DIRECTORY = '2.0_head';

const work = workDirectory();
afterAll(work.dispose);

const nameOf = (kind: string, n: number): string =>
  `rbd\\udata.1${kind}.${n.toString(16).padStart(16, '0')}__head_00000000__2`;

/** Bytes without a zero among them. */
const piece = Buffer.alloc(MIB).map((_, i) => 1 + ((i * 7 + (i >> 8)) % 255));

/** Kinds of objects: which of their four MiB are data, holes, or zeros that are stored. */
const KINDS = { full: 'dddd', holes: 'd--d', zeros: 'dzzd' };
type Kind = keyof typeof KINDS;

let location: OsdLocation;
beforeAll(() => {
  const osd = path.join(work.path, 'osd');
  location = { kind: 'filestore', path: osd, dataPath: path.join(osd, 'current') };
  const directory = path.join(location.dataPath, DIRECTORY);
  mkdirSync(directory, { recursive: true });
  for (const [kind, parts] of Object.entries(KINDS)) {
    for (let n = 0; n < OBJECTS; n++) {
      const fd = openSync(path.join(directory, nameOf(kind, n)), 'w');
      ftruncateSync(fd, SIZE);
      for (const [i, part] of [...parts].entries()) {
        if (part !== '-') writeSync(fd, part === 'd' ? piece : Buffer.alloc(MIB), 0, MIB, i * MIB);
      }
      closeSync(fd);
    }
  }
  countNative(native, calls);
});
beforeEach(() => clearCounts(calls));

/** crc32c of an object as Ceph has it, by the table. */
function digestOf(kind: Kind): number {
  const zeros = Buffer.alloc(MIB);
  const parts = [...KINDS[kind]].map((part) => (part === 'd' ? piece : zeros));
  return ~parts.reduce((crc, part) => crc32cInJavaScript(part, crc), 0) >>> 0;
}

function job(kind: Kind, n: number, pieces: number[]): CopyJob {
  const fileName = Buffer.from(nameOf(kind, n));
  const id = { name: fileName } as unknown as CopyJob['ref']['id'];
  return {
    ref: { id, directory: Buffer.from(DIRECTORY), fileName },
    ...{ ec: undefined, size: SIZE, digest: digestOf(kind), pieces },
    ...{ overwrite: false, lenient: false, salvage: false, examine: false },
  };
}

/** Copies all objects of a kind into a new image, and counts what that took for each. */
function costs(kind: Kind, piecesOf: (n: number) => number[], readAhead = false) {
  const file = path.join(work.path, `image-${kind}-${Math.random()}`);
  closeSync(openSync(file, 'w'));
  const jobs = Array.from({ length: OBJECTS }, (_, n) => job(kind, n, piecesOf(n)));
  const store = openObjectStore(location, (damage) => expect.fail(JSON.stringify(damage)));
  clearCounts(calls);
  const options = { readAhead, patienceMs: Number.POSITIVE_INFINITY };
  const results = copyObjects(store, jobs, { kind: 'file', path: file }, options);
  const { byName, bytes, count } = structuredClone(calls);
  store.close();
  expect(results.filter((result) => !result.ok)).toEqual([]);
  const each = (n: number | undefined): number => (n ?? 0) / OBJECTS;
  return {
    file,
    calls: each(count),
    reads: each(byName.readSync),
    writes: each(byName.writeSync),
    read: each(bytes.readSync),
    written: each(bytes.writeSync),
  };
}

const whole = (n: number): number[] => [0, SIZE, n * SIZE];

describe.skipIf(native === undefined)('an object of 4 MiB', () => {
  it('is read and written in four calls each, and takes few more', () => {
    const cost = costs('full', whole);
    expect([cost.reads, cost.writes, cost.read, cost.written]).toEqual([4, 4, SIZE, SIZE]);
    // open, fstat, cachestat, two seeks and close besides, and what the destination takes once
    expect(cost.calls).toBeLessThanOrEqual(4 + 4 + 7);
    const expected = Buffer.concat([piece, piece, piece, piece]);
    expect(
      readFileSync(cost.file)
        .subarray(SIZE, 2 * SIZE)
        .equals(expected),
    ).toBe(true);
  });

  it('is not read where it has holes', () => {
    const cost = costs('holes', whole);
    expect([cost.reads, cost.writes, cost.read, cost.written]).toEqual([2, 2, 2 * MIB, 2 * MIB]);
  });

  it('is not written where it has zeros', () => {
    const cost = costs('zeros', whole);
    expect([cost.reads, cost.writes, cost.read, cost.written]).toEqual([4, 2, SIZE, 2 * MIB]);
  });

  it('whose stripe units lie apart in the image takes no more reads for that', () => {
    const unit = 65536;
    const striped = (n: number): number[] =>
      Array.from({ length: SIZE / unit }, (_, i) => [
        i * unit,
        unit,
        (i * OBJECTS + n) * unit,
      ]).flat();
    const cost = costs('full', striped);
    expect([cost.reads, cost.read, cost.written]).toEqual([4, SIZE, SIZE]);
    expect(cost.writes).toBe(SIZE / unit);
  });

  it('takes no more reads when they are begun ahead', () => {
    const cost = costs('full', whole, true);
    expect([cost.reads, cost.read]).toEqual([4, SIZE]);
    expect(cost.calls).toBeLessThanOrEqual(4 + 4 + 8);
  });
});

it('losses of a whole image keep no object for each of its objects', () => {
  const script = fileURLToPath(new URL('heap-of-losses.mjs', import.meta.url));
  const { stdout, stderr } = spawnSync(process.execPath, ['--expose-gc', script], {
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  const { kept, ranges } = JSON.parse(stdout) as { kept: [number, number]; ranges: number };
  expect(ranges).toBe(1);
  // A quarter of a million at the most; all of them, 1.8 million, would be hundreds of megabytes.
  for (const bytes of kept) expect(bytes).toBeLessThan(100e6);
});
