import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Catalog } from '../../src/catalog/catalog.ts';
import { openCatalogForReading } from '../../src/io/catalog-storage.ts';
import { fixtureOsds, workDirectory } from '../helpers/fixtures.ts';
import { salvage, startSalvage } from '../helpers/program.ts';
import { contents, pool, smallOsd } from './helpers.ts';

const work = workDirectory();
afterAll(async () => {
  work.dispose();
  await pool.close();
});

const at = (name: string) => path.join(work.path, name);
const osds = [at('a'), path.join(fixtureOsds('basic'), '1')];

async function listing(catalog: string): Promise<string> {
  const { status, stdout, stderr } = await salvage([
    'ls',
    '-l',
    '--catalog',
    catalog,
    '--format',
    'json',
  ]);
  if (status !== 0) throw new Error(stderr);
  return stdout.toString();
}

const known = (catalog: string) => {
  const storage = openCatalogForReading(catalog);
  try {
    return contents(storage);
  } finally {
    storage.close();
  }
};

let expected = '';
let expectedContents: Record<string, string[]>;
beforeAll(async () => {
  // An OSD with enough in it that a scan can be met half-way.
  const osd = smallOsd(path.join(fixtureOsds('basic'), '0'), osds[0]!);
  for (let i = 0; i < 40_000; i++) {
    const digit = (i % 16).toString(16).toUpperCase();
    const directory = path.join(osd, `current/2.0_head/DIR_${digit}`);
    if (i < 16) mkdirSync(directory);
    const name = `rbd\\udata.77.${i.toString(16).padStart(16, '0')}__head_0000000${digit}__2`;
    writeFileSync(path.join(directory, name), '');
  }
  await salvage(['scan', '--osd', ...osds, '--catalog', at('whole')]);
  expected = await listing(at('whole'));
  expectedContents = known(at('whole'));
});

it('a scan killed at any moment goes on, and finds what one in peace finds', async () => {
  let unfinished = 0;
  for (let i = 0; i < 8; i++) {
    const catalog = at(`killed-${i}`);
    const { child, ended } = startSalvage(['scan', '--osd', ...osds, '--catalog', catalog]);
    // Moments relative to the first byte written: how long node takes to start varies.
    while (child.exitCode === null && !(existsSync(catalog) && statSync(catalog).size > 0))
      await sleep(1);
    await sleep(i * 12);
    child.kill('SIGKILL');
    await ended;
    const storage = openCatalogForReading(catalog);
    if (new Catalog(storage).unfinished) unfinished++;
    storage.close();
    const { status } = await salvage(['scan', '--osd', ...osds, '--catalog', catalog]);
    expect(status).toBe(0);
    expect(await listing(catalog)).toBe(expected);
    expect(known(catalog)).toEqual(expectedContents);
  }
  expect(unfinished).toBeGreaterThan(0);
});

it('a catalog copied elsewhere lists the same', async () => {
  mkdirSync(at('elsewhere'));
  copyFileSync(at('whole'), at('elsewhere/c'));
  expect(await listing(at('elsewhere/c'))).toBe(expected);
});

it('without native calls the same objects are found', async () => {
  process.env.RBD_SALVAGE_NO_NATIVE = '1';
  try {
    const { ended } = startSalvage(['scan', '--osd', ...osds, '--catalog', at('plain')]);
    expect((await ended).signal).toBeNull();
  } finally {
    delete process.env.RBD_SALVAGE_NO_NATIVE;
  }
  const objects = (all: Record<string, string[]>) =>
    Object.values(all).map((lines) => lines.filter((l) => !l.startsWith('metadata')));
  expect(objects(known(at('plain')))).toEqual(objects(expectedContents));
  expect(await listing(at('plain'))).toBe(expected);
});
