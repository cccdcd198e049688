import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import {
  memoryStorage,
  openCatalogForReading,
  openCatalogForWriting,
  replaceCatalog,
} from '../../src/io/catalog-storage.ts';
import type { CatalogStorage } from '../../src/io/ports.ts';
import { workDirectory } from '../helpers/fixtures.ts';

const work = workDirectory();
afterAll(work.dispose);
const at = (name: string) => path.join(work.path, name);
const code = (wanted: string) => expect.objectContaining({ code: wanted });

describe.each([
  ['a file', () => openCatalogForWriting(at(`c${Math.random()}`))],
  ['memory', memoryStorage],
])('%s', (_, open: () => CatalogStorage) => {
  it('gives back what was appended, and no byte beyond', () => {
    const storage = open();
    for (const part of ['abc', '', 'defg']) storage.append(Buffer.from(part));
    storage.sync();
    expect(storage.size()).toBe(7);
    expect(Buffer.from(storage.read(3, 4)).toString()).toBe('defg');
    expect(storage.read(7, 0)).toHaveLength(0);
    expect(() => storage.read(5, 3)).toThrow(code('SOURCE_IO'));
    storage.close();
  });
});

describe('a catalog file', () => {
  it('is kept, cut off and appended to', () => {
    writeFileSync(at('kept'), 'abcdef');
    const storage = openCatalogForWriting(at('kept'));
    storage.truncate(2);
    storage.append(Buffer.from('X'));
    storage.close();
    expect(readFileSync(at('kept'), 'latin1')).toBe('abX');
  });

  it('is written to by one process at a time', () => {
    const storage = openCatalogForWriting(at('locked'));
    expect(() => openCatalogForWriting(at('locked'))).toThrow(code('USAGE'));
    storage.close();
    openCatalogForWriting(at('locked')).close();
  });

  it('is unlocked by the death of its writer', () => {
    const module = fileURLToPath(new URL('../../dist/io/catalog-storage.js', import.meta.url));
    const script = `import('${module}').then((m) => { m.openCatalogForWriting('${at('dead')}'); process.kill(process.pid, 'SIGKILL'); });`;
    const { signal } = spawnSync(process.execPath, ['-e', script]);
    expect(signal).toBe('SIGKILL');
    openCatalogForWriting(at('dead')).close();
  });

  it('that cannot be read or written is told so', () => {
    mkdirSync(at('directory'));
    expect(() => openCatalogForReading(at('gone'))).toThrow(code('SOURCE_IO'));
    expect(() => openCatalogForReading(at('directory')).read(0, 1)).toThrow(code('SOURCE_IO'));
    expect(() => openCatalogForWriting(at('directory'))).toThrow(code('DESTINATION'));
    expect(() => openCatalogForWriting(at('gone/c'))).toThrow(code('DESTINATION'));
  });

  it('on a full device is told so, and the size stays true', () => {
    const storage = openCatalogForWriting('/dev/full');
    expect(() => storage.append(Buffer.from('x'))).toThrow(code('DESTINATION'));
    expect(storage.size()).toBe(0);
    storage.close();
  });

  it('is replaced as a whole or not at all', () => {
    writeFileSync(at('old'), 'old');
    const fails = () =>
      replaceCatalog(at('old'), (storage) => {
        storage.append(Buffer.from('half'));
        throw new Error('stop');
      });
    expect(fails).toThrow('stop');
    expect(readFileSync(at('old'), 'latin1')).toBe('old');
    expect(existsSync(at('old.new'))).toBe(false);
    replaceCatalog(at('old'), (storage) => storage.append(Buffer.from('new')));
    expect(readFileSync(at('old'), 'latin1')).toBe('new');
  });
});
