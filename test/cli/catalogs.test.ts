import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import type { Segment } from '../../src/catalog/segment.ts';
import type { ImageRowJson } from '../../src/cli/render/image-rows.ts';
import { openCatalogForReading } from '../../src/io/catalog-storage.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import {
  fingerprint,
  isOneLine,
  type Outcome,
  salvage,
  salvageJson,
  scanned,
  sha256,
  sha256OfFile,
  startSalvage,
} from '../helpers/program.ts';

const truth = truthOf('compacted');
const osds = fixtureOsds('compacted');
const work = workDirectory();
afterAll(() => work.dispose());
const at = (name: string) => path.join(work.path, name);
let catalog: string;
beforeAll(async () => {
  catalog = await scanned(work.path, [osds]);
});

const list = (...argv: string[]) => salvage(['ls', '-l', '--format', 'json', ...argv]);
const rows = ({ stdout }: Outcome) => JSON.parse(stdout.toString()) as ImageRowJson[];

describe('a catalog that is damaged', () => {
  it.each([
    ['is not there', undefined, /no such file or directory/],
    ['is empty', Buffer.alloc(0), /empty/],
    ['is another file', Buffer.from('#!/bin/sh\necho hello\n'.repeat(100)), /not a catalog/],
    ['is all zeros', Buffer.alloc(100_000), /not a catalog/],
    ['is a few bytes', Buffer.from('x'), /not a catalog|cut short/],
  ])('is refused in one line when it %s', async (_, bytes, says) => {
    const file = at('damaged');
    if (bytes !== undefined) writeFileSync(file, bytes);
    for (const argv of [
      ['ls', '--catalog', bytes === undefined ? at('missing') : file],
      ['info', 'rbd/plain', '--catalog', bytes === undefined ? at('missing') : file],
      ['export', 'rbd/plain', at('out'), '--catalog', bytes === undefined ? at('missing') : file],
    ]) {
      const { status, stdout, stderr } = await salvage(argv);
      expect(stderr).toMatch(says);
      expect(isOneLine(stderr)).toBe(true);
      expect(status).toBe(1);
      expect(stdout.length).toBe(0);
    }
  });

  it('is refused when it is a directory', async () => {
    const { status, stderr } = await list('--catalog', work.path);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
  });

  it('is never taken for whole when it is cut short', async () => {
    const whole = readFileSync(catalog);
    const wanted = rows(await list('--catalog', catalog));
    const cuts = [...Array(60).keys()].map((i) => Math.floor((whole.length * i) / 60));
    for (let tail = 1; tail <= 12; tail++) cuts.push(whole.length - tail);
    // Between two records, where nothing is torn: docs/formats/catalog.md, the mark of a record.
    for (let mark = whole.indexOf('SCER'); mark >= 0; mark = whole.indexOf('SCER', mark + 1)) {
      cuts.push(mark);
    }
    expect(cuts.length).toBeGreaterThan(80);
    const silent: number[] = [];
    for (const cut of cuts) {
      writeFileSync(at('cut'), whole.subarray(0, cut));
      const outcome = await list('--catalog', at('cut'));
      expect(outcome.stderr).not.toMatch(/a bug in|\n\s+at /);
      const right =
        outcome.status === 0 && JSON.stringify(rows(outcome)) === JSON.stringify(wanted);
      if (outcome.status === 0 && !right && outcome.stderr === '') silent.push(cut);
      if (outcome.status !== 0) expect(outcome.stderr).not.toBe('');
    }
    expect(silent).toEqual([]);
  });

  it('is completed by another scan when it was cut short', async () => {
    const whole = readFileSync(catalog);
    for (const part of [0.2, 0.5, 0.8, 0.99]) {
      writeFileSync(at('again'), whole.subarray(0, Math.floor(whole.length * part)));
      expect((await salvage(['scan', '--osd', osds, '--catalog', at('again')])).status).toBe(0);
      const outcome = await list('--catalog', at('again'));
      expect(outcome.status).toBe(0);
      expect(rows(outcome)).toEqual(rows(await list('--catalog', catalog)));
    }
  });

  it('is right or refused where single bits are flipped, and never brings the program down', async () => {
    const whole = readFileSync(catalog);
    const wanted = rows(await list('--catalog', catalog));
    let noticed = 0;
    for (let i = 0; i < 100; i++) {
      const bytes = Buffer.from(whole);
      bytes[Math.floor((whole.length * (i + 0.5)) / 100)]! ^= 1 << (i % 8);
      writeFileSync(at('flipped'), bytes);
      const outcome = await list('--catalog', at('flipped'));
      expect(outcome.stderr).not.toMatch(/a bug in|\n\s+at /);
      expect([0, 1]).toContain(outcome.status);
      if (outcome.stderr !== '') noticed++;
      // What ls does not read it cannot check.
      else expect(rows(outcome)).toEqual(wanted);
    }
    expect(noticed).toBeGreaterThan(10);
  });

  it('gives no wrong image where single bits are flipped', async () => {
    const whole = readFileSync(catalog);
    const { sha256: wanted } = truth.images['rbd/snaps']!;
    for (let i = 0; i < 10; i++) {
      const bytes = Buffer.from(whole);
      bytes[Math.floor((whole.length * (i + 0.5)) / 10)]! ^= 0x10;
      writeFileSync(at('flipped'), bytes);
      const argv = ['export', 'rbd/snaps', '-', '--catalog', at('flipped'), '-q'];
      const { status, stdout, stderr } = await salvage(argv);
      expect(stderr).not.toMatch(/a bug in|\n\s+at /);
      if (status === 0) expect(sha256(stdout)).toBe(wanted);
      else expect(stderr).not.toBe('');
    }
  });

  it('is not overwritten by scan when it is somebody else’s file', async () => {
    writeFileSync(at('letter'), 'Dear Sir or Madam\n'.repeat(50));
    const { status, stderr } = await salvage(['scan', '--osd', osds, '--catalog', at('letter')]);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).not.toBe(0);
    expect(readFileSync(at('letter'), 'utf8')).toMatch(/^Dear Sir or Madam\n/);
    expect(statSync(at('letter')).size).toBe(18 * 50);
  });
});

describe('catalogs of several hosts', () => {
  it('read as one', async () => {
    const parts = await Promise.all(
      [0, 1, 2].map((n) => scanned(work.path, [path.join(osds, String(n))], `host-${n}`)),
    );
    const source = parts.flatMap((file) => ['--catalog', file]);
    expect(rows(await list(...source))).toEqual(rows(await list('--catalog', catalog)));
    for (const spec of ['rbd/plain', 'rbd/snaps@s4-shrunk', 'rbd/split']) {
      const { status, stdout } = await salvage(['export', spec, '-', ...source]);
      expect(sha256(stdout)).toBe(truth.images[spec]!.sha256);
      expect(status).toBe(0);
    }
  });

  it('count an OSD once that two of them know', async () => {
    copyFileSync(catalog, at('copy'));
    const source = ['--catalog', catalog, '--catalog', at('copy')];
    expect(rows(await list(...source))).toEqual(rows(await list('--catalog', catalog)));
  });
});

describe('OSDs that were moved', () => {
  let moved: string;
  let old: string;
  beforeAll(async () => {
    const first = copyTree(osds, at('old-place'));
    old = await scanned(work.path, [first], 'old');
    mkdirSync(at('new'));
    moved = at('new/place');
    renameSync(first, moved);
  });

  it('are found under --osd', async () => {
    const source = ['--catalog', old, '--osd', moved];
    const { status, stdout } = await salvage(['export', 'rbd/snaps@s2', '-', ...source]);
    expect(sha256(stdout)).toBe(truth.images['rbd/snaps@s2']!.sha256);
    expect(status).toBe(0);
  });

  it('are refused under --osd where the catalog does not know them: nothing of them would be read', async () => {
    const other = path.join(fixtureOsds('outlived'), '1');
    const source = ['--catalog', old, '--osd', moved, other];
    const { status, stderr } = await salvage(['export', 'rbd/snaps@s2', at('no.raw'), ...source]);
    expect([status, stderr]).toEqual([
      2,
      expect.stringMatching(/osd\.1 at .* is not in the catalog/),
    ]);
    expect(existsSync(at('no.raw'))).toBe(false);
  });

  it('are still listed where they are not', async () => {
    const outcome = await list('--catalog', old);
    expect(outcome.status).toBe(0);
    expect(rows(outcome)).toEqual(rows(await list('--catalog', catalog)));
  });

  it('are missed by an export: what they held is reported lost, not given as zeros in silence', async () => {
    const out = at('lost.raw');
    const { status, stdout, stderr } = await salvage([
      ...['export', 'rbd/plain', out, '--catalog', old, '--format', 'json'],
    ]);
    expect(status).not.toBe(0);
    if (status !== 3) {
      expect(isOneLine(stderr)).toBe(true);
      return;
    }
    const report = JSON.parse(stdout.toString()) as {
      complete: boolean;
      lost: { offset: number; length: number }[];
    };
    expect(report.complete).toBe(false);
    const lost = report.lost.reduce((sum, { length }) => sum + length, 0);
    expect(lost).toBeGreaterThan(1 << 20);
  });

  it('give a whole image as long as one of them is there', async () => {
    const source = ['--catalog', old, '--osd', path.join(moved, '1')];
    const { status, stdout } = await salvage(['export', 'rbd/plain', '-', ...source]);
    expect(sha256(stdout)).toBe(truth.images['rbd/plain']!.sha256);
    expect([0, 3]).toContain(status);
  });
});

describe('scan', () => {
  it('again finds the same and does not write to the sources', async () => {
    const before = fingerprint(osds);
    copyFileSync(catalog, at('second'));
    const first = await salvageJson<{ objects: number }>(
      'scan',
      '--osd',
      osds,
      '--catalog',
      at('fresh'),
    );
    const again = await salvageJson<{ objects: number }>(
      'scan',
      '--osd',
      osds,
      '--catalog',
      at('second'),
    );
    expect(first.status).toBe(0);
    expect(again.status).toBe(0);
    expect(rows(await list('--catalog', at('second')))).toEqual(
      rows(await list('--catalog', at('fresh'))),
    );
    expect(fingerprint(osds)).toBe(before);
  });

  it('killed at any moment leaves a catalog that the next scan completes', async () => {
    for (const delay of [150, 300, 450, 600]) {
      const file = at(`killed-${delay}`);
      const { child, ended } = startSalvage(['scan', '--osd', osds, '--catalog', file]);
      setTimeout(() => child.kill('SIGKILL'), delay);
      await ended;
      const { status } = await salvage(['scan', '--osd', osds, '--catalog', file]);
      expect(status).toBe(0);
      expect(rows(await list('--catalog', file))).toEqual(rows(await list('--catalog', catalog)));
    }
  });

  it('takes in what changed since, and forgets what is gone', async () => {
    const place = copyTree(path.join(osds, '0'), at('changing'));
    const file = await scanned(work.path, [place], 'changing-catalog');
    const count = async () =>
      (await salvageJson<{ objects: number }>('scan', '--osd', place, '--catalog', at('probe')))
        .json.objects;
    const before = await count();
    const pg = readdirSync(path.join(place, 'current')).find(
      (name) =>
        /^\d+\.[0-9a-f]+_head$/.test(name) &&
        readdirSync(path.join(place, 'current', name)).some((object) => object.includes('data')),
    )!;
    const directory = path.join(place, 'current', pg);
    const victim = readdirSync(directory).find(
      (object) => object.includes('data') && object.includes('head'),
    )!;
    renameSync(path.join(directory, victim), at('victim'));
    expect(await count()).toBe(before - 1);
    const { status } = await salvage(['scan', '--osd', place, '--catalog', file]);
    expect(status).toBe(0);
    expect(rows(await list('--catalog', file))).toEqual(rows(await list('--catalog', at('probe'))));
  });

  it('refuses a catalog inside an OSD', async () => {
    const place = copyTree(path.join(osds, '2'), at('guarded'));
    const before = fingerprint(place);
    const inside = path.join(place, 'current/catalog');
    const { status, stderr } = await salvage(['scan', '--osd', place, '--catalog', inside]);
    expect(fingerprint(place)).toBe(before);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(2);
  });
});

describe('a catalog that is damaged where it tells the places of objects', () => {
  const whole = () => readFileSync(catalog);
  let damaged: string;
  beforeAll(() => {
    const storage = openCatalogForReading(catalog);
    const [segment] = new Catalog(storage).osds()[0]!.segments;
    const units = Buffer.from(packedUnits(whole(), segment!));
    storage.close();
    const bytes = whole();
    bytes[bytes.indexOf(units) + (units.length >> 1)]! ^= 1;
    damaged = at('damaged-units');
    writeFileSync(damaged, bytes);
  });

  it('says so, with what to do', async () => {
    const { status, stderr } = await salvage(['check', 'rbd/plain', '--catalog', damaged]);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/units fail their checksum; scan again/),
    ]);
    expect(stderr).toMatch(/go on without them with --unfinished/);
  });

  it('does without them where that is wanted, and nothing is complete then', async () => {
    for (const words of [
      ['check', 'rbd/plain'],
      ['du', 'rbd/plain'],
      ['export', 'rbd/plain', at('without.raw')],
    ]) {
      const argv = [...words, '--catalog', damaged, '--unfinished'];
      expect([words, (await salvage(argv)).status]).toEqual([words, 3]);
    }
    expect(await sha256OfFile(at('without.raw'))).toBe(truth.images['rbd/plain']!.sha256);
  });
});

/** The bytes of a segment's units in its catalog. */
function packedUnits(bytes: Buffer, { head, position }: Segment): Uint8Array {
  const owner = bytes[position]!;
  const begin = position + 1 + owner;
  const blobs = begin + 8 + bytes.readUInt32LE(begin);
  return bytes.subarray(blobs + head.units.at, blobs + head.units.at + head.units.length);
}
