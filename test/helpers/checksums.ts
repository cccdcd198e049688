import { prepareXxhash } from '../../src/bytes/xxhash.ts';
import '../../src/io/native-crc32c.ts';

/** vitest's setupFiles: what threads of the program have ready before they open a database. */
await prepareXxhash();
