import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { fixtureOsds, truthOf, workDirectory } from '../helpers/fixtures.ts';
import { BIN, sha256OfFile } from '../helpers/program.ts';

const DOCS = fileURLToPath(new URL('../../docs/', import.meta.url));
const guide = readFileSync(path.join(DOCS, 'recovery-guide.md'), 'utf8');

interface Step {
  command: string;
  /** what the guide says that it prints */
  printed: string;
}

/** Commands of the blocks that a comment marks, and what is said to come out. */
function workedExample(fixture: string): Step[] {
  const block = new RegExp(`<!-- worked example: ${fixture} -->\n\`\`\`console\n(.*?)\`\`\``, 'gs');
  return [...guide.matchAll(block)].flatMap(([, text]) =>
    text!
      .split(/^\$ /m)
      .slice(1)
      .map((step) => {
        const end = step.indexOf('\n');
        return { command: step.slice(0, end), printed: step.slice(end + 1) };
      }),
  );
}

/** Without what differs from run to run: times and rates, free space, and how file systems and catalogs pack. */
const comparable = (text: string): string =>
  text
    .replace(/[\d.]+ [KMGTP]?i?B in [\d:]+ \([\d,.]+\/s\)/g, 'SIZE in TIME')
    .replace(/written in [\d:]+ \([\d.]+ [KMG]?i?B\/s\)/g, 'written in TIME')
    .replace(/[\d.]+ [KMGTP]?i?B are free/g, 'SIZE are free')
    .replace(/[\d.]+ [KMGTP]?i?B on disk/g, 'SIZE on disk')
    .replace(/^time: about [\d:]+/gm, 'time: about TIME');

const work = workDirectory();
afterAll(() => work.dispose());

const run = (command: string) =>
  spawnSync('bash', ['-c', `exec 2>&1; ${command}`], {
    cwd: work.path,
    encoding: 'utf8',
    env: { ...process.env, PATH: `${path.join(work.path, 'bin')}:${process.env.PATH}` },
  });

const isInstalled = (name: string): boolean => run(`command -v ${name}`).status === 0;

describe('the recovery guide', () => {
  it('shows what the program prints', { timeout: 300_000 }, async () => {
    mkdirSync(path.join(work.path, 'disks'));
    for (const osd of [0, 2]) {
      symlinkSync(
        path.join(fixtureOsds('blue'), `${osd}`),
        path.join(work.path, `disks/osd.${osd}`),
      );
    }
    const program = path.join(work.path, 'bin/rbd-salvage');
    mkdirSync(path.dirname(program));
    writeFileSync(program, `#!/bin/sh\nexec ${process.execPath} ${BIN} "$@"\n`);
    chmodSync(program, 0o755);
    const steps = workedExample('blue');
    expect(steps.length).toBeGreaterThanOrEqual(8);
    for (const { command, printed } of steps) {
      const [name] = command.split(' ');
      if (!isInstalled(name!)) continue;
      const { stdout } = run(command);
      expect(`$ ${command}\n${comparable(stdout)}`).toBe(`$ ${command}\n${comparable(printed)}`);
    }
    const digest = await sha256OfFile(path.join(work.path, 'rescued/rbd/split.raw'));
    expect(digest).toBe(truthOf('blue').images['rbd/split']!.sha256);
  });

  it('names only options that there are', () => {
    const helps = ['scan', 'ls', 'export', 'check', 'export-diff', 'info', 'pool ls']
      .map((command) => run(`${process.execPath} ${BIN} ${command} --help`).stdout)
      .join('\n');
    const known = new Set(helps.match(/--[a-z][a-z0-9-]+/g));
    const commands = guide.match(/rbd-salvage (?:[a-z-]+ )?[^|`\n]*/g) ?? [];
    const used = commands.flatMap((command) => command.match(/--[a-z][a-z0-9-]+/g) ?? []);
    expect(used.length).toBeGreaterThan(20);
    expect(used.filter((option) => !known.has(option))).toEqual([]);
  });

  it('links to pages and headings that exist', () => {
    const anchors = new Set(
      [...guide.matchAll(/^#+ (.*)$/gm)].map(([, title]) =>
        title!
          .toLowerCase()
          .replace(/[^\w\- ]/g, '')
          .replace(/ /g, '-'),
      ),
    );
    for (const [, target] of guide.matchAll(/\]\(([^)]+)\)/g)) {
      if (target!.startsWith('#')) expect(anchors).toContain(target!.slice(1));
      else if (!target!.startsWith('https://'))
        expect(() => readFileSync(path.join(DOCS, target!))).not.toThrow();
    }
  });
});
