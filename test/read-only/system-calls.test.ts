import { readdirSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsOf } from '../../src/cli/describe/command-words.ts';
import { makeProgram } from '../../src/cli/main.ts';
import { fixtureOsds, workDirectory } from '../helpers/fixtures.ts';
import { fingerprint, scanned } from '../helpers/program.ts';
import { type Call, hasStrace, isAbout, mayChange, setsAccessTime, trace } from './trace.ts';

const call = (line: string): Call => ({
  name: line.split('(')[0]!,
  text: line.slice(line.indexOf('(') + 1),
});

describe('what counts as a change', () => {
  it.each([
    'openat(AT_FDCWD</>, "/s/f", O_RDWR) = 3</s/f>',
    'openat(AT_FDCWD</>, "/s/LOCK", O_RDONLY|O_CREAT|O_CLOEXEC, 0644) = 3</s/LOCK>',
    'unlink("/s/f") = 0',
    'renameat2(AT_FDCWD</>, "/x", AT_FDCWD</>, "/s/f", 0) = 0',
    'flock(3</s/LOCK>, LOCK_EX) = 0',
    'fcntl(3</s/LOCK>, F_SETLK, {l_type=F_WRLCK}) = 0',
    'fchmod(3</s/f>, 0600) = 0',
    'utimensat(AT_FDCWD</>, "/s/f", NULL, 0) = 0',
    'fsetxattr(3</s/f>, "user.a", "", 0, 0) = 0',
    'pwrite64(3</s/f>, "a", 1, 0) = 1',
    'ftruncate(3</s/f>, 0) = 0',
    'fallocate(3</s/f>, 0, 0, 1) = 0',
    'mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_SHARED, 3</s/f>, 0) = 0x7f0000000000',
    'ioctl(3</s/block>, BLKDISCARD, [0, 4096]) = 0',
    'mkdir("/s/d", 0777) = 0',
  ])('%s', (line) => {
    expect(isAbout(call(line), '/s')).toBe(true);
    expect(mayChange(call(line))).toBe(true);
  });

  it.each([
    'openat(AT_FDCWD</>, "/s/f", O_RDONLY|O_NOATIME|O_NONBLOCK|O_CLOEXEC) = 3</s/f>',
    'pread64(3</s/f>, "a", 1, 0) = 1',
    'mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, 3</s/f>, 0) = 0x7f0000000000',
    'ioctl(3</s/block>, BLKGETSIZE64, [4096]) = 0',
  ])('does not: %s', (line) => expect(mayChange(call(line))).toBe(false));

  it('is not what only speaks of a source, or is about its neighbour', () => {
    expect(isAbout(call('write(2<pipe:[1]>, "/s/f: damaged", 13) = 13'), '/s')).toBe(false);
    expect(isAbout(call('unlink("/s2/f") = 0'), '/s')).toBe(false);
    expect(isAbout(call('pwrite64(3</t>, "\\331</s/f", 6, 0) = 6'), '/s')).toBe(false);
  });
});

const isRoot = process.getuid?.() === 0;
const work = workDirectory();
const SOURCES = ['basic', 'leveldb', 'blue'] as const;
const catalogs: Record<string, string> = {};
const before: Record<string, string> = {};

beforeAll(async () => {
  for (const name of SOURCES) {
    before[name] = fingerprint(fixtureOsds(name));
    catalogs[name] = await scanned(work.path, [fixtureOsds(name)], `${name}.catalog`);
  }
});

afterAll(() => work.dispose());

const out = (name: string): string => path.join(work.path, name);

/** Each command at least once; those that read most on each kind of source. */
const ARGUMENTS: Readonly<Record<string, string[]>> = {
  ls: ['--long'],
  info: ['rbd/base@gold'],
  export: ['rbd/base@gold', out('export'), '--force', '--verify', 'replicas'],
  check: ['rbd/base@gold', '--read'],
  'snap ls': ['rbd/base'],
  children: ['rbd/base@gold'],
  du: ['rbd/base'],
  diff: ['rbd/base'],
  'export-diff': ['rbd/base', out('diff'), '--force'],
  'trash ls': [],
  'namespace ls': [],
  'pool ls': [],
};

const onTheSpot = (name: string): string[] => ['--osd', fixtureOsds(name)];
const CASES = [
  ...SOURCES.map(
    (name) => ['scan', name, [...onTheSpot(name), '--catalog', out(`${name}.new`)]] as const,
  ),
  ...SOURCES.map((name) => ['export', name, [...ARGUMENTS.export!, ...onTheSpot(name)]] as const),
  ...Object.entries(ARGUMENTS).map(([command, argv]) => [command, 'basic', argv] as const),
  ...['export', 'check', 'export-diff'].map(
    (command) => [command, 'blue', ARGUMENTS[command]!] as const,
  ),
];

describe.skipIf(!hasStrace)('system calls (needs strace)', () => {
  it.each(CASES)('%s on %s changes nothing of a source', async (command, name, argv) => {
    const source = fixtureOsds(name);
    const given =
      argv.includes('--osd') || argv.includes('--catalog') ? [] : ['--catalog', catalogs[name]!];
    const { status, stderr, calls } = await trace(
      [...command.split(' '), ...argv, ...given],
      out('strace'),
    );
    expect({ status, stderr: stderr.includes('a bug') }).toEqual({ status: 0, stderr: false });
    const about = calls.filter((one) => isAbout(one, source));
    expect(about.filter(mayChange)).toEqual([]);
    // Otherwise the kernel would do the work where no file's name is seen.
    expect(
      calls.filter((one) => one.name === 'io_uring_setup' && !/ = -1 /.test(one.text)),
    ).toEqual([]);
    if (/scan|export|check/.test(command)) expect(about.length).toBeGreaterThan(100);
    if (isRoot) expect(about.filter(setsAccessTime)).toEqual([]);
  });

  it('are traced of every command', async () => {
    const tried = new Set<string>(CASES.map(([command]) => command));
    const commands = commandsOf(await makeProgram(async () => {})).map((one) => one.path.join(' '));
    expect(commands.filter((one) => !tried.has(one))).toEqual(['completion']);
  });

  it('left every source as it was, without a file more', () => {
    for (const name of SOURCES) expect(fingerprint(fixtureOsds(name))).toBe(before[name]);
    expect(readdirSync(work.path)).toContain('basic.new');
  });
});
