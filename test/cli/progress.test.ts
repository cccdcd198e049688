import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { jsonProgress } from '../../src/cli/json-progress.ts';
import { joinProgress } from '../../src/cli/options.ts';
import type { PhaseStatus } from '../../src/cli/progress-state.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { BIN, fingerprint, Kept, salvage, scanned, start } from '../helpers/program.ts';

const work = workDirectory();
const at = (name: string): string => path.join(work.path, name);
const SPEC = 'rbd/vm-disk';
let catalog: string;

beforeAll(async () => {
  catalog = await scanned(work.path, [fixtureOsds('basic')]);
});

afterAll(() => work.dispose());

type Line = PhaseStatus & { event: string };
const jsonLines = <T>(text: string): T[] =>
  text
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as T);

const SCHEMA = fileURLToPath(new URL('../../docs/schema/progress.json', import.meta.url));
const isLine = new Ajv2020({ allowUnionTypes: true }).compile(
  JSON.parse(readFileSync(SCHEMA, 'utf8')),
);

describe('--progress json', () => {
  it('tells when an export begins, and at its end how much was done and which OSD gave what', async () => {
    const argv = [
      'export',
      SPEC,
      at('a'),
      '--catalog',
      catalog,
      '--progress',
      'json',
      '--format',
      'json',
    ];
    const { status, stderr, stdout } = await salvage(argv);
    expect(status).toBe(0);
    const lines = jsonLines<Line>(stderr);
    expect(lines.filter((line) => !isLine(line))).toEqual([]);
    const { size } = truthOf('basic').images[SPEC]!;
    expect(lines[0]).toMatchObject({
      event: 'begin',
      phase: 'export',
      unit: 'bytes',
      done: 0,
      total: size,
    });
    const last = lines.at(-1)!;
    expect(last).toMatchObject({ event: 'end', done: size, total: size, eta: 0 });
    const given = Object.values(last.osds!).reduce((sum, bytes) => sum + bytes, 0);
    expect(given).toBe(JSON.parse(stdout.toString()).totals.bytes_read);
    expect(given).toBeGreaterThan(0);
  });

  it('counts the objects of each OSD in a scan', async () => {
    const argv = ['scan', '--osd', fixtureOsds('basic'), '--catalog', at('b'), '--format', 'json'];
    const { stderr, stdout } = await salvage([...argv, '--progress=json']);
    const last = jsonLines<Line>(stderr).at(-1)!;
    expect(isLine(last)).toBe(true);
    const { objects, osds } = JSON.parse(stdout.toString());
    expect(last).toMatchObject({ event: 'end', phase: 'scan', unit: 'objects', total: null });
    const names = osds.map(({ name }: { name: string }) => name).sort();
    expect(Object.keys(last.osds!).sort()).toEqual(names);
    expect(last.done).toBeGreaterThanOrEqual(objects);
  });

  it('goes on telling while nothing gets on, with rate and time left', () => {
    vi.useFakeTimers();
    try {
      const stream = new Kept();
      const progress = jsonProgress(stream);
      progress.begin('export', 'bytes', 1000);
      progress.advance(250);
      vi.advanceTimersByTime(2500);
      progress.end();
      const lines = jsonLines<Line>(stream.bytes.toString());
      expect(lines.map(({ event }) => event)).toEqual(['begin', 'progress', 'progress', 'end']);
      expect(lines[2]).toMatchObject({ done: 250, rate: 125, seconds: 2, eta: 6 });
      vi.advanceTimersByTime(5000);
      expect(jsonLines<Line>(stream.bytes.toString())).toHaveLength(4);
    } finally {
      vi.useRealTimers();
    }
  });

  it('takes no argument of the command for its value', () => {
    expect(joinProgress(['export', '--progress', 'rbd/x', 'out'])).toEqual([
      'export',
      '--progress=bar',
      'rbd/x',
      'out',
    ]);
    expect(joinProgress(['ls', '--progress', 'json', 'rbd'])).toEqual([
      'ls',
      '--progress=json',
      'rbd',
    ]);
    expect(joinProgress(['ls', '--no-progress', '--', '--progress'])).toEqual([
      'ls',
      '--no-progress',
      '--',
      '--progress',
    ]);
  });
});

interface Entry {
  at: string;
  event: string;
  [field: string]: unknown;
}

describe('--log', () => {
  it('appends which copy of which object was taken, of which it could have been, and how it ended', async () => {
    const log = at('c.log');
    writeFileSync(log, '{"event":"mine"}\n');
    const argv = ['export', SPEC, at('c'), '--catalog', catalog, '--log', log];
    expect((await salvage(argv)).status).toBe(0);
    const entries = jsonLines<Entry>(readFileSync(log, 'utf8'));
    expect(entries.map(({ event }) => event)).toEqual(
      expect.arrayContaining(['mine', 'begin', 'read', 'end']),
    );
    expect(entries[0]!.event).toBe('mine');
    const reads = entries.filter(({ event }) => event === 'read');
    const { id } = truthOf('basic').images[SPEC]!;
    expect(reads).toEqual([
      expect.objectContaining({
        object: `rbd_data.${id}.0000000000000000`,
        among: ['osd.0', 'osd.1', 'osd.2'],
        how: 'current',
        osd: expect.stringMatching(/^osd\.[012]$/),
      }),
    ]);
    expect(entries.at(-1)).toMatchObject({ event: 'end', status: 0 });
    expect(Math.abs(Date.now() - Date.parse(entries.at(-1)!.at))).toBeLessThan(60_000);
  });

  it('tells of every copy that failed, and why, and of every range that is lost', async () => {
    const osds = copyTree(fixtureOsds('basic'), at('damaged'));
    const own = await scanned(work.path, [osds], 'damaged.catalog');
    const { id } = truthOf('basic').images[SPEC]!;
    const { stdout } = await start('find', [
      osds,
      '-type',
      'f',
      '-name',
      `*${id}.0000000000000000__head*`,
    ]).ended;
    const files = stdout.toString().split('\n').filter(Boolean);
    expect(files).toHaveLength(3);
    for (const file of files) appendFileSync(file, 'x');
    const log = at('d.log');
    const { status } = await salvage(['export', SPEC, at('d'), '--catalog', own, '--log', log]);
    expect(status).toBe(3);
    const entries = jsonLines<Entry>(readFileSync(log, 'utf8'));
    const failed = entries.filter(({ event }) => event === 'failed');
    expect(failed.map(({ osd }) => osd).sort()).toEqual(['osd.0', 'osd.1', 'osd.2']);
    for (const { why } of failed) expect(why).toMatch(/bytes|size/);
    const taken = entries.filter(({ event }) => event === 'read');
    expect(taken).toEqual([expect.objectContaining({ how: 'whole', why: expect.any(String) })]);
    const ranges = entries.filter(({ event }) => event === 'range');
    expect(ranges.length).toBeGreaterThan(0);
    expect(ranges[0]).toMatchObject({ what: 'doubtful', object: taken[0]!.object });
    expect(entries.at(-1)).toMatchObject({ event: 'end', status: 3 });
  });

  it('holds the error that ended a command', async () => {
    const log = at('e.log');
    const argv = ['export', 'rbd/nothing', at('e'), '--catalog', catalog, '--log', log];
    expect((await salvage(argv)).status).toBe(1);
    const entries = jsonLines<Entry>(readFileSync(log, 'utf8'));
    expect(entries.at(-1)).toMatchObject({
      event: 'error',
      text: expect.stringContaining('nothing'),
    });
  });

  it.each(['ls', 'scan'])(
    'of %s is refused in a source, and leaves nothing there',
    async (command) => {
      const osds = at('own');
      if (!existsSync(osds)) copyTree(fixtureOsds('basic'), osds);
      const before = fingerprint(osds);
      const more = command === 'scan' ? ['--catalog', at('f.catalog')] : [];
      const argv = [command, '--osd', osds, ...more, '--log', path.join(osds, '0', 'x.log')];
      const { status, stderr } = await salvage(argv);
      expect({ status, isTold: stderr.includes('x.log') }).toEqual({ status: 2, isTold: true });
      expect(fingerprint(osds)).toBe(before);
    },
  );

  it('that cannot be written on stops no recovery', async () => {
    const log = '/dev/full';
    const argv = ['export', SPEC, at('g'), '--catalog', catalog, '--log', log];
    const { status, stderr } = await salvage(argv);
    expect(status).toBe(0);
    expect(stderr).toMatch(/\/dev\/full.*the log ends here/);
  });
});

describe('SIGUSR1', () => {
  it('prints how far the program is, and does not stop it', async () => {
    const fifo = at('fifo');
    const log = at('status.log');
    const pause = () => new Promise((resolve) => setTimeout(resolve, 200));
    expect((await start('mkfifo', [fifo]).ended).status).toBe(0);
    const argv = ['export', 'rbd/split', fifo, '--catalog', catalog, '--no-progress', '--log', log];
    const { child, ended } = start(process.execPath, [BIN, ...argv], 60_000);
    let said = '';
    child.stderr!.on('data', (chunk: Buffer) => {
      said += chunk.toString();
    });
    // Nobody reads the FIFO yet: the export is under way until somebody does. Before the log is there, Node
    // may not have come as far as to listen.
    while (!existsSync(log)) await pause();
    while (!said.includes('rbd-salvage: export: ')) {
      child.kill('SIGUSR1');
      await pause();
    }
    const read = start('sha256sum', [fifo], 60_000);
    const { status } = await ended;
    expect(status).toBe(0);
    const { stdout } = await read.ended;
    expect(stdout.toString()).toContain(truthOf('basic').images['rbd/split']!.sha256);
    expect(said).toMatch(/rbd-salvage: export: [\d.]+ \w+ of 8\.0 MiB, .*\/s/);
    expect(said).not.toContain('Debugger');
  });
});
