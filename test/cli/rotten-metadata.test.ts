import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { RecoveryReport } from '../../src/cli/render/recovery-report.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvageJson, sha256OfFile } from '../helpers/program.ts';

/** An image of format 1 has its header in an object's bytes, and these have a checksum. */
const SPEC = 'rbd/format1';
const { sha256, size } = truthOf('basic').images[SPEC]!;
/** Of the image's size, little-endian, in the header of format 1: rbd_types.h, `rbd_obj_header_ondisk`. */
const SIZE_BYTE = 82;
const work = workDirectory();
afterAll(() => work.dispose());
const osds = path.join(work.path, 'osds');
let headers: string[];
beforeAll(() => {
  copyTree(fixtureOsds('basic'), osds);
  headers = readdirSync(osds, { recursive: true, encoding: 'utf8' })
    .filter((file) => path.basename(file).startsWith('format1.rbd__head_'))
    .sort()
    .map((file) => path.join(osds, file));
});

/** Flips a bit of an object, and leaves its time as it was: a disk that rots changes no time. */
function rot(file: string): () => void {
  const { atime, mtime } = statSync(file);
  const whole = readFileSync(file);
  const damaged = Buffer.from(whole);
  damaged[SIZE_BYTE]! ^= 0x10;
  const write = (bytes: Buffer) => {
    writeFileSync(file, bytes);
    utimesSync(file, atime, mtime);
  };
  write(damaged);
  return () => write(whole);
}

const exported = () =>
  salvageJson<RecoveryReport>(
    ...['export', SPEC, path.join(work.path, 'out.raw'), '--force', '--osd', osds],
  );

describe('a header whose bytes have rotted', () => {
  it.each([0, 1, 2])('on one disk, number %i of three, counts for nothing', async (number) => {
    expect(headers).toHaveLength(3);
    const heal = rot(headers[number]!);
    const { status, json } = await exported();
    heal();
    expect([status, json.size]).toEqual([0, size]);
    expect(await sha256OfFile(path.join(work.path, 'out.raw'))).toBe(sha256);
  });

  it('on all disks is told of', async () => {
    const heals = headers.map(rot);
    const { status, json } = await exported();
    for (const heal of heals) heal();
    expect([status, json.complete]).toEqual([3, false]);
    expect(json.problems.join()).toMatch(/do not match the checksum in object_info/);
  });
});
