import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { openDestination } from '../../src/io/destination.ts';
import { allocatedBytes, isStream } from '../../src/io/destination-paths.ts';
import { openSink } from '../../src/io/image-sink.ts';

const root = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-dest-'));
afterAll(() => rmSync(root, { recursive: true }));
let directory: string;
let count = 0;
beforeEach(() => {
  directory = path.join(root, String(count++));
  mkdirSync(directory);
});
const at = (name: string) => path.join(directory, name);

const request = {
  size: 10_000,
  force: false,
  sources: [] as string[],
  need: undefined as number | undefined,
};
const open = (dest: string, rest: Partial<typeof request> = {}) =>
  openDestination({ ...request, dest, ...rest });
const failure = (code: string, message: RegExp) =>
  expect.objectContaining({ code, message: expect.stringMatching(message) });

describe('isStream', () => {
  it('is true of what takes bytes in order only', () => {
    execFileSync('mkfifo', [at('fifo')]);
    symlinkSync(at('fifo'), at('link'));
    for (const dest of ['-', '/dev/null', at('fifo'), at('link')])
      expect(isStream(dest)).toBe(true);
  });

  it('is false of files, directories and what is not there or cannot be seen', () => {
    writeFileSync(at('file'), '');
    const nowhere = [at('missing'), at('file/below'), 'x'.repeat(5000)];
    for (const dest of [at('file'), directory, ...nowhere]) expect(isStream(dest)).toBe(false);
  });
});

describe('openDestination', () => {
  it('gives a file its name only when it is committed', () => {
    const destination = open(at('out'));
    expect(readdirSync(directory)).toEqual(['out.partial']);
    const sink = openSink(destination.target);
    sink.write(Buffer.from('end'), 0, 3, 9997);
    sink.close();
    destination.commit();
    expect(readdirSync(directory)).toEqual(['out']);
    expect(statSync(at('out')).size).toBe(10_000);
    expect(readFileSync(at('out')).subarray(9996).toString('latin1')).toBe('\0end');
    expect(allocatedBytes(at('out'))).toBeLessThan(10_000);
  });

  it('leaves nothing when it is abandoned, and what was there before', () => {
    open(at('new')).abandon();
    expect(readdirSync(directory)).toEqual([]);
    writeFileSync(at('old'), 'mine');
    open(at('old'), { force: true }).abandon();
    expect(readdirSync(directory)).toEqual(['old']);
    expect(readFileSync(at('old'), 'utf8')).toBe('mine');
  });

  it('may be abandoned where completing it has failed', () => {
    const destination = open(at('out'));
    mkdirSync(at('out'));
    expect(() => destination.commit()).toThrow(failure('DESTINATION', /complete.*EISDIR/));
    destination.abandon();
    expect(readdirSync(directory)).toEqual(['out']);
  });

  it('starts with zeros only, whatever an earlier run left', () => {
    writeFileSync(at('out.partial'), Buffer.alloc(20_000, 0xee));
    open(at('out')).commit();
    expect(readFileSync(at('out')).equals(Buffer.alloc(10_000))).toBe(true);
  });

  it('takes images of no bytes, and of more bytes than there are', () => {
    open(at('empty'), { size: 0 }).commit();
    expect(statSync(at('empty')).size).toBe(0);
    open(at('large'), { size: 2 ** 41 }).commit();
    expect(statSync(at('large')).size).toBe(2 ** 41);
    rmSync(at('large'));
  });

  it('refuses a size that the file system cannot hold, leaving nothing', () => {
    expect(() => open(at('out'), { size: 2 ** 53 - 1 })).toThrow(
      failure('DESTINATION', /EFBIG|EINVAL/),
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  it('refuses an image that needs more than is free, unless that is not asked', () => {
    expect(() => open(at('out'), { need: 2 ** 52 })).toThrow(
      failure('DESTINATION', /bytes are|are free/),
    );
    expect(readdirSync(directory)).toEqual([]);
    open(at('out')).abandon();
  });

  it('is locked against another export while it is open', () => {
    const first = open(at('out'));
    expect(() => open(at('out'))).toThrow(failure('USAGE', /another export/));
    first.abandon();
    open(at('out')).abandon();
  });

  it('refuses what lies in the way of the partial file', () => {
    mkdirSync(at('a.partial'));
    execFileSync('mkfifo', [at('b.partial')]);
    symlinkSync('/dev/null', at('c.partial'));
    for (const name of ['a', 'b', 'c']) {
      expect(() => open(at(name))).toThrow(
        expect.objectContaining({ message: expect.stringContaining('.partial') }),
      );
    }
    expect(readdirSync(directory).sort()).toEqual(['a.partial', 'b.partial', 'c.partial']);
  });

  it('refuses a DEST that is, holds or lies in a source', () => {
    mkdirSync(at('osd/current'), { recursive: true });
    writeFileSync(at('osd/current/object'), 'data');
    writeFileSync(at('catalog'), 'catalog');
    symlinkSync(at('osd'), at('link'));
    const sources = [at('osd'), at('catalog'), at('gone')];
    for (const dest of [
      at('osd/out'),
      at('osd/current/object'),
      at('link/current/out'),
      at('osd/../osd/out'),
      at('catalog'),
      at('osd'),
    ]) {
      expect(() => open(dest, { force: true, sources })).toThrow(
        failure('USAGE', /never written to/),
      );
    }
    expect(readFileSync(at('osd/current/object'), 'utf8')).toBe('data');
    // A name that only begins like a source's is none.
    open(at('osd-copy'), { sources }).abandon();
    open(at('gone-too'), { sources }).abandon();
  });

  it('finds sources through links in the path of the source as well', () => {
    mkdirSync(at('real'));
    symlinkSync(at('real'), at('alias'));
    expect(() => open(at('real/out'), { sources: [at('alias')] })).toThrow(
      failure('USAGE', /inside/),
    );
    expect(() => open(at('alias/out'), { sources: [at('real')] })).toThrow(
      failure('USAGE', /inside/),
    );
  });

  it('replaces a file whole: who has it open keeps the old one', () => {
    writeFileSync(at('out'), Buffer.alloc(50_000, 1));
    const { ino } = statSync(at('out'));
    open(at('out'), { force: true }).commit();
    expect(statSync(at('out')).ino).not.toBe(ino);
    expect(statSync(at('out')).size).toBe(10_000);
  });
});

describe('allocatedBytes', () => {
  it('is what a file takes on disk, and unknown of anything else', () => {
    writeFileSync(at('file'), Buffer.alloc(8192, 1));
    expect(allocatedBytes(at('file'))).toBeGreaterThanOrEqual(8192);
    expect(allocatedBytes('/dev/null')).toBeUndefined();
    expect(allocatedBytes(at('missing'))).toBeUndefined();
  });
});
