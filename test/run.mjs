/**
 * Long runs outside vitest: `node test/run.mjs fuzz|damage [OPTIONS]`. Builds program and tests into
 * `test/work/built` and starts `test/NAME/long.ts` of it.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath, pathToFileURL } from 'node:url';

const at = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const [name, ...rest] = process.argv.slice(2);
const tsc = at('../node_modules/typescript/bin/tsc');
const built = spawnSync(process.execPath, [tsc, '-p', at('tsconfig.run.json')], {
  stdio: 'inherit',
});
if (built.status !== 0) process.exit(built.status ?? 1);
process.env.RBD_SALVAGE_ROOT = at('..');
const entry = at(`work/built/test/${name}/long.js`);
process.argv = [process.execPath, entry, ...rest];
await import(pathToFileURL(entry).href);
