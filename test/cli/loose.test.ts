import { copyFileSync, mkdirSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { collectionsOf, copyObjects, objectFiles } from '../helpers/loose-objects.ts';
import { fingerprint, salvage, salvageJson, sha256OfFile } from '../helpers/program.ts';

/**
 * A dead cluster of which only object files are left, as `find` and `cp` bring them: no xattrs, no
 * databases, no maps. What `rbd export` gave while it lived has to come out, and never as certain.
 */

const truth = truthOf('basic');
const work = workDirectory();
afterAll(work.dispose);

interface Report {
  complete: boolean;
  lost: unknown[];
  doubtful: { offset: number; length: number; reason: string }[];
  totals: { lost_bytes: number; doubtful_bytes: number };
  guesses: string[];
}

async function recovered(spec: string, truthSpec: string, ...options: string[]) {
  const dest = path.join(work.path, 'image.raw');
  const { size, sha256 } = truth.images[truthSpec]!;
  const all = ['export', spec, dest, '--force', '--size', String(size), ...options];
  const { status, json } = await salvageJson<Report>(...all);
  return { status, json, size, isEqual: (await sha256OfFile(dest)) === sha256 };
}

let flat: string;
beforeAll(() => {
  flat = copyObjects('0', path.join(work.path, 'flat'), (name) => name);
});

describe('object files in one directory', () => {
  it('are images under the names that rbd_id objects tell', async () => {
    const { status, json } = await salvageJson<{ image: string; headless: boolean; id: string }[]>(
      ...['ls', '--objects', flat],
    );
    expect(status).toBe(0);
    const names = json.map(({ image }) => image);
    for (const image of ['vm-disk', 'plain', 'format1', 'under_score.dot-name', 'split']) {
      expect(names).toContain(image);
    }
    const { id } = truth.images['rbd/plain']!;
    expect(json).toContainEqual(expect.objectContaining({ image: 'plain', id, headless: true }));
    // Format 1 headers are data, so that one is all there.
    expect(json).toContainEqual(expect.objectContaining({ image: 'format1', headless: false }));
  });

  it.each([
    ['2/vm-disk', 'rbd/vm-disk'],
    ['2/discarded', 'rbd/discarded'],
    ['2/plain', 'rbd/plain'],
    ['2/odd-size', 'rbd/odd-size'],
    ['2/big-object', 'rbd/big-object'],
    ['2/tiny-objects', 'rbd/tiny-objects'],
    ['2/under_score.dot-name', 'rbd/under_score.dot-name'],
    ['2/split', 'rbd/split'],
    ['2/tenant/plain', 'rbd/tenant/plain'],
    ['2/format1', 'rbd/format1'],
    ['2/format1@f1s', 'rbd/format1@f1s'],
    ['2/vm-disk@snap-4', 'rbd/vm-disk@yesterday'],
  ])('give %s byte for byte, all of it doubtful', async (spec, truthSpec) => {
    const order = ['2/tenant/plain', '2/split'].includes(spec) ? ['--order', '20'] : [];
    const { status, json, size, isEqual } = await recovered(
      ...[spec, truthSpec, '--objects', flat, ...order],
    );
    expect(isEqual, json.guesses.join('; ')).toBe(true);
    expect(status).toBe(3);
    expect(json.complete).toBe(false);
    expect(json.totals).toMatchObject({ lost_bytes: 0, doubtful_bytes: size });
  });

  it('are told of in a few lines, not one for each', async () => {
    const { stderr } = await salvage(['ls', '--objects', flat]);
    expect(stderr.split('\n').length).toBeLessThan(15);
    expect(stderr).toMatch(/and \d+ more: loose files have no omap/);
  });

  it('can be scanned into a catalog, and are never written to', async () => {
    const before = fingerprint(flat);
    const catalog = path.join(work.path, 'loose.catalog');
    expect((await salvage(['scan', '--objects', flat, '--catalog', catalog])).status).toBe(3);
    // Again: what an earlier scan found counts once.
    await salvage(['scan', '--objects', flat, '--catalog', catalog]);
    const { isEqual } = await recovered('2/format1', 'rbd/format1', '--catalog', catalog);
    expect(isEqual).toBe(true);
    for (const source of [
      ['--objects', flat],
      ['--catalog', catalog],
    ]) {
      const inside = ['export', '2/format1', path.join(flat, 'x'), ...source];
      expect((await salvage(inside)).status).toBe(2);
    }
    expect(fingerprint(flat)).toBe(before);
  });

  it('that is not there is wrong usage of the source, in one line', async () => {
    const { status, stderr } = await salvage(['ls', '--objects', path.join(work.path, 'nowhere')]);
    expect(status).toBe(1);
    expect(stderr).toContain('no object files');
  });
});

describe('object files whose names', () => {
  const snapless = (name: string) => /^(.+)__head_[0-9A-F]{8}_[^_]*_[0-9a-f]+$/.exec(name)?.[1];
  it.each<[string, string, (name: string) => string | undefined]>([
    ['were unescaped', '2', (name) => name.replaceAll('\\u', '_')],
    ['lost their backslashes', '2', (name) => name.replaceAll('\\', '')],
    ['are those of objects', 'unknown', (name) => snapless(name)?.replaceAll('\\u', '_')],
  ])('%s are understood', async (what, pool, rename) => {
    const directory = copyObjects('1', path.join(work.path, what), rename);
    for (const name of ['vm-disk', 'discarded', 'format1']) {
      const { isEqual, status } = await recovered(
        ...[`${pool}/${name}`, `rbd/${name}`, '--objects', directory],
      );
      expect([name, isEqual, status]).toEqual([name, true, 3]);
    }
  });
});

describe('several copies of an object', () => {
  const OBJECT = /^rb\.0\..*\.000000000001__head_/;
  const at = (directory: string) =>
    path.join(directory, readdirSync(directory).find((name) => OBJECT.test(name))!);

  it('are in doubt between them: the newest counts, of equally old ones the longest', async () => {
    const both = path.join(work.path, 'both');
    const good = copyObjects('0', path.join(both, 'a/deep'), (name) => name);
    const other = copyObjects('1', path.join(both, 'b'), (name) => name);
    const old = new Date('2015-01-01');
    const older = new Date('2014-01-01');
    writeFileSync(at(other), 'not what it was');
    utimesSync(at(good), old, old);
    utimesSync(at(other), older, older);
    const source = ['--objects', both];
    expect((await recovered('2/format1', 'rbd/format1', ...source)).isEqual).toBe(true);
    utimesSync(at(other), old, old);
    expect((await recovered('2/format1', 'rbd/format1', ...source)).isEqual).toBe(true);
    const later = new Date('2016-01-01');
    utimesSync(at(other), later, later);
    expect((await recovered('2/format1', 'rbd/format1', ...source)).isEqual).toBe(false);
  });

  it('may lie in several directories given', async () => {
    const half = (n: number) => (name: string) => (name.length % 2 === n ? name : undefined);
    const one = copyObjects('0', path.join(work.path, 'one'), half(0));
    const two = copyObjects('2', path.join(work.path, 'two'), half(1));
    const source = ['--objects', one, '--objects', two];
    expect((await recovered('2/discarded', 'rbd/discarded', ...source)).isEqual).toBe(true);
  });
});

describe('OSDs without xattrs, databases and maps', () => {
  it('give what their file names and sizes tell', async () => {
    const osds = path.join(work.path, 'osds');
    for (const osd of ['0', '1', '2']) {
      for (const collection of collectionsOf(osd)) {
        const to = path.join(osds, osd, 'current', path.basename(collection));
        for (const file of objectFiles(collection)) {
          const target = path.join(to, path.relative(collection, file));
          mkdirSync(path.dirname(target), { recursive: true });
          copyFileSync(file, target);
        }
      }
    }
    for (const name of ['vm-disk', 'discarded', 'format1']) {
      const { isEqual, status, json, size } = await recovered(
        ...[`2/${name}`, `rbd/${name}`, '--osd', osds],
      );
      expect([name, isEqual, status]).toEqual([name, true, 3]);
      expect(json.totals.doubtful_bytes).toBe(size);
    }
  });
});

describe('beside OSDs', () => {
  it('loose files fill in for PGs that are lost with their OSDs', async () => {
    const osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'gap'));
    for (const osd of ['0', '1', '2']) {
      rmSync(path.join(osds, osd, 'current/2.1_head'), { recursive: true });
    }
    const without = await recovered('rbd/plain', 'rbd/plain', '--osd', osds);
    expect([without.isEqual, without.status]).toEqual([false, 3]);
    const { json, isEqual, status, size } = await recovered(
      ...['rbd/plain', 'rbd/plain', '--osd', osds, '--objects', flat],
    );
    expect([isEqual, status, json.lost]).toEqual([true, 3, []]);
    // Its header is lost with one of them: what the OSDs have is doubtful for that reason alone.
    const reasons = json.doubtful.map(({ reason }) => reason.replace(/:.*/, ''));
    expect(new Set(reasons)).toEqual(
      new Set(['its header is lost', "no OSD here has the PG's metadata"]),
    );
    expect(json.totals.doubtful_bytes).toBe(size);
  });

  it('loose files change nothing where the OSDs have it all', async () => {
    const { json, isEqual, status } = await recovered(
      ...['rbd/plain', 'rbd/plain', '--osd', fixtureOsds('basic'), '--objects', flat],
    );
    expect([isEqual, status, json.complete]).toEqual([true, 0, true]);
  });
});
