import { sourceIoError } from '../../src/errors/salvage-error.ts';
import type { CatalogStorage } from '../../src/io/ports.ts';

/** A catalog in one array of bytes, which tests cut and damage. */
export function bytesStorage(
  begin: Uint8Array = new Uint8Array(0),
): CatalogStorage & { bytes: Buffer } {
  const storage = {
    path: 'test.catalog',
    bytes: Buffer.from(begin),
    size: () => storage.bytes.length,
    read: (position: number, length: number) => {
      if (position + length > storage.bytes.length) throw sourceIoError('cut short', {});
      return Buffer.from(storage.bytes.subarray(position, position + length));
    },
    append: (bytes: Uint8Array) => {
      storage.bytes = Buffer.concat([storage.bytes, bytes]);
    },
    truncate: (size: number) => {
      storage.bytes = storage.bytes.subarray(0, size);
    },
    sync: () => {},
    close: () => {},
  };
  return storage;
}
