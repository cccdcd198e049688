import { execFileSync } from 'node:child_process';
import {
  closeSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import {
  FileSource,
  listNames,
  readSmallFile,
  shortXattr,
  sourceDirectory,
  tryReadSmallFile,
} from '../../src/io/file-source.ts';
import { native, POSIX_FADV_DONTNEED } from '../../src/io/native.ts';
import { workDirectory } from '../helpers/fixtures.ts';
import { setXattr } from '../helpers/xattrs.ts';

const work = workDirectory();
afterAll(work.dispose);
afterEach(() => {
  vi.unstubAllEnvs();
  vi.resetModules();
});

const at = (name: string) => path.join(work.path, name);
function file(name: string, content: string | Uint8Array): string {
  writeFileSync(at(name), content);
  return at(name);
}

describe('reading', () => {
  it('fills the target, short only at the end', () => {
    const source = new FileSource(file('digits', '0123456789'));
    const read = (n: number, position: number) => {
      const target = Buffer.alloc(n, '.');
      return [source.read(target, position), target.toString()];
    };
    expect(source.size).toBe(10);
    expect(read(4, 3)).toEqual([4, '3456']);
    expect(read(4, 8)).toEqual([2, '89..']);
    expect(read(4, 10)).toEqual([0, '....']);
    source.close();
    source.close();
  });

  it('opens paths that are not UTF-8', () => {
    const name = Buffer.concat([Buffer.from(at('')), Buffer.of(0xff)]);
    writeFileSync(name, 'x');
    expect(Buffer.from(readSmallFile(name)).toString()).toBe('x');
  });

  it('says what cannot be opened or read', () => {
    mkdirSync(at('directory'));
    symlinkSync('loop', at('loop'));
    const errno = (run: () => unknown) => {
      try {
        run();
      } catch (error) {
        return (error as { data: { errno: string; path: string } }).data;
      }
      return undefined;
    };
    expect(errno(() => new FileSource(at('gone')))).toEqual({ errno: 'ENOENT', path: at('gone') });
    expect(errno(() => new FileSource(at('loop')))?.errno).toBe('ELOOP');
    expect(errno(() => readSmallFile(at('directory')))).toMatchObject({ errno: 'EISDIR' });
    expect(errno(() => listNames(at('gone')))?.errno).toBe('ENOENT');
    expect(tryReadSmallFile(at('gone'))).toBeUndefined();
  });

  it('does not wait for a pipe', () => {
    execFileSync('mkfifo', [at('pipe')]);
    expect(tryReadSmallFile(at('pipe'))).toHaveLength(0);
  });

  it('leaves the times of a source alone', () => {
    const source = file('times', 'x');
    const before = statSync(source, { bigint: true });
    readSmallFile(source);
    const after = statSync(source, { bigint: true });
    expect([after.atimeNs, after.mtimeNs, after.ctimeNs]).toEqual([
      before.atimeNs,
      before.mtimeNs,
      before.ctimeNs,
    ]);
  });

  it('serves a directory of files by name', () => {
    file('a.sst', 'abc');
    const source = sourceDirectory(work.path).open('a.sst');
    expect(source.size).toBe(3);
    expect(sourceDirectory(work.path).list()).toContain('a.sst');
    source.close();
  });
});

describe('xattrs', () => {
  it('are read whatever their length', () => {
    const source = new FileSource(file('attributes', ''));
    for (const n of [0, 1, 511, 512, 513, 3000]) {
      setXattr(at('attributes'), `user.n${n}`, Buffer.alloc(n, 'v'));
      expect(source.xattr(`user.n${n}`)).toEqual(Buffer.alloc(n, 'v'));
      setXattr(at('attributes'), `user.n${n}`, Buffer.alloc(0));
    }
    expect(source.xattr('user.none')).toBeUndefined();
    expect(source.xattrNames()).toEqual(expect.arrayContaining(['user.n0', 'user.n3000']));
    source.close();
  });

  it.skipIf(native === undefined)('are read by path where they are short', () => {
    const attributes = file('short', '');
    setXattr(attributes, 'user.short', Buffer.from('1234'));
    setXattr(attributes, 'user.long', Buffer.alloc(17));
    const get = (name: string) => shortXattr(attributes, name, 16);
    expect([get('user.short'), get('user.long'), get('user.none')]).toEqual([
      Buffer.from('1234'),
      ...[undefined, undefined],
    ]);
    expect(() => shortXattr(at('gone'), 'user.short', 16)).toThrow('ENOENT');
    expect(() => shortXattr(`${attributes}\0x`, 'user.short', 16)).toThrow('EINVAL');
  });

  it('are none where the file system keeps none', () => {
    const source = new FileSource('/proc/self/status');
    expect(source.xattr('user.ceph._')).toBeUndefined();
    source.close();
  });

  it('are none without native calls', async () => {
    setXattr(file('native', ''), 'user.x', Buffer.from('v'));
    vi.stubEnv('RBD_SALVAGE_NO_NATIVE', '1');
    vi.resetModules();
    const { FileSource: Plain } = await import('../../src/io/file-source.ts');
    const source = new Plain(at('native'));
    expect(source.xattr('user.x')).toBeUndefined();
    expect(source.nextData(0, 10)).toEqual([0, 10]);
    source.close();
  });
});

describe('read-ahead', () => {
  const BYTES = 1 << 20;
  const cachedBytes = (name: string): number => {
    const fd = openSync(at(name), 'r');
    const cached = native?.cachedBytes(fd) ?? -1;
    closeSync(fd);
    return cached;
  };
  function uncached(name: string): string {
    const fd = openSync(file(name, Buffer.alloc(BYTES, 1)), 'r');
    fsyncSync(fd);
    native?.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    closeSync(fd);
    return name;
  }
  // Needs Linux 6.5, and a file system that is not in memory.
  const canTell = cachedBytes(uncached('probe')) === 0;

  it.runIf(canTell)('leaves nothing in the page cache that was not there before', () => {
    const source = new FileSource(at(uncached('once')));
    source.readAhead();
    expect(source.read(Buffer.alloc(BYTES), 0)).toBe(BYTES);
    expect(cachedBytes('once')).toBe(BYTES);
    source.close();
    expect(cachedBytes('once')).toBe(0);
  });

  it.runIf(canTell)('leaves there what was', () => {
    const source = new FileSource(file('cached', Buffer.alloc(BYTES, 1)));
    source.readAhead();
    source.close();
    expect(cachedBytes('cached')).toBe(BYTES);
  });

  it.runIf(canTell)('is not needed for that, and holes count for nothing', () => {
    const fd = openSync(at(uncached('holed')), 'r+');
    ftruncateSync(fd, 8 * BYTES);
    fsyncSync(fd);
    native?.fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    closeSync(fd);
    const readOnce = (leave: boolean) => {
      const source = new FileSource(at('holed'));
      if (leave) source.leaveCache();
      expect(source.read(Buffer.alloc(BYTES), 0)).toBe(BYTES);
      source.close();
      return cachedBytes('holed');
    };
    expect(readOnce(true)).toBe(0);
    expect(readOnce(false)).toBeGreaterThanOrEqual(BYTES);
    expect(readOnce(true)).toBeGreaterThanOrEqual(BYTES);
  });
});

describe('holes', () => {
  const MIB = 1 << 20;
  const fd = openSync(at('sparse'), 'w');
  writeSync(fd, Buffer.alloc(4096, 1), 0, 4096, MIB);
  writeSync(fd, Buffer.alloc(1, 1), 0, 1, 3 * MIB);
  const source = new FileSource(at('sparse'));
  afterAll(() => source.close());

  it('are passed over', () => {
    expect(source.nextData(0, source.size)).toEqual([MIB, MIB + 4096]);
    expect(source.nextData(MIB + 4096, source.size)).toEqual([3 * MIB, 3 * MIB + 1]);
  });

  it('end ranges where they were asked to end', () => {
    expect(source.nextData(MIB + 1000, MIB + 2000)).toEqual([MIB + 1000, MIB + 2000]);
    expect(source.nextData(0, MIB)).toBeUndefined();
    expect(source.nextData(source.size, source.size + MIB)).toBeUndefined();
    expect(source.nextData(5, 5)).toBeUndefined();
  });
});
