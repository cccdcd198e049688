import { copyFileSync, openSync, readdirSync, readSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { openCatalogForReading } from '../../src/io/catalog-storage.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { copyObjects } from '../helpers/loose-objects.ts';
import { salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/** Images whose headers are lost: here nothing but object files is left. */

const { images } = truthOf('basic');
const work = workDirectory();
afterAll(work.dispose);

let flat: string;
let catalog: string;
beforeAll(async () => {
  flat = copyObjects('0', path.join(work.path, 'flat'), (name) => name);
  catalog = path.join(work.path, 'catalog');
  await salvage(['scan', '--objects', flat, '--catalog', catalog]);
});

describe('a snapshot of an image without a header', () => {
  const SPEC = '2/vm-disk@snap-4';
  const { size, sha256 } = images['rbd/vm-disk@yesterday']!;

  it('is as large as its image turns out to be', async () => {
    const dest = path.join(work.path, 'snapshot.raw');
    const { status } = await salvage(['export', SPEC, dest, '--catalog', catalog]);
    expect(status).toBe(3);
    expect(await sha256OfFile(dest)).toBe(sha256);
  });

  it('says so wherever it is named', async () => {
    const info = await salvageJson<{ size: number }>('info', SPEC, '--catalog', catalog);
    expect(info.json.size).toBe(size);
    const du = await salvageJson<{ images: { provisioned_size: number }[] }>(
      ...['du', SPEC, '--catalog', catalog],
    );
    expect(du.json.images.map((row) => row.provisioned_size)).toEqual([size]);
    const check = await salvageJson<{ size: number }[]>('check', SPEC, '--catalog', catalog);
    expect(check.json.map((report) => report.size)).toEqual([size]);
  });
});

describe('the object size that an operator knows', () => {
  const SPEC = '2/under_score.dot-name';
  const sized = async () => {
    const dest = path.join(work.path, 'order.raw');
    const options = ['--order', '23', '--dry-run', '--catalog', catalog];
    return salvage(['export', SPEC, dest, ...options, '--format', 'json']);
  };

  it('is what its size follows from', async () => {
    const { stdout, stderr } = await sized();
    expect(stderr).not.toContain('size 4194304');
    expect(JSON.parse(stdout.toString()).images[0].size).toBe(2 ** 23);
  });

  it('is that also where its OSDs are not at hand', async () => {
    renameSync(flat, `${flat}-away`);
    const { stdout } = await sized();
    renameSync(`${flat}-away`, flat);
    expect(JSON.parse(stdout.toString()).images[0].size).toBe(2 ** 23);
  });
});

/** A catalog with a bit flipped in what it has of one image. */
function damagedAt(prefix: string, from = catalog): string {
  const file = `${from}-damaged-${prefix}`;
  copyFileSync(from, file);
  const storage = openCatalogForReading(file);
  let last = { at: 0, length: 0 };
  const seen = {
    ...storage,
    size: () => storage.size(),
    read: (at: number, length: number) => {
      last = { at, length };
      return storage.read(at, length);
    },
  };
  const segments = new Catalog(seen).osds().flatMap((osd) => osd.segments);
  for (const segment of segments) {
    const group = segment.head.groups.find(([own]) => Buffer.from(own).toString().endsWith(prefix));
    if (group === undefined) continue;
    segment.rows(group);
    const fd = openSync(file, 'r+');
    const byte = Buffer.alloc(1);
    readSync(fd, byte, 0, 1, last.at);
    byte[0]! ^= 1;
    writeSync(fd, byte, 0, 1, last.at);
  }
  expect(last.length).toBeGreaterThan(0);
  storage.close();
  return file;
}

describe('an image whose rows in the catalog are damaged', () => {
  const PLAIN = `rbd\\udata.${images['rbd/plain']!.id}`;
  const FAILED = {
    ...{ image: '2/plain', snapshot: null, complete: false },
    error: expect.stringContaining('checksum'),
  };
  let damaged: string[];
  beforeAll(() => {
    damaged = ['--catalog', damagedAt(PLAIN)];
  });

  it('is listed, without a size, among all others', async () => {
    const names = await salvage(['ls', ...damaged]);
    expect(names.status).toBe(0);
    expect(names.stdout.toString().split('\n')).toContain('2/plain');
    const { status, json } = await salvageJson<{ image: string; size: number | null }[]>(
      ...['ls', '-l', ...damaged],
    );
    expect(status).toBe(3);
    const all = await salvageJson<{ image: string; size: number | null }[]>(
      ...['ls', '-l', '--catalog', catalog],
    );
    const wanted = all.json.filter(({ image }) => image !== 'plain');
    expect(json.filter(({ image }) => image !== 'plain')).toEqual(wanted);
    expect(json.filter(({ image }) => image === 'plain').map(({ size }) => size)).toContain(null);
    const { stdout, stderr } = await salvage(['ls', '-l', ...damaged]);
    expect(stdout.toString()).toMatch(/2\/plain +\? /);
    expect(stderr).toMatch(/2\/plain: .*checksum/);
  });

  it('is refused when it is asked for, whole or in part', async () => {
    for (const words of [
      ['snap', 'ls', '2/plain'],
      ['info', '2/plain'],
      ['check', '2/plain'],
      ['export', '2/plain', path.join(work.path, 'no.raw')],
      ['export', '2/plain@snap-4', path.join(work.path, 'no.raw')],
      ['export', '2/*@snap-*', path.join(work.path, 'none')],
    ]) {
      const { status, stderr } = await salvage([...words, ...damaged]);
      expect([words[0], status]).toEqual([words[0], 1]);
      expect(stderr).toMatch(/checksum/);
    }
  });

  it('does not keep others from being checked', async () => {
    const { status, json } = await salvageJson<{ image: string }[]>('check', '--all', ...damaged);
    const all = await salvageJson<{ image: string }[]>('check', '--all', '--catalog', catalog);
    const others = all.json.map(({ image }) => image).filter((image) => image !== '2/plain');
    expect(status).toBe(1);
    expect(json.map(({ image }) => image)).toEqual([...others, '2/plain']);
    expect(json.at(-1)).toEqual(FAILED);
    const du = await salvageJson<{ images: { name: string }[]; failed: unknown }>(
      ...['du', '-a', ...damaged],
    );
    expect(du.status).toBe(1);
    expect(du.json.images.length).toBeGreaterThan(5);
    expect(du.json.failed).toEqual([FAILED]);
  });

  it('does not keep others from being exported', async () => {
    const directory = path.join(work.path, 'all');
    const dry = await salvageJson<{ images: unknown[]; failed: unknown }>(
      ...['export', '--all', '--dry-run', directory, ...damaged],
    );
    expect(dry.status).toBe(1);
    expect(dry.json.failed).toEqual([FAILED]);
    const { status, json } = await salvageJson<{
      totals: { failed: number; images: number };
      images: { status: string; image: string }[];
    }>(...['export', '--all', directory, ...damaged]);
    expect(status).toBe(1);
    expect(json.totals.failed).toBe(1);
    expect(json.images.filter((one) => one.status === 'failed').map(({ image }) => image)).toEqual([
      '2/plain',
    ]);
    expect(dry.json.images).toHaveLength(json.totals.images - 1);
  });
});

describe('a clone whose parent has lost its header', () => {
  const ids = { base: images['rbd/base']!.id };
  let osds: string;
  let found: string[];

  interface Report {
    complete: boolean;
    lost: unknown[];
    doubtful: { offset: number; length: number; reason: string }[];
    guesses: string[];
    problems: string[];
  }

  beforeAll(async () => {
    osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osds'));
    const header = `rbd\\uheader.${ids.base}__head_`;
    let removed = 0;
    for (const name of readdirSync(osds, { recursive: true, encoding: 'utf8' })) {
      if (!path.basename(name).startsWith(header)) continue;
      // Another object in its place: its PG has as many as it says.
      renameSync(path.join(osds, name), path.join(osds, name.replace('rbd\\u', 'gone-')));
      removed++;
    }
    expect(removed).toBe(3);
    found = ['--catalog', path.join(work.path, 'parentless')];
    const places = ['0', '1', '2'].map((n) => path.join(osds, n));
    await salvage(['scan', '--osd', ...places, ...found]);
  });

  const exported = async (spec: string, from = found) => {
    const dest = path.join(work.path, 'child.raw');
    const { status, json } = await salvageJson<Report>(
      ...['export', spec, dest, '--force', ...from],
    );
    const isEqual = (await sha256OfFile(dest)) === images[spec]!.sha256;
    const doubtful = json.doubtful.reduce((sum, { length }) => sum + length, 0);
    return { status, json, isEqual, doubtful };
  };

  it('comes back byte for byte, and what came from there is doubtful', async () => {
    const { status, json, isEqual, doubtful } = await exported('rbd/shrunk-child');
    expect(isEqual).toBe(true);
    expect([status, json.complete, json.lost]).toEqual([3, false, []]);
    expect(json.guesses.join()).toContain('rbd/base: object size 1048576: clients announced');
    // All that it sees of its parent, less its own objects.
    expect(doubtful).toBeGreaterThan(2 ** 20);
    expect(doubtful).toBeLessThan(2.25 * 2 ** 20);
    expect(json.doubtful.every(({ reason }) => reason.includes('its header is lost'))).toBe(true);
  });

  it('is doubtful in whatever is made of it', async () => {
    for (const words of [['diff'], ['diff', '--whole-object'], ['check'], ['check', '--read']]) {
      const of = async (spec: string) => (await salvage([...words, spec, ...found])).status;
      expect([words, await of('rbd/shrunk-child')]).toEqual([words, 3]);
      expect([words, await of('rbd/child')]).toEqual([words, 0]);
    }
  });

  it('is complete where all of it is its own', async () => {
    for (const spec of ['rbd/child', 'rbd/child@cs', 'rbd/grandchild']) {
      const { status, json, isEqual } = await exported(spec);
      expect([spec, status, json.complete, isEqual]).toEqual([spec, 0, true, true]);
    }
  });

  it('is listed as it is, and loses what came from there, where the catalog is damaged for its parent', async () => {
    const damaged = ['--catalog', damagedAt(`rbd\\udata.${ids.base}`, found[1]!)];
    interface Row {
      image: string;
      size: number | null;
    }
    const rows = (await salvageJson<Row[]>('ls', '-l', ...damaged)).json;
    const sizeOf = (name: string) => rows.find(({ image }) => image === name)!.size;
    expect(sizeOf('base')).toBe(null);
    expect(sizeOf('child')).toBe(images['rbd/child']!.size);
    const { status, json, doubtful } = await exported('rbd/shrunk-child', damaged);
    expect([status, json.complete]).toEqual([3, false]);
    expect(doubtful).toBeGreaterThan(2 ** 20);
    expect(json.doubtful[0]!.reason).toMatch(/^parent rbd\/.*checksum/);
  });
});
