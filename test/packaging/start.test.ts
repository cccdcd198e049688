import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf } from '../helpers/fixtures.ts';
import { sha256OfFile } from '../helpers/program.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const { version } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8'));

/** A checkout of its own, with what `npm run build` puts over what tsc makes. */
let work: string;
const at = (...parts: string[]) => path.join(work, ...parts);
const start = (name: string) => at('dist/start', name);

beforeAll(() => {
  work = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-start-'));
  cpSync(path.join(ROOT, 'bin'), at('bin'), { recursive: true });
  copyFileSync(path.join(ROOT, 'package.json'), at('package.json'));
  symlinkSync(path.join(ROOT, 'node_modules'), at('node_modules'));
  mkdirSync(at('dist/cli'), { recursive: true });
  execFileSync(process.execPath, [path.join(ROOT, '.ci/bundle.mjs'), at('dist')], {
    stdio: 'pipe',
  });
  cpSync(at('dist/start'), at('kept'), { recursive: true });
}, 120_000);

afterAll(() => rmSync(work, { recursive: true, force: true }));
beforeEach(() => cpSync(at('kept'), at('dist/start'), { recursive: true }));

const run = (...argv: string[]) =>
  spawnSync(process.execPath, [at('bin/rbd-salvage.js'), ...argv], { encoding: 'utf8' });

/** The loader says whether V8 took what was compiled before. */
function taken(name: 'main' | 'worker', argv: string[]): string {
  const file = start(`${name}.js`);
  const loader = readFileSync(file, 'utf8');
  const tell =
    'process._rawDebug("rejected:", script.cachedDataRejected);\nscript.runInThisContext()';
  writeFileSync(file, loader.replace('script.runInThisContext()', tell));
  return /rejected: (\w+)/.exec(run(...argv).stderr)?.[1] ?? 'nothing said';
}

const SPEC = 'rbd/vm-disk';
const exporting = () => [
  'export',
  SPEC,
  at('out.raw'),
  '--force',
  '-q',
  '--osd',
  fixtureOsds('basic'),
];

describe('the bundled program', () => {
  it('recovers an image, in threads that started from compiled code', async () => {
    expect(taken('worker', exporting())).toBe('false');
    const { status, stderr } = run(...exporting());
    expect({ status, stderr: stderr.replace(/rejected: false\n/g, '') }).toEqual({
      status: 0,
      stderr: '',
    });
    expect(await sha256OfFile(at('out.raw'))).toBe(truthOf('basic').images[SPEC]!.sha256);
  });

  it('takes globs, patterns of names and a bar on the terminal, whose packages it loads when it needs them', () => {
    const glob = `${fixtureOsds('basic')}/*`;
    const argv = ['export', 'rbd/vm-*', at('many'), '-n', '--progress', '--osd', glob];
    const { status, stderr, stdout } = run(...argv);
    expect({ status, stdout }).toMatchObject({ status: 0 });
    expect(stderr).toContain('scan');
  });

  it('says in a stack trace which function of which bundle it was', () => {
    writeFileSync(
      start('main.bundle.js'),
      readFileSync(start('main.bundle.js'), 'latin1').replace(
        'async function run(',
        'async function run() { null.x } async function run_(',
      ),
    );
    expect(run('--version').stderr).toMatch(/at run .*dist\/start\/main\.bundle\.js:\d+:\d+/);
  });
});

describe('compiled code', () => {
  const changed = (file: string, change: (bytes: Buffer) => Buffer) =>
    writeFileSync(start(file), change(readFileSync(start(file))));

  it('is taken as it was made', () => {
    expect(taken('main', ['--version'])).toBe('false');
  });

  it.each<[string, (bytes: Buffer) => Buffer]>([
    [
      'with a bit flipped',
      (b) => {
        b[b.length - 4000]! ^= 4;
        return b;
      },
    ],
    ['cut short', (b) => b.subarray(0, -1000)],
    ['empty', () => Buffer.alloc(0)],
    [
      'of another Node',
      (b) => {
        b[0]! ^= 1;
        return b;
      },
    ],
  ])('%s is left', (_, change) => {
    changed('main.cache', change);
    expect(taken('main', ['--version'])).toBe('undefined');
    expect(run('--version')).toMatchObject({ status: 0, stdout: `${version}\n` });
  });

  it('of another source of the same length is left', () => {
    const other = [...String(version)].reverse().join('').replace(/^/, '');
    changed('main.bundle.js', (b) => {
      const text = b.toString('latin1');
      const edited = text.replace(`version:"${version}"`, `version:"9${other.slice(1)}"`);
      expect(edited).not.toBe(text);
      return Buffer.from(edited, 'latin1');
    });
    expect(run('--version').stdout).toBe(`9${other.slice(1)}\n`);
  });

  it('of a scan is its own, also in its threads', () => {
    const scan = ['scan', '--osd', fixtureOsds('basic'), '--catalog', at('catalog'), '-q'];
    rmSync(start('main.cache'));
    rmSync(start('worker.cache'));
    expect(taken('worker', scan)).toBe('false');
    expect(taken('main', scan)).toBe('false');
    expect(taken('main', ['--version'])).toBe('undefined');
  });

  it.skipIf(availableParallelism() < 2)(
    'of other commands is good for a scan that leaves a core',
    () => {
      const scan = ['scan', '--osd', fixtureOsds('basic'), '--catalog', at('catalog'), '-q'];
      rmSync(start('worker-scan.cache'));
      expect(taken('worker', [...scan, '--jobs', '1'])).toBe('false');
      expect(taken('main', [...scan, '--jobs', '1'])).toBe('false');
    },
  );

  it('is not needed', () => {
    rmSync(start('main.cache'));
    rmSync(start('worker.cache'));
    expect(run(...exporting())).toMatchObject({ status: 0, stderr: '' });
  });
});

describe('what tsc puts into dist/', () => {
  it('is what runs, not a bundle of older sources', () => {
    const main = at('dist/cli/main.js');
    const reference = readFileSync(main);
    writeFileSync(main, "export const run = async () => { console.log('newer'); return 0; };\n");
    writeFileSync(at('dist/package.json'), '{ "type": "module" }\n');
    expect(run('--version')).toMatchObject({ status: 0, stdout: 'newer\n' });
    writeFileSync(main, reference);
    expect(run('--version').stdout).toBe(`${version}\n`);
  });
});
