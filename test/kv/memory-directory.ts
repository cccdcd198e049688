import { readFileSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import type { Damage } from '../../src/errors/damage.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import type { ByteSource, SourceDirectory } from '../../src/io/ports.ts';
import { type KvStore, openKvStore } from '../../src/kv/kv-store.ts';

/** A directory of byte arrays that counts what is asked of it. */
export class MemoryDirectory implements SourceDirectory {
  readonly path = '/omap';
  readonly files: Map<string, Uint8Array>;
  /** reads beginning at or after this offset of a file fail */
  readonly unreadableFrom = new Map<string, number>();
  reads = 0;
  bytesRead = 0;
  openFiles = 0;

  constructor(files: Iterable<[string, Uint8Array]>) {
    this.files = new Map(files);
  }

  list(): string[] {
    return [...this.files.keys()];
  }

  open(name: string): ByteSource {
    const bytes = this.files.get(name);
    const path = `${this.path}/${name}`;
    if (bytes === undefined) throw sourceIoError('no such file', { path, errno: 'ENOENT' });
    this.openFiles++;
    return {
      path,
      size: bytes.length,
      read: (target, position) => this.#read(name, bytes, target, position),
      close: () => {
        this.openFiles--;
      },
    };
  }

  #read(name: string, bytes: Uint8Array, target: Uint8Array, position: number): number {
    const path = `${this.path}/${name}`;
    if (position + target.length > (this.unreadableFrom.get(name) ?? Number.POSITIVE_INFINITY)) {
      throw sourceIoError('read failed', { path, errno: 'EIO', offset: position });
    }
    const part = bytes.subarray(position, position + target.length);
    target.set(part);
    this.reads++;
    this.bytesRead += part.length;
    return part.length;
  }
}

interface Fixture {
  entries: number;
  sha256: string;
  files: Record<string, string>;
}

/** A database from `data/`, and what its own writer lists (see the README there). */
export function fixture(name: string): { directory: MemoryDirectory; expected: Fixture } {
  const file = new URL(`data/${name}.json`, import.meta.url);
  const expected: Fixture = JSON.parse(readFileSync(file, 'utf8'));
  const files = Object.entries(expected.files).map(([path, packed]): [string, Uint8Array] => [
    path,
    new Uint8Array(inflateRawSync(Buffer.from(packed, 'base64'))),
  ]);
  return { directory: new MemoryDirectory(files), expected };
}

export const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
export const bytesOf = (text: string): Uint8Array => new Uint8Array(Buffer.from(text, 'latin1'));
export const fromHex = (text: string): Uint8Array =>
  new Uint8Array(Buffer.from(text.replace(/\s+/g, ''), 'hex'));

/** Opens and collects damage. */
export function open(directory: SourceDirectory): { store: KvStore; damages: Damage[] } {
  const damages: Damage[] = [];
  return { store: openKvStore(directory, (damage) => damages.push(damage)), damages };
}

/** One line `family key value` per live entry, as the listing programs in `data/` print them. */
export function listing(store: KvStore): string[] {
  return store.families.flatMap((family) =>
    [...store.iterate({}, family)].map(({ key, value }) => `${family} ${hex(key)} ${hex(value)}`),
  );
}
