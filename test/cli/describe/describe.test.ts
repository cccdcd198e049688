import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commandsOf } from '../../../src/cli/describe/command-words.ts';
import { manPage } from '../../../src/cli/describe/man-page.ts';
import { makeProgram } from '../../../src/cli/main.ts';
import { VERSION } from '../../../src/cli/version.ts';
import { salvage } from '../../helpers/program.ts';

const MANUAL = fileURLToPath(new URL('../../../docs/man/rbd-salvage.1', import.meta.url));
const program = await makeProgram(async () => {});
const commands = commandsOf(program);

const runs = (command: string) => spawnSync(command, ['--version']).status === 0;

let work: string;
const scripts: Record<string, string> = {};

beforeAll(async () => {
  work = mkdtempSync(path.join(tmpdir(), 'rbd-salvage-shells-'));
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { stdout, status } = await salvage(['completion', shell]);
    expect(status).toBe(0);
    scripts[shell] = path.join(work, shell === 'zsh' ? '_rbd-salvage' : `completion.${shell}`);
    writeFileSync(scripts[shell], stdout);
  }
});

afterAll(() => rmSync(work, { recursive: true, force: true }));

describe('the manual', () => {
  it('says what the program says: after a change of options, npm run man', () => {
    expect(readFileSync(MANUAL, 'utf8')).toBe(manPage(program, VERSION));
  });

  it('has every command, option and argument that --help has', async () => {
    const manual = readFileSync(MANUAL, 'utf8').replaceAll('\\-', '-');
    for (const { path: words } of commands) {
      const { stdout } = await salvage([...words, '--help']);
      const flags = stdout.toString().match(/^ {2}(-\w, )?--[\w-]+/gm)!;
      for (const flag of flags) expect(manual).toContain(flag.trim().split(', ').at(-1));
      expect(manual).toContain(`.SS ${words.join(' ')}\n`);
    }
  });

  it.skipIf(!runs('man'))('is read by man without a warning (needs man)', () => {
    const argv = ['--warnings', '-l', MANUAL];
    const { stderr, status } = spawnSync('man', argv, {
      encoding: 'utf8',
      env: { ...process.env, MANPAGER: 'cat' },
    });
    expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
  });
});

/** What bash would offer behind these words. */
function bashOffers(...words: string[]): string[] {
  const line = `source "$1"; shift; COMP_WORDS=(rbd-salvage "$@"); COMP_CWORD=$#
    compopt() { :; }; _rbd_salvage; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['-c', line, 'bash', scripts.bash!, ...words], {
    cwd: work,
    encoding: 'utf8',
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter(Boolean);
}

function fishOffers(line: string): string[] {
  const ask = `source ${scripts.fish}; complete -C '${line}'`;
  const { stdout, stderr } = spawnSync('fish', ['--no-config', '-c', ask], { encoding: 'utf8' });
  expect(stderr).toBe('');
  return stdout
    .split('\n')
    .filter(Boolean)
    .map((offer) => offer.split('\t')[0]!);
}

describe('completion', () => {
  it('of bash offers commands, the words of a group, options, and the values they take', () => {
    const names = program.commands.map((command) => command.name());
    expect(bashOffers('')).toEqual(expect.arrayContaining(names));
    expect(bashOffers('snap', '')).toEqual(['ls']);
    expect(bashOffers('export', '--ver')).toEqual(['--verify']);
    expect(bashOffers('export', '--verify', '')).toEqual(['digest', 'replicas', 'none']);
    expect(bashOffers('snap', 'ls', '--format', 'j')).toEqual(['json']);
    expect(bashOffers('scan', '--catalog', 'compl').sort()).toEqual([
      'completion.bash',
      'completion.fish',
    ]);
    expect(bashOffers('completion', 'z')).toEqual(['zsh']);
  });

  it('of bash offers every option of every command', () => {
    for (const { path: words, options } of commands) {
      const offered = bashOffers(...words, '--');
      const long = options.map(({ flags }) => flags.at(-1));
      expect(offered).toEqual(expect.arrayContaining(long));
    }
  });

  it.skipIf(!runs('fish'))('of fish offers the same (needs fish)', () => {
    expect(fishOffers('rbd-salvage snap ')).toEqual(['ls']);
    expect(fishOffers('rbd-salvage export --ver')).toEqual(['--verify']);
    expect(fishOffers('rbd-salvage export --verify ').sort()).toEqual([
      'digest',
      'none',
      'replicas',
    ]);
    expect(fishOffers('rbd-salvage sc')).toEqual(['scan']);
    expect(fishOffers('rbd-salvage completion ').sort()).toEqual(['bash', 'fish', 'zsh']);
  });

  it.skipIf(!runs('zsh'))('of zsh is a function that zsh loads and runs (needs zsh)', () => {
    const line = `
      fpath=(${work} $fpath); autoload -Uz compinit; compinit -D -u
      print -r -- $_comps[rbd-salvage]
      _arguments() { print -rl -- "$@" }
      _describe() { print -rl -- $choices }
      words=(rbd-salvage export --verify ''); CURRENT=4; _rbd-salvage
      words=(rbd-salvage snap ''); CURRENT=3; _rbd_salvage`;
    const { stdout, stderr } = spawnSync('zsh', ['-f', '-c', line], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(stdout).toMatch(/^_rbd-salvage\n/);
    expect(stdout).toMatch(/\*--verify\[check objects .*\]:how:\(digest replicas none\)/);
    expect(stdout).toMatch(/^ls:list an image's snapshots$/m);
  });

  it('refuses a shell that it does not know', async () => {
    const { status, stderr } = await salvage(['completion', 'tcsh']);
    expect(status).toBe(2);
    expect(stderr).toContain('bash, zsh, fish');
  });
});
