import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nameToText } from '../../../src/bytes/names.ts';
import { decodeObjectInfo } from '../../../src/ceph/object-info.ts';
import type { Damage } from '../../../src/errors/damage.ts';
import { FileStoreReader } from '../../../src/store/filestore/filestore-reader.ts';
import { parseFileName } from '../../../src/store/filestore/object-filename.ts';
import type { ObjectRef } from '../../../src/store/object-store.ts';
import { copyTree, fixtureOsds, truthOf, workDirectory } from '../../helpers/fixtures.ts';

const work = workDirectory();
afterAll(work.dispose);

function reader(osd: string) {
  const damage: Damage[] = [];
  const location = { kind: 'filestore', path: osd, dataPath: path.join(osd, 'current') } as const;
  return { store: new FileStoreReader(location, (d) => damage.push(d)), damage };
}

/** Objects of an OSD whose names begin so. */
function objects(osd: string, begin: string): ObjectRef[] {
  const found: ObjectRef[] = [];
  const walk = (directory: string) => {
    const absolute = path.join(osd, 'current', directory);
    for (const entry of readdirSync(absolute, { withFileTypes: true, encoding: 'buffer' })) {
      const file = entry.name as unknown as Buffer;
      if (entry.isDirectory()) walk(`${directory}/${file}`);
      else add(directory, file);
    }
  };
  const add = (directory: string, fileName: Buffer) => {
    const parsed = parseFileName(fileName);
    const id = { ...parsed, pool: parsed.pool! };
    if (!nameToText(id.name).startsWith(begin)) return;
    found.push({ id, directory: Buffer.from(directory), fileName });
  };
  for (const name of readdirSync(path.join(osd, 'current'))) if (name.endsWith('_head')) walk(name);
  return found;
}

describe.each(['basic', 'leveldb', 'compacted'])('a real OSD (%s)', (fixture) => {
  const osd = path.join(fixtureOsds(fixture), '0');
  const { store, damage } = reader(osd);
  afterAll(() => store.close());

  it('tells what rbd_directory says: the images that rbd listed', () => {
    const ids = Object.entries(truthOf(fixture).images)
      .filter(
        ([spec, { id, trash, headless }]) =>
          /^rbd\/[^/@]*$/.test(spec) && id && !trash && !headless,
      )
      .map(([spec, { id }]) => `${spec.slice(4)}=${id}`);
    const directory = objects(osd, 'rbd_directory').find(
      (ref) => ref.id.pool === 2 && ref.id.namespace.length === 0,
    )!;
    const listed = [...store.omap(directory.id)]
      .map(({ key, value }) => [nameToText(key), nameToText(value.subarray(4))] as const)
      .filter(([key]) => key.startsWith('name_'))
      .map(([key, id]) => `${key.slice(5)}=${id}`);
    expect(listed).toEqual(expect.arrayContaining(ids));
    expect(damage).toEqual([]);
  });

  it('has object_info of every object that names the object itself', () => {
    const refs = objects(osd, 'rbd_');
    expect(refs.length).toBeGreaterThan(50);
    for (const ref of refs) {
      const object = store.open(ref);
      const info = decodeObjectInfo(object.attr('_')!);
      expect(nameToText(info.object.name)).toBe(nameToText(ref.id.name));
      expect(info.size).toBe(object.size);
      object.close();
    }
  });

  it('finds attributes that were spilled into omap', () => {
    const locks = objects(osd, 'rbd_header.').map((ref) => {
      const object = store.open(ref);
      const lock = object.attr('_lock.rbd_lock');
      object.close();
      return lock;
    });
    // ext4 keeps two attributes; the lock's name is its third. `internal` is its tag.
    const spilled = locks.filter((lock) => lock !== undefined);
    expect(spilled.length).toBeGreaterThan(3);
    for (const lock of spilled) expect(Buffer.from(lock).includes('internal')).toBe(true);
  });
});

describe('an OSD whose database', () => {
  const [ref] = objects(path.join(fixtureOsds('basic'), '0'), 'rbd_directory');
  const copy = (name: string) => {
    const to = path.join(work.path, name);
    mkdirSync(path.join(to, 'current'), { recursive: true });
    copyTree(path.join(fixtureOsds('basic'), '0/current/omap'), path.join(to, 'current/omap'));
    return to;
  };

  it.each([
    ['is gone', (omap: string) => rmSync(omap, { recursive: true })],
    ['is empty', (omap: string) => [rmSync(omap, { recursive: true }), mkdirSync(omap)]],
  ])('%s does not answer with nothing', (_, damageIt) => {
    const osd = copy(`osd-${_}`);
    damageIt(path.join(osd, 'current/omap'));
    const { store, damage } = reader(osd);
    for (let i = 0; i < 2; i++) {
      expect(() => [...store.omap(ref!.id)]).toThrow(
        expect.objectContaining({ code: 'SOURCE_IO' }),
      );
    }
    expect(store.omapDamaged).toBe(true);
    expect(damage).toHaveLength(1);
    store.close();
  });

  it('is whole does not count as damaged', () => {
    const { store } = reader(copy('whole'));
    expect([...store.omap(ref!.id)].length).toBeGreaterThan(0);
    expect(store.omapDamaged).toBe(false);
    store.close();
  });
});

it('an object that is not there is ENOENT', () => {
  const { store } = reader(path.join(fixtureOsds('basic'), '0'));
  const [ref] = objects(path.join(fixtureOsds('basic'), '0'), 'rbd_directory');
  expect(() => store.open({ ...ref!, fileName: Buffer.from('gone') })).toThrow(
    expect.objectContaining({
      code: 'SOURCE_IO',
      data: expect.objectContaining({ errno: 'ENOENT' }),
    }),
  );
});
