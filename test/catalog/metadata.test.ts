import { describe, expect, it } from 'vitest';
import { readMetadataObject, wantsOf } from '../../src/catalog/metadata.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import type { Damage } from '../../src/errors/damage.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import type { ObjectRef, ObjectStoreReader } from '../../src/store/object-store.ts';

const none = new Uint8Array(0);
const ref = (name: string): ObjectRef => ({
  id: {
    pool: 2,
    namespace: none,
    name: Buffer.from(name),
    key: none,
    snap: NOSNAP,
    hash: 0,
    shard: -1,
  },
  directory: Buffer.from('2.0_head'),
  fileName: none,
});

interface Fake {
  data?: Uint8Array;
  omap?: string[];
  omapDamaged?: boolean;
  fails?: boolean;
}

/** A store in which every object looks the same. */
function store({
  data = none,
  omap = [],
  omapDamaged = false,
  fails = false,
}: Fake): ObjectStoreReader {
  return {
    location: { kind: 'filestore', path: '/osd', dataPath: '/osd/current' },
    omapDamaged,
    open: () => {
      if (fails) throw sourceIoError('cannot open', { path: '/osd/x', errno: 'EIO' });
      return {
        ...{ path: '/osd/x', size: data.length, mtimeMs: 5 },
        attr: (name) => Buffer.from(name),
        read: (target, position) => {
          const part = data.subarray(position, position + target.length);
          target.set(part);
          return part.length;
        },
        nextData: () => undefined,
        close: () => {},
      };
    },
    omap: () => omap.map((key) => ({ key: Buffer.from(key), value: none })),
    pgBits: () => 3,
    close: () => {},
  } satisfies ObjectStoreReader;
}

function read(name: string, fake: Fake) {
  const damage: Damage[] = [];
  return { ...readMetadataObject(store(fake), ref(name), (d) => damage.push(d)), damage };
}

describe('what is kept of an object', () => {
  it.each([
    ['rbd_header.1', { attrs: true, data: false, omap: true }],
    ['rbd_id.x', { attrs: true, data: true, omap: false }],
    ['vm.rbd', { attrs: true, data: true, omap: false }],
    ['rbd_directory', { attrs: true, data: true, omap: true }],
    ['rbd_object_map.1', { attrs: false, data: false, omap: false }],
    ['journal_data.2.1.0', { attrs: false, data: false, omap: false }],
    ['journal.1', { attrs: true, data: false, omap: true }],
    ['', { attrs: false, data: false, omap: true }],
  ])('%s', (name, wants) => {
    expect(wantsOf(ref(name))).toEqual(wants);
  });

  it('is all it has', () => {
    const got = read('rbd_directory', { data: Buffer.from('abc'), omap: ['k'] });
    expect(got).toMatchObject({ size: 3, mtimeMs: 5, damage: [] });
    expect(got.omap).toEqual([[Buffer.from('k'), Buffer.from(none)]]);
    expect([got.data, got.objectInfo, got.snapSet]).toEqual(
      ['abc', '_', 'snapset'].map((t) => Buffer.from(t)),
    );
    expect(got.problem).toBeUndefined();
  });

  it('of PG metadata is everything but log and dup entries', () => {
    const log = '0000000056.00000000000000000089';
    const got = read('', { omap: [log, '_info', `dup_${log}`, 'missing/x'] });
    expect(got.omap?.map(([key]) => Buffer.from(key).toString())).toEqual(['_info', 'missing/x']);
    expect(got.pgBits).toBe(3);
  });
});

describe('what is wrong with it', () => {
  it('is said where the object cannot be read', () => {
    const got = read('rbd_id.x', { fails: true });
    expect(got.problem).toContain('cannot open');
    expect(got.damage).toMatchObject([{ path: '/osd/x' }]);
  });

  it('is said where the database is damaged', () => {
    expect(read('rbd_header.1', { omapDamaged: true }).problem).toContain('damaged');
    expect(read('rbd_id.x', { omapDamaged: true }).problem).toBeUndefined();
  });

  it('is said where only the beginning was kept', () => {
    const data = Buffer.alloc(5 << 20);
    const got = read('rbd_id.x', { data });
    expect(got.data).toHaveLength(4 << 20);
    expect(got.problem).toContain(String(data.length));
  });
});

it('large objects called *.rbd are images only if they begin like one', () => {
  const data = Buffer.alloc(100_000);
  expect(read('backup.rbd', { data }).data).toBeUndefined();
  data.write('<<< Rados Block Device Image >>>\n');
  expect(read('vm.rbd', { data }).data).toHaveLength(100_000);
  expect(read('vm.rbd', { data: Buffer.alloc(112) }).data).toHaveLength(112);
});
