import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { detectOsds, sourcePathsOf } from '../../src/store/detect.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';

const work = workDirectory();
afterAll(work.dispose);

const osds = fixtureOsds('basic');
const identity = (n: number) => ({
  clusterFsid: truthOf('basic').fsid,
  whoami: n,
  osdFsid: readFileSync(path.join(osds, `${n}/fsid`), 'latin1').trim(),
});

let serial = 0;
/** osd.0 without its journal and its objects. */
function skeleton(): string {
  const to = path.join(work.path, `osd-${serial++}`);
  mkdirSync(path.join(to, 'current'), { recursive: true });
  const from = path.join(osds, '0');
  for (const name of ['whoami', 'fsid', 'ceph_fsid', 'type'])
    copyTree(path.join(from, name), path.join(to, name));
  for (const name of ['commit_op_seq', 'meta']) {
    copyTree(path.join(from, 'current', name), path.join(to, 'current', name));
  }
  mkdirSync(path.join(to, 'current/2.0_head'));
  return to;
}

describe('an OSD', () => {
  it('is found by its directory', () => {
    expect(detectOsds(path.join(osds, '1'))).toEqual({
      osds: [
        {
          location: {
            kind: 'filestore',
            path: path.join(osds, '1'),
            dataPath: path.join(osds, '1/current'),
          },
          identity: identity(1),
        },
      ],
      problems: [],
    });
  });

  it('is found in a directory of several', () => {
    const found = detectOsds(path.dirname(osds)).osds.map((osd) => osd.identity);
    expect(found).toEqual([identity(0), identity(1), identity(2)]);
  });

  it('is known by its superblock when its small files are gone', () => {
    const osd = skeleton();
    for (const name of ['whoami', 'fsid', 'ceph_fsid', 'type']) rmSync(path.join(osd, name));
    expect(detectOsds(osd).osds[0]!.identity).toEqual(identity(0));
  });

  it.each(['fsid', 'ceph_fsid', 'whoami'])(
    'is known by its superblock when %s was zeroed',
    (name) => {
      const osd = skeleton();
      writeFileSync(path.join(osd, name), Buffer.alloc(37));
      expect(detectOsds(osd).osds[0]!.identity).toEqual(identity(0));
    },
  );

  it('is found by its current/, the files around it telling who it is', () => {
    const osd = skeleton();
    const found = detectOsds(path.join(osd, 'current')).osds[0]!;
    expect(found.location.dataPath).toBe(path.join(osd, 'current'));
    expect(found.identity).toEqual(identity(0));
  });

  it('is found by a current/ that was copied alone and renamed', () => {
    const lone = path.join(work.path, 'lone');
    copyTree(path.join(skeleton(), 'current'), lone);
    expect(detectOsds(lone).osds).toEqual([
      { location: { kind: 'filestore', path: lone, dataPath: lone }, identity: identity(0) },
    ]);
  });

  it('without superblock and files is nameless', () => {
    const osd = skeleton();
    for (const name of ['whoami', 'fsid', 'ceph_fsid', 'current/meta']) {
      rmSync(path.join(osd, name), { recursive: true });
    }
    expect(detectOsds(osd).osds[0]!.identity).toEqual({});
  });
});

describe('what is no OSD', () => {
  const reasons = (p: string) => detectOsds(p).problems.map((problem) => problem.reason);

  it('is told, with what it seems to be', () => {
    const empty = path.join(work.path, 'empty');
    mkdirSync(empty);
    expect(reasons(empty)).toEqual([expect.stringContaining('empty')]);
    mkdirSync(path.join(empty, 'sub'));
    expect(reasons(empty)).toEqual(['no OSD in it']);
    expect(reasons(path.join(work.path, 'gone'))).toEqual(['no such file or directory (ENOENT)']);
    writeFileSync(path.join(work.path, 'file'), 'x');
    expect(reasons(path.join(work.path, 'file'))).toEqual([expect.stringContaining('not an OSD')]);
  });

  it('does not stop at a pipe', () => {
    execFileSync('mkfifo', [path.join(work.path, 'pipe')]);
    expect(reasons(path.join(work.path, 'pipe'))).toHaveLength(1);
  });

  it('ends with links in circles', () => {
    const circle = path.join(work.path, 'circle');
    mkdirSync(circle);
    for (const name of ['a', 'b']) symlinkSync('.', path.join(circle, name));
    expect(reasons(circle)).toEqual(['no OSD in it']);
  });

  it('has an entry called block, but it is a directory', () => {
    const sys = path.join(work.path, 'sys');
    mkdirSync(path.join(sys, 'block'), { recursive: true });
    expect(reasons(sys)).toEqual(['no OSD in it']);
  });
});

it('the fixtures have no other files than those that identity is read from', () => {
  // guards the tests above: `skeleton` must not copy a second source of identity by chance
  expect(readdirSync(path.join(osds, '0'))).toEqual(
    expect.arrayContaining(['fsid', 'whoami', 'ceph_fsid']),
  );
});

describe('the paths that an OSD lies in', () => {
  it('are its links, and what they lead to: a device behind one is no place to write to', () => {
    const to = path.join(work.path, 'linked');
    const disk = path.join(work.path, 'disk.img');
    mkdirSync(to);
    writeFileSync(disk, '');
    symlinkSync(disk, path.join(to, 'block'));
    const main = { path: path.join(to, 'block'), offset: 0 };
    const paths = sourcePathsOf({
      ...{ kind: 'bluestore', path: to, dataPath: main.path },
      devices: { main },
    });
    expect(paths).toContain(to);
    expect(paths).toContain(main.path);
    expect(paths).toContain(disk);
  });
});
