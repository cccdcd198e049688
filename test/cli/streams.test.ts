import { execFileSync, spawnSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import {
  BIN,
  isOneLine,
  salvage,
  scanned,
  sha256,
  sha256OfFile,
  shell,
  start,
  startSalvage,
} from '../helpers/program.ts';

const truth = truthOf('basic');
/** 24 MiB: far more than a pipe holds. */
const SPEC = 'rbd/vm-disk';
const { sha256: wanted } = truth.images[SPEC]!;

const work = workDirectory();
afterAll(() => work.dispose());
let catalog: string;
let directory: string;
let count = 0;
beforeAll(async () => {
  catalog = await scanned(work.path, [fixtureOsds('basic')]);
});
beforeEach(() => {
  directory = path.join(work.path, `streams-${count++}`);
  mkdirSync(directory);
});

const at = (name: string) => path.join(directory, name);
const exporting = (dest: string, ...more: string[]) => [
  ...['export', SPEC, dest, '--catalog', catalog],
  ...more,
];

/** What lies beside DEST, but for the report of an export. */
const there = () => readdirSync(directory).filter((name) => !/\.(report\.json|map)$/.test(name));

describe('standard output', () => {
  it('gets the image and nothing else through a pipe', async () => {
    const { status, stdout, stderr } = await startSalvage(exporting('-')).ended;
    expect(sha256(stdout)).toBe(wanted);
    expect(stderr).toMatch(/complete/);
    expect(status).toBe(0);
  });

  it('gets it into a file', async () => {
    const { status } = await shell(`"$@" > ${at('out.raw')}`, exporting('-'));
    expect(await sha256OfFile(at('out.raw'))).toBe(wanted);
    expect(status).toBe(0);
  });

  it('reports a file that may not grow as large as the image', async () => {
    const limited = await shell(`ulimit -f 2000; "$@" > ${at('out.raw')}`, exporting('-', '-q'));
    expect(limited.stderr).toMatch(/standard output.*EFBIG/);
    expect(isOneLine(limited.stderr)).toBe(true);
    expect(limited.status).toBe(1);
  });

  it('ends quietly when its reader has had enough', async () => {
    const line = `"$@" | head -c 1000; echo " \${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await shell(line, exporting('-', '-q'));
    expect(stdout.toString('latin1', 1000)).toBe(' 1\n');
    expect(isOneLine(stderr)).toBe(true);
    expect(stderr).toMatch(/closed/);
  });

  it('ends without a stack trace when the reader of a listing has had enough', async () => {
    for (const command of ['ls -l', 'ls --format json', 'info rbd/plain']) {
      const line = `"$@" | true; echo "\${PIPESTATUS[0]}"`;
      const argv = [...command.split(' '), '--catalog', catalog];
      const { stdout, stderr } = await shell(line, argv);
      expect(stderr).not.toMatch(/\n\s+at |Unhandled/);
      // Whoever is quick enough gets everything into the pipe before it is closed.
      expect(stdout.toString()).toMatch(/^[01]\n$/);
    }
  });

  it('refuses JSON where the image itself goes to standard output', async () => {
    const { status, stdout, stderr } = await salvage(exporting('-', '--format', 'json'));
    expect(status).toBe(2);
    expect(stdout.length).toBe(0);
    expect(isOneLine(stderr)).toBe(true);
  });
});

describe('special files as DEST', () => {
  it('writes to a FIFO, waiting for its reader', async () => {
    const line = `mkfifo ${at('fifo')}; (sleep 0.5; cat ${at('fifo')} > ${at('copy')}) & "$@"; s=$?; wait; exit $s`;
    const { status, stderr } = await shell(line, exporting(at('fifo')));
    expect(`${status} ${stderr}`).toMatch(/^0 .*complete/s);
    expect(await sha256OfFile(at('copy'))).toBe(wanted);
    expect(readdirSync(directory).sort()).toEqual(['copy', 'fifo']);
  });

  it('says so when the reader of a FIFO goes away', async () => {
    const line = `mkfifo ${at('fifo')}; head -c 1000 ${at('fifo')} > ${at('copy')} & "$@"; s=$?; wait; exit $s`;
    const { status, stderr } = await shell(line, exporting(at('fifo'), '-q'));
    expect(isOneLine(stderr)).toBe(true);
    expect(stderr).toMatch(/closed/);
    expect(status).toBe(1);
  });

  it('heeds a signal while a FIFO has no reader', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const { child, ended } = startSalvage(exporting(at('fifo'), '--progress'));
    child.stderr!.once('data', () => child.kill('SIGTERM'));
    expect((await ended).status).toBe(130);
  });

  it('does not wait for the other end of a FIFO in place of a catalog or log', async () => {
    execFileSync('mkfifo', [at('fifo')]);
    const osds = fixtureOsds('basic');
    for (const [argv, wanted] of [
      [['ls', '--catalog', at('fifo')], 2],
      [['scan', '--osd', osds, '--catalog', at('fifo')], 2],
      [exporting(at('out'), '--log', at('fifo')), 1],
    ] as const) {
      const { status, stderr } = await shell('timeout -s KILL 30 "$@"', [...argv]);
      expect(stderr).toContain(at('fifo'));
      expect(status).toBe(wanted);
    }
  });

  it('writes its log into a pipe that somebody reads', async () => {
    // The shell holds it open, so that there is a reader from the beginning.
    const pipe = `mkfifo ${at('fifo')}; exec 3<>${at('fifo')}; cat ${at('fifo')} > ${at('copy')} 3>&- &`;
    const line = `${pipe} "$@" 3>&-; s=$?; exec 3>&-; wait; exit $s`;
    const { status } = await shell(line, exporting(at('out'), '-q', '--log', at('fifo')));
    expect(status).toBe(0);
    expect(readFileSync(at('copy'), 'utf8').trim().split('\n').length).toBeGreaterThan(2);
  });

  it('writes to a character device', async () => {
    const { status, stderr } = await salvage(exporting('/dev/null'));
    expect(stderr).toMatch(/complete/);
    expect(status).toBe(0);
  });

  it('reports a character device that is full', async () => {
    const { status, stderr } = await salvage(exporting('/dev/full', '-q'));
    expect(stderr).toMatch(/\/dev\/full.*ENOSPC/);
    expect(isOneLine(stderr)).toBe(true);
    expect(status).toBe(1);
  });
});

describe('an export that is stopped', () => {
  /**
   * Exports in a process that signals itself once its progress is shown. Node hears of a real signal
   * some turns of its loop later, when a small export may be over: only the FIFO above can wait.
   */
  const interrupted = (signal: NodeJS.Signals, ...more: string[]) => {
    const main = JSON.stringify(new URL('../../dist/cli/main.js', import.meta.url));
    const code = `
      import { Writable } from 'node:stream';
      const { run } = await import(${main});
      const argv = process.argv.slice(1);
      let signal = argv.shift();
      const stderr = new Writable({
        write(chunk, _, done) {
          process.stderr.write(chunk);
          if (signal === 'SIGKILL') process.kill(process.pid, signal);
          else if (signal) process.emit(signal, signal);
          signal = undefined;
          done();
        },
      });
      process.exitCode = await run(argv, { stdout: process.stdout, stderr });
    `;
    const argv = exporting(at('out.raw'), '--progress', ...more);
    return start(process.execPath, ['--input-type=module', '-e', code, '--', signal, ...argv])
      .ended;
  };

  it.each(['SIGINT', 'SIGTERM'] as const)(
    'exits with 130 on %s and leaves nothing behind',
    async (signal) => {
      const { status, stderr } = await interrupted(signal);
      expect(stderr).toMatch(/interrupted/);
      expect(stderr).not.toMatch(/\n\s+at /);
      expect(status).toBe(130);
      expect(there()).toEqual([]);
    },
  );

  it('leaves no DEST after SIGKILL, and the same command completes it', async () => {
    const outcome = await interrupted('SIGKILL');
    expect(outcome.signal).toBe('SIGKILL');
    expect(existsSync(at('out.raw'))).toBe(false);
    expect(there()).toEqual(['out.raw.partial']);
    expect((await salvage(exporting(at('out.raw')))).status).toBe(0);
    expect(await sha256OfFile(at('out.raw'))).toBe(wanted);
    expect(there()).toEqual(['out.raw']);
  });

  it('keeps the file that --force was to replace', async () => {
    writeFileSync(at('out.raw'), 'mine');
    expect((await interrupted('SIGINT', '--force')).status).toBe(130);
    expect(readFileSync(at('out.raw'), 'utf8')).toBe('mine');
    expect(there()).toEqual(['out.raw']);
  });

  it('refuses a second export to the same DEST while one runs', async () => {
    let second: ReturnType<typeof salvage> | undefined;
    const first = await salvage(exporting(at('out.raw'), '--progress'), () => {
      second ??= salvage(exporting(at('out.raw')));
    });
    const { status, stderr } = await second!;
    // Between the first one's end and its report the second finds nothing left to do.
    const isDone = /complete: nothing lost/.test(stderr);
    expect(stderr).toMatch(isDone ? /0 B written/ : /another export is writing|exists/);
    expect(status).toBe(isDone ? 0 : 2);
    expect(first.status).toBe(0);
    expect(await sha256OfFile(at('out.raw'))).toBe(wanted);
  });

  it('ends, with its progress shown, when DEST fails', async () => {
    const argv = exporting(at('out.raw'), '--progress');
    const { status, stderr } = await shell('ulimit -f 2000; "$@"', argv);
    expect(stderr).toMatch(/EFBIG/);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(status).toBe(1);
    expect(there()).toEqual([]);
  });
});

describe('progress', () => {
  it('is shown on stderr where it is asked for, and ends complete', async () => {
    const { stderr, stdout } = await salvage(exporting(at('out.raw'), '--progress'));
    expect(stderr).toMatch(/export.*100%.*24\.0 MiB of 24\.0 MiB/);
    expect(stdout.length).toBe(0);
  });

  it.each([['--no-progress'], ['--quiet'], ['--quiet', '--progress']])(
    'is not shown with %s %s',
    async (...flags) => {
      const { stderr } = await salvage(exporting(at('out.raw'), ...flags.filter(Boolean)));
      expect(stderr).not.toMatch(/%/);
      if (flags.includes('--quiet')) expect(stderr).toBe('');
    },
  );

  it('is not shown by itself where stderr is no terminal', async () => {
    const { stderr } = await salvage(exporting(at('out.raw')));
    expect(stderr).not.toMatch(/%/);
    expect(stderr).toMatch(/rbd\/vm-disk -> .*24\.0 MiB.*on disk/);
  });
});

describe('a disk that is full', () => {
  /** Runs the program with one of its streams on such a disk. */
  function runWith(full: 1 | 2, ...argv: string[]) {
    const fd = openSync('/dev/full', 'w');
    const stdio = ['ignore', full === 1 ? fd : 'pipe', full === 2 ? fd : 'pipe'] as const;
    const { status, stderr } = spawnSync(process.execPath, [BIN, ...argv], { stdio: [...stdio] });
    closeSync(fd);
    return { status, stderr: stderr?.toString() ?? '' };
  }

  it('takes no answer, which is said in a line', () => {
    for (const argv of [['ls', '--catalog', catalog], exporting('-', '-q')]) {
      const { status, stderr } = runWith(1, ...argv);
      expect(stderr).toMatch(/cannot write to standard output: .*ENOSPC/);
      expect(stderr).not.toMatch(/^ +at /m);
      expect(status).toBe(1);
    }
  });

  it('stops no export for its messages', () => {
    const out = path.join(work.path, 'told.raw');
    expect(runWith(2, ...exporting(out)).status).toBe(0);
    expect(existsSync(out)).toBe(true);
  });
});
