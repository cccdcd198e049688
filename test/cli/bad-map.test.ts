import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { native } from '../../src/io/native.ts';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile } from '../helpers/program.ts';

interface Report {
  complete: boolean;
  lost: { offset: number; length: number; reason: string }[];
}

const BLOCK = 4096;
const work = workDirectory();
afterAll(() => work.dispose());
const at = (name: string) => path.join(work.path, name);

/** A map file as ddrescue writes it, of a device of `size` bytes with one bad block. */
function mapOf(name: string, bad: number, size: number): string {
  const hex = (n: number) => `0x${n.toString(16)}`;
  const lines = [
    '# Mapfile. Created by GNU ddrescue version 1.27',
    '0x0 + 1',
    `0x0 ${hex(bad)} +`,
    `${hex(bad)} ${hex(BLOCK)} -`,
    `${hex(bad + BLOCK)} ${hex(size - bad - BLOCK)} +`,
  ];
  writeFileSync(at(name), `${lines.join('\n')}\n`);
  return at(name);
}

/** Where a block of an image that has data begins, and that data. */
function blockWithData(image: Buffer): { offset: number; data: Buffer } {
  for (let offset = 0; offset < image.length; offset += BLOCK) {
    const data = image.subarray(offset, offset + BLOCK);
    // What could lie anywhere on a disk would not tell where this lies.
    if (new Set(data).size > 64) return { offset, data };
  }
  throw new Error('no data');
}

interface Kind {
  fixture: string;
  spec: string;
  /** the device's place of the image's block */
  placeOf: (osds: string, offset: number, data: Buffer) => number;
}

const blue: Kind = {
  fixture: 'blue',
  spec: 'rbd/plain',
  placeOf: (osds, _, data) => readFileSync(realpathSync(path.join(osds, '0/block'))).indexOf(data),
};

const filestore: Kind = {
  fixture: 'basic',
  spec: 'rbd/vm-disk',
  placeOf: (osds, offset) => {
    const { id } = truthOf('basic').images['rbd/vm-disk']!;
    const object = `rbd\\\\udata.${id}.0000000000000000__head_*`;
    const argv = [path.join(osds, '0'), '-name', object];
    const file = execFileSync('find', argv, { encoding: 'utf8' }).trim();
    const fd = openSync(file, 'r');
    try {
      const extents = native?.extents(fd) ?? [];
      const own = extents.find((e) => e.logical <= offset && offset < e.logical + e.length);
      return own === undefined ? -1 : own.physical + offset - own.logical;
    } finally {
      closeSync(fd);
    }
  },
};

describe.each([
  ['BlueStore, on its device', blue],
  ['FileStore, by where its files lie', filestore],
])('--bad-map: %s', (_, { fixture, spec, placeOf }) => {
  const osds = fixtureOsds(fixture);
  const { sha256 } = truthOf(fixture).images[spec]!;
  const others = ['--exclude-osd', 'osd.1', '--exclude-osd', 'osd.2'];
  let catalog: string;
  let truth: Buffer;
  let offset: number;
  let place: number;

  beforeAll(async () => {
    catalog = await scanned(work.path, [osds], `${fixture}.catalog`);
    const whole = at(`${fixture}.whole`);
    await salvage(['export', spec, whole, '--catalog', catalog]);
    expect(await sha256OfFile(whole)).toBe(sha256);
    truth = readFileSync(whole);
    const block = blockWithData(truth);
    offset = block.offset;
    place = placeOf(osds, offset, block.data);
  });

  const exported = (name: string, ...more: string[]) =>
    salvageJson<Report>('export', spec, at(name), '--catalog', catalog, '--force', ...more);

  it('loses just what the map calls bad where no other copy is here', async ({ skip }) => {
    // Some file systems do not tell where their files lie.
    if (place < 0) skip();
    const map = mapOf(`${fixture}.map`, place, 2 ** 50);
    const { json } = await exported(`${fixture}.lost`, '--bad-map', `osd.0=${map}`, ...others);
    expect(json.lost).toMatchObject([{ offset, length: BLOCK }]);
    const wanted = Buffer.from(truth).fill(0, offset, offset + BLOCK);
    expect(readFileSync(at(`${fixture}.lost`)).equals(wanted)).toBe(true);
  });

  it('takes another copy where there is one', async ({ skip }) => {
    if (place < 0) skip();
    const map = mapOf(`${fixture}.map`, place, 2 ** 50);
    const prefer = ['--prefer-osd', 'osd.0'];
    const { json } = await exported(`${fixture}.right`, '--bad-map', `osd.0=${map}`, ...prefer);
    expect(json.complete).toBe(true);
    expect(await sha256OfFile(at(`${fixture}.right`))).toBe(sha256);
  });

  it('counts from where the OSD begins in a map of its whole disk', async ({ skip }) => {
    if (place < 0) skip();
    const start = 1 << 20;
    const map = mapOf(`${fixture}.disk.map`, start + place, 2 ** 50);
    const option = ['--bad-map', `osd.0=${map}@${start}`];
    const { json } = await exported(`${fixture}.part`, ...option, ...others);
    expect(json.lost).toMatchObject([{ offset, length: BLOCK }]);
  });

  it.each([
    ['an OSD that is not here', 'osd.9=x', /names no OSD here/],
    ['no file', 'osd.0', /it must be OSD=FILE/],
    ['a file that is not there', 'osd.0=nowhere.map', /no such file/],
  ])('refuses %s', async (_, option, says) => {
    const argv = ['export', spec, at('none'), '--catalog', catalog, '--bad-map', option];
    const { status, stderr } = await salvage(argv);
    expect(stderr).toMatch(says);
    expect(status).toBe(2);
  });
});
