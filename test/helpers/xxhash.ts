import { prepareXxhash } from '../../src/bytes/xxhash.ts';

/** vitest's setupFiles: threads of the program await this before they open a database. */
await prepareXxhash();
