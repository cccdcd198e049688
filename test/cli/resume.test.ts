import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { salvage, salvageJson, scanned, sha256OfFile, startSalvage } from '../helpers/program.ts';

interface Report {
  complete: boolean;
  lost: { offset: number; length: number }[];
  doubtful: { offset: number; length: number }[];
  totals: { bytes_read: number; bytes_kept: number };
}

/** 24 MiB with data of all kinds. */
const SPEC = 'rbd/vm-disk';
const { sha256: wanted, size, id } = truthOf('basic').images[SPEC]!;
const MIB = 1 << 20;

const work = workDirectory();
afterAll(() => work.dispose());
let osds: string;
let catalog: string;
let directory: string;
let count = 0;
beforeAll(async () => {
  osds = copyTree(fixtureOsds('basic'), path.join(work.path, 'osd'));
  catalog = await scanned(work.path, [osds]);
});
beforeEach(() => {
  directory = path.join(work.path, `resume-${count++}`);
  mkdirSync(directory);
});
const at = (name: string) => path.join(directory, name);
const exporting = (...more: string[]) => ['export', SPEC, at('out'), '--catalog', catalog, ...more];
const exported = (...more: string[]) => salvageJson<Report>(...exporting(...more));

/** Files of the image's data objects, of all OSDs: `find` takes a backslash only when escaped. */
const dataFiles = (): string[] =>
  execFileSync('find', [osds, '-name', `rbd\\\\udata.${id}.*_head_*`], { encoding: 'utf8' })
    .trim()
    .split('\n');

/** What a run leaves that was cut short: parts of the output, the rest half written, and its map. */
async function cutShort(undone: [offset: number, length: number][]): Promise<void> {
  expect((await exported()).status).toBe(0);
  renameSync(at('out'), at('out.partial'));
  const fd = openSync(at('out.partial'), 'r+');
  for (const [offset, length] of undone)
    writeSync(fd, Buffer.alloc(length, 0xee), 0, length, offset);
  closeSync(fd);
  const head = readFileSync(at('out.map'), 'utf8').split('\n').slice(0, 7);
  const lines: string[] = [];
  let end = 0;
  for (const [offset, length] of undone) {
    if (offset > end) lines.push(`${end} ${offset - end} +`);
    lines.push(`${offset} ${length} ?`);
    end = offset + length;
  }
  if (end < size) lines.push(`${end} ${size - end} +`);
  writeFileSync(at('out.map'), [...head, ...lines, ''].join('\n'));
}

describe('an export that was cut short', () => {
  it('is gone on with by the same command, and reads nothing again', async () => {
    await cutShort([
      [MIB, 3 * MIB],
      [9 * MIB + 4096, 8192],
    ]);
    const { status, json } = await exported();
    expect(status).toBe(0);
    expect(await sha256OfFile(at('out'))).toBe(wanted);
    expect(json.totals.bytes_kept).toBe(size - 3 * MIB - 8192);
    expect(json.totals.bytes_read).toBeLessThanOrEqual(3 * MIB + 8192);
    expect(existsSync(at('out.partial'))).toBe(false);
  });

  it('believes what the map says is done, and only that', async () => {
    await cutShort([[0, MIB]]);
    const fd = openSync(at('out.partial'), 'r+');
    writeSync(fd, 'changed', 5 * MIB);
    closeSync(fd);
    expect((await exported()).status).toBe(0);
    const out = readFileSync(at('out'));
    expect(out.toString('latin1', 5 * MIB, 5 * MIB + 7)).toBe('changed');
    expect(out.subarray(0, MIB).includes(Buffer.alloc(64, 0xee))).toBe(false);
  });

  it.each([
    ['--restart is given', [], ['--restart']],
    ['it was of another size', [], ['--size', String(size - MIB)]],
    ['nothing had been checked', ['--verify', 'none'], []],
  ])('is begun anew where %s', async (_, before, now) => {
    await cutShort([[0, MIB]]);
    if (before.length > 0) {
      const map = readFileSync(at('out.map'), 'utf8').replace(
        '"verify":"digest"',
        '"verify":"none"',
      );
      writeFileSync(at('out.map'), map);
    }
    const { json } = await exported(...now);
    expect(json.totals.bytes_kept).toBe(0);
  });

  it('is begun anew where the file is another one than the map tells of', async () => {
    await cutShort([[0, MIB]]);
    copyFileSync(at('out.partial'), at('copy'));
    renameSync(at('copy'), at('out.partial'));
    const { json } = await exported();
    expect(json.totals.bytes_kept).toBe(0);
    expect(await sha256OfFile(at('out'))).toBe(wanted);
  });

  it('is begun anew where another run has begun it with another map', async () => {
    await cutShort([[0, MIB]]);
    const mine = readFileSync(at('out.map'), 'utf8');
    const partial = statSync(at('out.partial'));
    // What that run leaves when it is cut short at once: a file of the same name and size.
    const { child, ended } = startSalvage(exporting('--map', at('other.map'), '--progress'));
    child.stderr!.once('data', () => child.kill('SIGKILL'));
    await ended;
    if (!existsSync(at('out.partial'))) {
      writeFileSync(at('out.partial'), Buffer.alloc(size));
    }
    expect(statSync(at('out.partial')).birthtimeMs).not.toBe(partial.birthtimeMs);
    writeFileSync(at('out.map'), mine);
    const { json } = await exported('--force');
    expect(json.totals.bytes_kept).toBe(0);
    expect(await sha256OfFile(at('out'))).toBe(wanted);
  });

  it('is begun anew where its map cannot be read', async () => {
    await cutShort([[0, MIB]]);
    const text = readFileSync(at('out.map'), 'utf8');
    writeFileSync(at('out.map'), text.slice(0, -6));
    const { json } = await exported();
    expect(json.totals.bytes_kept).toBe(0);
    expect(await sha256OfFile(at('out'))).toBe(wanted);
  });

  it('leaves alone what lies in the place of its map', async () => {
    writeFileSync(at('out.map'), '# Mapfile. Created by GNU ddrescue version 1.27\n0x0 ? 1\n');
    const { status, stderr } = await salvage(exporting());
    expect(status).toBe(2);
    expect(stderr).toMatch(/out\.map is in the way/);
    expect(readdirSync(directory)).toEqual(['out.map']);
    expect((await exported('--map', at('other.map'))).status).toBe(0);
    expect(existsSync(at('other.map'))).toBe(true);
  });

  it('waits for nothing in the place of its map', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const { status, stderr } = await salvage(exporting('--map', at('fifo')));
    expect(status).toBe(2);
    expect(stderr).toMatch(/fifo is in the way: it is no file/);
    expect(readdirSync(directory)).toEqual(['fifo']);
  });

  it('never keeps its map in a source', async () => {
    const map = path.join(osds, '0/out.map');
    const { status, stderr } = await salvage(exporting('--map', map));
    expect(status).toBe(2);
    expect(stderr).toMatch(/lies inside the source/);
    expect(readdirSync(directory)).toEqual([]);
  });

  const RUNS = 8;
  it(`ends with the right bytes after SIGKILL at ${RUNS} moments`, async () => {
    const begun = Date.now();
    await startSalvage(exporting('--no-progress')).ended;
    const whole = Date.now() - begun;
    for (let run = 1; run <= RUNS; run++) {
      const { child, ended } = startSalvage(exporting('--force', '--restart'));
      setTimeout(() => child.kill('SIGKILL'), (whole * run) / (RUNS + 1));
      const { signal } = await ended;
      if (signal === 'SIGKILL') expect((await salvage(exporting('--force'))).status).toBe(0);
      expect(await sha256OfFile(at('out'))).toBe(wanted);
    }
  }, 120_000);
});

describe('an image with losses', () => {
  let hidden: string[] = [];
  const hide = () => {
    // All copies of one object, under names that a scan made before does not know.
    const first = dataFiles()
      .map((file) => path.basename(file))
      .sort()[1]!;
    hidden = dataFiles().filter((file) => path.basename(file) === first);
    for (const file of hidden) renameSync(file, `${file}.away`);
  };
  const show = () => {
    for (const file of hidden) renameSync(`${file}.away`, file);
    hidden = [];
  };
  beforeEach(hide);
  afterAll(show);

  it('is filled in by the same command when what was lost turns up', async () => {
    const before = await exported();
    expect(before.status).toBe(3);
    expect(before.json.lost).toHaveLength(1);
    const { offset, length } = before.json.lost[0]!;
    const map = readFileSync(at('out.map'), 'utf8');
    const hex = (n: number) => n.toString(16).padStart(8, '0').toUpperCase();
    expect(map).toContain(`0x${hex(offset)}  0x${hex(length)}  -`);
    show();
    const { status, json } = await exported();
    expect(status).toBe(0);
    expect(json).toMatchObject({ complete: true, lost: [], totals: { bytes_kept: size - length } });
    expect(json.totals.bytes_read).toBeLessThanOrEqual(length);
    expect(await sha256OfFile(at('out'))).toBe(wanted);
  });

  it('stays as it is while nothing turns up', async () => {
    await exported();
    const { status, json } = await exported();
    show();
    expect(status).toBe(3);
    expect(json.lost).toHaveLength(1);
    expect(json.totals.bytes_read).toBe(0);
  });

  it('is refused once somebody else has changed it', async () => {
    await exported();
    show();
    utimesSync(at('out'), new Date(), new Date());
    const { mtimeMs } = statSync(at('out'));
    const { status, stderr } = await salvage(exporting());
    expect(stderr).toMatch(/exists; with --force/);
    expect(status).toBe(2);
    expect(statSync(at('out')).mtimeMs).toBe(mtimeMs);
  });

  it('is reported, and not read again, once it is complete and its report is not there', async () => {
    show();
    expect((await exported()).status).toBe(0);
    const { mtimeMs } = statSync(at('out'));
    rmSync(at('out.report.json'));
    const { status, json } = await exported();
    expect(status).toBe(0);
    expect(json).toMatchObject({ complete: true, totals: { bytes_kept: size, bytes_read: 0 } });
    expect(JSON.parse(readFileSync(at('out.report.json'), 'utf8'))).toEqual(json);
    expect(statSync(at('out')).mtimeMs).toBe(mtimeMs);
  });

  it('is refused once it is complete', async () => {
    show();
    expect((await exported()).status).toBe(0);
    const { status, stderr } = await salvage(exporting());
    expect(stderr).toMatch(/exists; with --force/);
    expect(status).toBe(2);
  });
});

const canMount = spawnSync('unshare', ['-m', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;
describe.skipIf(!canMount)('a destination that is full (needs root, to mount one)', () => {
  it('is said, and the same command goes on when there is room', async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'none', directory]);
    try {
      const { status, stderr } = await salvage(exporting('--no-space-check'));
      expect(status).toBe(1);
      expect(stderr).toMatch(/ENOSPC/);
      expect(existsSync(at('out'))).toBe(false);
      execFileSync('mount', ['-o', 'remount,size=64m', directory]);
      expect((await exported()).status).toBe(0);
      expect(await sha256OfFile(at('out'))).toBe(wanted);
    } finally {
      execFileSync('umount', [directory]);
    }
  });
});
