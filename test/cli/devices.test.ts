import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import {
  fingerprint,
  isOneLine,
  salvage,
  scanned,
  sha256,
  sha256OfFile,
} from '../helpers/program.ts';

/** Undone after each test, last first. */
const undo: (() => void)[] = [];
const command = (name: string, ...argv: string[]) =>
  execFileSync(name, argv, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }).trim();

/** Only root may mount, and only some containers let root do it. */
function canMount(): boolean {
  const probe = workDirectory();
  try {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'none', probe.path]);
    return status === 0 && spawnSync('umount', [probe.path]).status === 0;
  } finally {
    probe.dispose();
  }
}

function loopDevice(file: string): string {
  const device = command('losetup', '--find', '--show', file);
  undo.push(() => command('losetup', '--detach', device));
  return device;
}

function canLoop(): boolean {
  const probe = workDirectory();
  try {
    writeFileSync(path.join(probe.path, 'image'), Buffer.alloc(1 << 20));
    loopDevice(path.join(probe.path, 'image'));
    return true;
  } catch {
    return false;
  } finally {
    cleanUp();
    probe.dispose();
  }
}

function cleanUp(): void {
  for (const step of undo.splice(0).reverse()) step();
}

function mounted(type: string, what: string, directory: string, options = 'defaults'): void {
  mkdirSync(directory, { recursive: true });
  command('mount', '-t', type, '-o', options, what, directory);
  undo.push(() => command('umount', directory));
}

function bytesOf(file: string, from: number, length: number): Buffer {
  const fd = openSync(file, 'r');
  try {
    const bytes = Buffer.alloc(length);
    expect(readSync(fd, bytes, 0, length, from)).toBe(length);
    return bytes;
  } finally {
    closeSync(fd);
  }
}

const truth = truthOf('basic');
const work = workDirectory();
afterAll(() => work.dispose());
afterEach(cleanUp);
let catalog: string;
let directory: string;
let count = 0;
beforeAll(async () => {
  catalog = await scanned(work.path, [fixtureOsds('basic')]);
});
beforeEach(() => {
  directory = path.join(work.path, `devices-${count++}`);
  mkdirSync(directory);
});
const exportTo = (spec: string, dest: string, ...more: string[]) =>
  salvage(['export', spec, dest, '--catalog', catalog, '-q', ...more]);

describe.skipIf(!canMount())('DEST on a small file system (needs root, to mount one)', () => {
  it('is refused before anything is written where the image has no room', async () => {
    mounted('tmpfs', 'none', directory, 'size=64k');
    const { status, stderr } = await exportTo('rbd/odd-size', path.join(directory, 'out.raw'));
    expect(stderr).toMatch(/65536 are free/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('fails with one line and without remains where space runs out on the way', async () => {
    mounted('tmpfs', 'none', directory, 'size=64k');
    const dest = path.join(directory, 'out.raw');
    const { status, stderr } = await exportTo('rbd/odd-size', dest, '--no-space-check');
    expect(stderr).toMatch(/no space left on device/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
    expect(readdirSync(directory)).toEqual([]);
  });

  it('takes a sparse image that is larger than the file system', async () => {
    mounted('tmpfs', 'none', directory, 'size=4m');
    const dest = path.join(directory, 'out.raw');
    const { status } = await exportTo('rbd/vm-disk', dest, '--no-space-check');
    expect(status).toBe(0);
    const { sha256: wanted, size } = truth.images['rbd/vm-disk']!;
    expect(sha256(bytesOf(dest, 0, size))).toBe(wanted);
  });

  it('is refused on a file system that is mounted read-only', async () => {
    mounted('tmpfs', 'none', directory, 'ro');
    const { status, stderr } = await exportTo('rbd/odd-size', path.join(directory, 'out.raw'));
    expect(stderr).toMatch(/read-only file system/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
  });
});

describe.skipIf(!canLoop())('a block device as DEST (needs root and loop devices)', () => {
  /** A device of `size` bytes, all 0xff. */
  const dirtyDevice = (size: number): string => {
    const file = path.join(directory, 'disk');
    writeFileSync(file, Buffer.alloc(size, 0xff));
    return loopDevice(file);
  };

  it('is refused without --force', async () => {
    const device = dirtyDevice(8 << 20);
    const { status, stderr } = await exportTo('rbd/odd-size', device);
    expect(stderr).toMatch(/block device, and all that it holds/);
    expect(status).toBe(2);
    expect(bytesOf(device, 0, 4096).every((byte) => byte === 0xff)).toBe(true);
  });

  it.each(['rbd/odd-size', 'rbd/discarded', 'rbd/empty', 'rbd/tiny-objects'])(
    'holds %s and keeps what lies behind it',
    async (spec) => {
      const { sha256: wanted, size } = truth.images[spec]!;
      const device = dirtyDevice(size + (1 << 20));
      const { status, stderr } = await exportTo(spec, device, '--force');
      expect(`${status}${stderr}`).toBe('0');
      expect(sha256(bytesOf(device, 0, size))).toBe(wanted);
      expect(bytesOf(device, size, 1 << 20).every((byte) => byte === 0xff)).toBe(true);
    },
  );

  it('may be exactly as large as the image', async () => {
    const { sha256: wanted, size } = truth.images['rbd/plain']!;
    const device = dirtyDevice(size);
    expect((await exportTo('rbd/plain', device, '--force')).status).toBe(0);
    expect(sha256(bytesOf(device, 0, size))).toBe(wanted);
  });

  it('is refused untouched when it is too small', async () => {
    const { size } = truth.images['rbd/plain']!;
    const device = dirtyDevice(size - 512);
    const { status, stderr } = await exportTo('rbd/plain', device, '--force');
    expect(stderr).toMatch(new RegExp(`${size - 512} bytes, the image ${size}`));
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
    expect(bytesOf(device, 0, size - 512).every((byte) => byte === 0xff)).toBe(true);
  });

  it('is refused while it is mounted', async () => {
    const device = dirtyDevice(16 << 20);
    command('mkfs.ext4', '-q', device);
    mounted('ext4', device, path.join(directory, 'mnt'));
    const { status, stderr } = await exportTo('rbd/odd-size', device, '--force');
    expect(stderr).toMatch(/device or resource busy/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
  });

  it('is refused when a source lies on it', async () => {
    const disk = path.join(directory, 'disk');
    writeFileSync(disk, '');
    truncateSync(disk, 256 << 20);
    const device = loopDevice(disk);
    command('mkfs.ext4', '-q', device);
    const mountPoint = path.join(directory, 'mnt');
    mounted('ext4', device, mountPoint);
    const osds = copyTree(fixtureOsds('compacted'), path.join(mountPoint, 'osd'));
    const before = fingerprint(osds);
    const argv = ['export', 'rbd/plain', device, '--force', '--osd', osds];
    const { status, stderr } = await salvage(argv);
    expect(stderr).toMatch(/holds the source/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(2);
    expect(fingerprint(osds)).toBe(before);
  });

  it('is refused when it shows a file that is a source, and that file when the device is the source', async () => {
    const block = path.join(directory, 'block');
    copyFileSync(path.join(fixtureOsds('blue'), '0/block'), block);
    const device = loopDevice(block);
    const before = await sha256OfFile(block);
    for (const [osd, dest] of [
      [block, device],
      [device, block],
    ] as const) {
      const { status, stderr } = await salvage([
        ...['export', 'rbd/plain', dest, '--force', '--osd', osd],
      ]);
      expect([status, stderr]).toEqual([2, expect.stringMatching(/sources are never written to/)]);
      expect(isOneLine(stderr)).toBe(true);
      expect(await sha256OfFile(block)).toBe(before);
    }
  });
});

describe.skipIf(!canMount())('a source under another name (needs root, to mount one)', () => {
  it('is written to through no other mount of it', async () => {
    const osds = copyTree(fixtureOsds('compacted'), path.join(directory, 'osds'));
    const before = fingerprint(osds);
    const bound = path.join(directory, 'bound');
    mkdirSync(bound);
    command('mount', '--bind', path.join(osds, '1'), bound);
    undo.push(() => command('umount', bound));
    const out = path.join(directory, 'out.raw');
    for (const more of [
      [path.join(bound, 'x.raw')],
      [path.join(bound, 'current/x.raw')],
      [out, '--report', path.join(bound, 'report')],
      [out, '--map', path.join(bound, 'map')],
    ]) {
      const { status, stderr } = await salvage(['export', 'rbd/plain', ...more, '--osd', osds]);
      expect([status, stderr]).toEqual([2, expect.stringMatching(/sources are never written to/)]);
    }
    expect(fingerprint(osds)).toBe(before);
  });
});
