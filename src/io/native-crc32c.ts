import { createRequire } from 'node:module';
import { type Crc32c, offerCrc32c } from '../bytes/crc32c.ts';
import { crc32cInJavaScript } from '../bytes/crc32c-table.ts';

/** Imported by what starts a thread: checksums are computed in native code from then on. */
offerCrc32c(() => {
  try {
    const library = createRequire(import.meta.url)('@node-rs/crc32');
    return (library as { crc32c: Crc32c }).crc32c;
  } catch {
    // From a file system mounted noexec no binary can be loaded, and some platforms have none.
    return crc32cInJavaScript;
  }
});
