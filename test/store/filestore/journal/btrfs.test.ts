import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { detectOsds } from '../../../../src/store/detect.ts';
import { workDirectory } from '../../../helpers/fixtures.ts';

const work = workDirectory();
afterAll(work.dispose);

let osd: string;
let n = 0;
beforeEach(() => {
  osd = path.join(work.path, `osd-${n++}`);
  for (const [name, seq] of [
    ['current', 130],
    ['snap_98', 98],
    ['snap_120', 120],
    ['snap_bad', 1],
  ]) {
    mkdirSync(path.join(osd, String(name), 'meta'), { recursive: true });
    writeFileSync(path.join(osd, String(name), 'commit_op_seq'), `${seq}\n`);
  }
});

const chosen = (): string[] =>
  detectOsds(osd).osds.map((one) => path.relative(osd, one.location.dataPath));

it('takes the newest snapshot of an OSD on btrfs', () => {
  expect(chosen()).toEqual(['snap_120']);
});

it('takes current/ where it says that the snapshots are older', () => {
  writeFileSync(path.join(osd, 'current', 'nosnap'), '');
  expect(chosen()).toEqual(['current']);
});

it('takes an older snapshot where the newest is no store', () => {
  rmSync(path.join(osd, 'snap_120', 'commit_op_seq'));
  expect(chosen()).toEqual(['snap_98']);
});

it('takes a snapshot where current/ is gone', () => {
  rmSync(path.join(osd, 'current'), { recursive: true });
  expect(chosen()).toEqual(['snap_120']);
});
