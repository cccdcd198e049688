import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { findOsds } from '../../src/cli/find-osds.ts';
import { copyTree, fixtureOsds, workDirectory } from '../helpers/fixtures.ts';

const work = workDirectory();
afterAll(work.dispose);
const at = (name: string) => path.join(work.path, name);
const basic = fixtureOsds('basic');
const numbers = (patterns: string[]) => findOsds(patterns).osds.map((osd) => osd.identity.whoami);

describe('paths', () => {
  it('may be one OSD, a directory of OSDs, or a glob', () => {
    expect(numbers([path.join(basic, '2')])).toEqual([2]);
    expect(numbers([basic])).toEqual([0, 1, 2]);
    expect(numbers([path.join(basic, '[02]')])).toEqual([0, 2]);
  });

  it('that match nothing, or are no OSD, are told', () => {
    writeFileSync(at('file'), '');
    const { osds, problems } = findOsds([at('none-*'), at('gone'), at('file')]);
    expect(osds).toEqual([]);
    expect(problems.map((problem) => problem.path)).toEqual([at('none-*'), at('gone'), at('file')]);
    expect(problems[0]!.reason).toBe('matches nothing');
  });

  it('with brackets in them are taken as they stand', () => {
    mkdirSync(at('disk[1]'));
    symlinkSync(path.join(basic, '1'), at('disk[1]/osd'));
    expect(numbers([at('disk[1]')])).toEqual([1]);
  });
});

describe('the same OSD', () => {
  it('counts once, by link, by its current/ and by a copy of it', () => {
    symlinkSync(path.join(basic, '0'), at('link'));
    const other = at('copy');
    mkdirSync(path.join(other, 'current'), { recursive: true });
    for (const name of ['fsid', 'whoami', 'ceph_fsid', 'current/commit_op_seq', 'current/meta']) {
      copyTree(path.join(basic, '0', name), path.join(other, name));
    }
    const paths = [path.join(basic, '0'), at('link'), path.join(basic, '0/current'), other];
    const { osds, duplicates, problems } = findOsds(paths);
    expect(osds.map((osd) => osd.location.path)).toEqual([paths[0]]);
    expect(duplicates).toHaveLength(3);
    expect(duplicates[0]).toEqual({ path: at('link'), same: paths[0] });
    expect(problems).toEqual([]);
  });

  it('is not one of the same number in another cluster', () => {
    expect(numbers([path.join(basic, '0'), path.join(fixtureOsds('leveldb'), '0')])).toEqual([
      0, 0,
    ]);
  });

  it('is not one of the same number whose cluster nobody knows', () => {
    for (const name of ['x', 'y']) {
      mkdirSync(path.join(at(name), 'current/2.0_head'), { recursive: true });
      writeFileSync(path.join(at(name), 'whoami'), '0\n');
    }
    expect(findOsds([at('x'), at('y')])).toMatchObject({ osds: [{}, {}], duplicates: [] });
    rmSync(at('y'), { recursive: true });
  });
});
