import { existsSync, readdirSync, renameSync } from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvageJson } from '../helpers/program.ts';

/**
 * A file system that loses a file tells nobody. An image without an object map does not know either, but its PG
 * knows how many objects it had.
 */
const { images } = truthOf('leveldb');
const work = workDirectory();
afterAll(work.dispose);
const osds = path.join(work.path, 'osds');
const MIB = 1 << 20;

let away: string[] = [];
const hide = (files: readonly string[]) => {
  for (const file of files) renameSync(file, path.join(work.path, `away-${away.push(file) - 1}`));
};
beforeAll(() => {
  copyTree(fixtureOsds('leveldb'), osds);
});
afterEach(() => {
  for (const [i, file] of away.entries()) renameSync(path.join(work.path, `away-${i}`), file);
  away = [];
});

/** Files of those of an image's objects that have no clones, by name, one for each OSD. */
function objectsOf(spec: string): Map<string, string[]> {
  const start = `rbd\\udata.${images[spec]!.id}.`;
  const found = new Map<string, string[]>();
  for (const file of readdirSync(osds, { recursive: true, encoding: 'utf8' })) {
    const name = path.basename(file);
    if (!name.startsWith(start)) continue;
    found.set(name, [...(found.get(name) ?? []), path.join(osds, file)]);
  }
  const names = [...found.keys()];
  const objectNames = names.map((name) => name.split('__')[0]);
  for (const [i, name] of names.entries()) {
    if (objectNames.filter((object) => object === objectNames[i]).length > 1) found.delete(name);
  }
  return found;
}

let count = 0;
function exported(spec: string) {
  const out = path.join(work.path, `${count++}.raw`);
  return salvageJson<RecoveryReport>('export', spec, out, '--osd', osds, '--digest');
}

const SHORT = /^the PG had (\d+) objects, (\d+) are here: this may be one of the others$/;

describe('an object that no disk has any more, of an image without an object map', () => {
  it.each(['rbd/striped', 'rbd/child'])('is told of: %s', async (spec) => {
    const whole = await exported(spec);
    expect(whole.status).toBe(0);
    expect(whole.json.digests).toEqual({ sha256: images[spec]!.sha256 });
    const [name, files] = [...objectsOf(spec)][0]!;
    expect(files).toHaveLength(3);
    hide(files);
    const { status, json } = await exported(spec);
    expect(status).toBe(3);
    const object = name.split('__')[0]!.replace('\\u', '_');
    const told = json.doubtful.filter((range) => range.object === object);
    // A MiB is what the objects of these images hold.
    expect(told.reduce((sum, { length }) => sum + length, 0)).toBe(MIB);
    for (const { reason } of told) {
      const [, had, here] = SHORT.exec(reason)!;
      expect(Number(had) - Number(here)).toBe(1);
    }
    // All other bytes are those of the cluster's PGs that lack nothing.
    expect(new Set(json.doubtful.map(({ pg }) => pg)).size).toBe(1);
  });

  it('is not suspected where each disk has lost another one: together they have them all', async () => {
    const collection = (file: string) =>
      file.split(path.sep).find((part) => /^2\..*_head$/.test(part))!;
    const [hole, ...others] = [...objectsOf('rbd/striped').values()];
    const pg = collection(hole![0]!);
    const objects = [
      ...others,
      ...['rbd/child', 'rbd/odd-size', 'rbd/tiny-objects'].flatMap((spec) => [
        ...objectsOf(spec).values(),
      ]),
    ].filter(([file]) => collection(file!) === pg);
    // Another object in its place, on all disks: it does not exist, and the PG has as many as it says.
    const replaced = hole!.map((file) => file.replace('rbd\\u', 'gone-'));
    for (const [i, file] of hole!.entries()) renameSync(file, replaced[i]!);
    try {
      const on = (osd: number) =>
        objects[osd]!.find((file) => path.relative(osds, file).startsWith(`${osd}/`))!;
      hide([0, 1, 2].map(on));
      const { status, json } = await exported('rbd/striped');
      expect([status, json.doubtful]).toEqual([0, []]);
      // One more is gone from all: now one is missing whatever they have together.
      hide(objects[3]!);
      const told = (await exported('rbd/striped')).json.doubtful;
      expect(told.length).toBeGreaterThan(0);
      for (const { reason } of told) {
        const [, had, here] = SHORT.exec(reason)!;
        expect(Number(had) - Number(here)).toBe(1);
      }
    } finally {
      for (const [i, file] of hole!.entries()) renameSync(replaced[i]!, file);
    }
  });

  it('is missed by no other copy: where one disk has them all, what is absent is so', async () => {
    const [, files] = [...objectsOf('rbd/striped')][0]!;
    hide(files.slice(1, 2));
    expect(existsSync(files[0]!)).toBe(true);
    const { status, json } = await exported('rbd/striped');
    expect(status).toBe(0);
    expect(json).toMatchObject({
      doubtful: [],
      digests: { sha256: images['rbd/striped']!.sha256 },
    });
  });
});
