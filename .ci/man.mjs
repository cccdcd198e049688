// npm run man: writes docs/man/rbd-salvage.1 out of the program's own commands and options.
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { manPage } from '../dist/cli/describe/man-page.js';
import { makeProgram } from '../dist/cli/main.js';
import { VERSION } from '../dist/cli/version.js';

const file = fileURLToPath(new URL('../docs/man/rbd-salvage.1', import.meta.url));
fs.writeFileSync(file, manPage(await makeProgram(async () => {}), VERSION));
