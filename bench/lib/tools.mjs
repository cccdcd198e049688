import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

export const BENCH = fileURLToPath(new URL('..', import.meta.url));
export const WORK = path.join(BENCH, 'work');

/** A program of bench/c, built when its source is newer. @returns its path */
export function tool(name) {
  const source = path.join(BENCH, 'c', `${name}.c`);
  const built = path.join(WORK, 'bin', name);
  const age = fs.statSync(built, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (age < fs.statSync(source).mtimeMs) {
    fs.mkdirSync(path.dirname(built), { recursive: true });
    execFileSync('cc', ['-O2', '-Wall', '-pthread', '-o', built, source], { stdio: 'inherit' });
  }
  return built;
}

/** `--name value` arguments over defaults; numbers stay numbers. */
export function options(defaults, argv = process.argv.slice(2)) {
  const out = { ...defaults };
  for (let i = 0; i < argv.length; i += 2) {
    const name = argv[i].replace(/^--/, '');
    if (!argv[i].startsWith('--') || !(name in defaults) || argv[i + 1] === undefined) {
      const known = Object.entries(defaults).map(([key, value]) => `  --${key} (${value})`);
      throw new Error(`unknown option ${argv[i]}; there are:\n${known.join('\n')}`);
    }
    out[name] = typeof defaults[name] === 'number' ? Number(argv[i + 1]) : argv[i + 1];
  }
  return out;
}
