import { describe, expect, it, test } from 'vitest';
import { binaryKey } from '../../../src/bytes/names.ts';
import { NOSNAP } from '../../../src/ceph/encoding.ts';
import type { Damage } from '../../../src/errors/damage.ts';
import type { KvStore } from '../../../src/kv/kv-store.ts';
import {
  DbObjectMap,
  decodeOmapHeader,
  objectKey,
} from '../../../src/store/filestore/db-object-map.ts';
import type { ObjectId } from '../../../src/store/object-store.ts';
import { blob, framed, hex, u8, u32, u64 } from '../../helpers/hex.ts';

const none = new Uint8Array(0);
const id = (name: string, rest: Partial<ObjectId> = {}): ObjectId => ({
  ...{
    pool: 2,
    namespace: none,
    name: Buffer.from(name),
    key: none,
    snap: NOSNAP,
    hash: 0xa,
    shard: -1,
  },
  ...rest,
});

/** A database of pairs; the keys' spaces end in a NUL byte. */
function fakeStore(entries: Record<string, string | Uint8Array>): KvStore {
  const sorted = Object.entries(entries)
    .map(([key, value]) => ({
      key: Buffer.from(key, 'latin1'),
      value: Buffer.from(value as string),
    }))
    .sort((a, b) => Buffer.compare(a.key, b.key));
  return {
    families: ['default'],
    get: (key) => sorted.find((entry) => entry.key.equals(key))?.value,
    *iterate({ from = none, to } = {}) {
      for (const entry of sorted) {
        if (entry.key.compare(from) >= 0 && (!to || entry.key.compare(to) < 0))
          yield entry as never;
      }
    },
    close: () => {},
  };
}

const COLL_META = framed(1, 1, u8(1), u64(0), u32(0), hex('ffffffff'), hex('ff'));
/** _Header v2 of an object, by the definition of the format */
const header = (o: ObjectId, seq: number, parent = 0, generation = 2n ** 64n - 1n) =>
  framed(
    ...([2, 1, u64(seq), u64(parent), u64(1), u8(2), u8(0), COLL_META, u64(NOSNAP)] as const),
    framed(
      ...([
        6,
        3,
        blob(o.key),
        blob(o.name),
        u64(o.snap),
        u32(o.hash),
        u8(0),
        blob(o.namespace),
      ] as const),
      ...[u64(o.pool), u64(generation), u8(o.shard & 0xff), u8(0)],
    ),
    framed(1, 1, u64(0), u32(0), u32(0)),
  );

function open(entries: Record<string, string | Uint8Array>) {
  const damage: Damage[] = [];
  return { map: new DbObjectMap(fakeStore(entries), '/omap', (d) => damage.push(d)), damage };
}

const seq16 = (seq: number) => String(seq).padStart(16, '0');
const user = (seq: number, key: string) => `_USER_${seq16(seq)}_USER_\0${key}`;
const at = (o: ObjectId) => `_HOBJTOSEQ_\0${objectKey(o)}`;

function omap(map: DbObjectMap, o: ObjectId): Record<string, string> {
  const found = map.header(o);
  const entries = found === undefined ? [] : [...map.entries(found)];
  return Object.fromEntries(entries.map((e) => [binaryKey(e.key), binaryKey(e.value)]));
}

describe('object keys, as a real database has them', () => {
  test.each([
    [id('rbd_directory', { hash: 0x30a98c1c }), 'rbd%udirectory...head.2.30A98C1C'],
    [
      id('rbd_header.104b4589638', { namespace: Buffer.from('ns1'), hash: 0x701b1e3c }),
      'rbd%uheader%e104b4589638..ns1.head.2.701B1E3C',
    ],
    [id('', { hash: 12 }), '...head.2.0000000C'],
    [id('per%cent', { pool: 3, hash: 0x616daa8c }), 'per%pcent...head.3.616DAA8C'],
    [
      id('ec_2', { namespace: Buffer.from('n_s'), pool: 4, hash: 0xb00484b5, shard: 1 }),
      'ec%u2..n%us.head.4.B00484B5.ffffffffffffffff.1',
    ],
    [
      id('osd_superblock', { pool: -1, snap: 0n, hash: 0x23c2fcde }),
      'osd%usuperblock...0.none.23C2FCDE',
    ],
  ])('%#: %s', (object, key) => {
    expect(objectKey(object)).toBe(key);
  });
});

describe('the header', () => {
  const real = hex(
    '0201 8e000000 1b00000000000000 0000000000000000 0100000000000000' +
      '02 00 01 01 12000000 01 0000000000000000 00000000 ffffffff ff feffffffffffffff' +
      '0603 38000000 00000000 0d000000 7262645f6469726563746f7279 feffffffffffffff 1c8ca930 00' +
      '00000000 0200000000000000 ffffffffffffffff ff 00' +
      '0101 10000000 0000000000000000 00000000 00000000',
  );

  it('of rbd_directory gives its sequence number, no parent and the object', () => {
    expect(decodeOmapHeader(real)).toMatchObject({
      ...{ seq: 27n, parent: 0n, position: { seq: 0n, transaction: 0, op: 0 } },
      object: { pool: 2, hash: 0x30a98c1c, snap: NOSNAP, shard: -1 },
    });
  });

  it('cut short anywhere is CORRUPT', () => {
    for (let n = 0; n < real.length; n++) {
      expect(() => decodeOmapHeader(real.subarray(0, n))).toThrow(
        expect.objectContaining({ code: 'CORRUPT' }),
      );
    }
  });
});

describe('omap of one object', () => {
  const a = id('a');

  it('is what stands under its sequence number in 16 decimal digits', () => {
    const { map } = open({
      [at(a)]: header(a, 27),
      [user(27, 'k')]: 'v',
      [user(28, 'x')]: 'y',
      '_USER_000000000000001b_USER_\0z': '',
    });
    expect(omap(map, a)).toEqual({ k: 'v' });
  });

  it('keeps keys of any bytes, ascending', () => {
    const keys = ['', '\0', '\xff\xff', 'a', '_USER_'];
    const { map } = open({
      [at(a)]: header(a, 1),
      ...Object.fromEntries(keys.map((k) => [user(1, k), k])),
    });
    const got = [...map.entries(map.header(a)!)].map((e) => binaryKey(e.key));
    expect(got).toEqual([...keys].sort());
  });

  it('is none for an object without a header', () => {
    expect(open({ [user(1, 'k')]: 'v' }).map.header(a)).toBeUndefined();
  });

  it('is found by the header’s value where its key is spelled otherwise', () => {
    const ec = id('e', { pool: 4, shard: 1 });
    const { map } = open({
      '_HOBJTOSEQ_\0e...head.4.ffffffffffffffff.1': header(ec, 7),
      [user(7, 'k')]: 'v',
    });
    expect(omap(map, ec)).toEqual({ k: 'v' });
    expect(map.header(id('e', { pool: 4, shard: 2 }))).toBeUndefined();
  });

  it('is never that of a copy set aside for rolling back', () => {
    const ec = id('e', { pool: 4, shard: 1 });
    const key = '_HOBJTOSEQ_\0e...head.4.0000000A.2a.1';
    expect(open({ [key]: header(ec, 7, 0, 42n) }).map.header(ec)).toBeUndefined();
  });

  it('with a damaged header is reported, not thrown', () => {
    const { map, damage } = open({ [at(a)]: header(a, 27).subarray(0, 40) });
    expect(map.header(a)).toBeUndefined();
    expect(damage[0]!.reason).toContain('omap header of a...head.2.0000000A');
  });

  it('has spilled attributes of its own', () => {
    const { map } = open({ [at(a)]: header(a, 5), [`_USER_${seq16(5)}_AXATTR_\0_attr@1`]: 'v' });
    expect(Buffer.from(map.spilledAttr(map.header(a)!, '_attr@1')!).toString()).toBe('v');
    expect(map.spilledAttr(map.header(a)!, '_')).toBeUndefined();
  });
});

describe('omap shared with a clone (up to Jewel)', () => {
  const a = id('a');
  const node = (seq: number, parent = 0) => ({
    [`_USER_${seq16(seq)}_SYS_\0HEADER`]: header(id(''), seq, parent),
  });
  const complete = (seq: number, start: string, end: string) => ({
    [`_USER_${seq16(seq)}_COMPLETE_\0${start}`]: `${end}\0`,
  });
  const shared = {
    ...{ [at(a)]: header(a, 3, 2), ...node(2, 1), ...node(1) },
    ...{ [user(3, 'own')]: '3', [user(3, 'both')]: '3' },
    ...{ [user(2, 'both')]: '2', [user(2, 'c')]: '2', [user(2, 'm')]: '2' },
    ...{ [user(1, 'c')]: '1', [user(1, 'deep')]: '1' },
  };

  it('is that of all nodes, the nearest first', () => {
    const expected = { both: '3', c: '2', deep: '1', m: '2', own: '3' };
    expect(omap(open(shared).map, a)).toEqual(expected);
  });

  it('has no key of a parent in a region that is complete nearer by', () => {
    expect(omap(open({ ...shared, ...complete(3, 'c', 'm') }).map, a)).toEqual({
      both: '3',
      m: '2',
      own: '3',
    });
  });

  it('has none from an open-ended region on', () => {
    expect(omap(open({ ...shared, ...complete(3, 'c', '') }).map, a)).toEqual({
      both: '3',
      own: '3',
    });
  });

  it('is not cut by a region of the node that has the key, but of those nearer', () => {
    const expected = { both: '3', c: '2', m: '2', own: '3' };
    expect(omap(open({ ...shared, ...complete(2, 'c', 'n') }).map, a)).toEqual(expected);
  });

  it('does not give spilled attributes of a parent', () => {
    const { map } = open({ ...shared, [`_USER_${seq16(2)}_AXATTR_\0_`]: 'v' });
    expect(map.spilledAttr(map.header(a)!, '_')).toBeUndefined();
  });

  it('is reported as missing where a parent is gone', () => {
    const { map, damage } = open({ [at(a)]: header(a, 3, 2), [user(3, 'own')]: '3' });
    expect(omap(map, a)).toEqual({ own: '3' });
    expect(damage[0]!.reason).toContain('node 2');
  });

  it('ends where parents form a loop, and says so', () => {
    const { map, damage } = open({ ...shared, ...node(1, 2) });
    expect(Object.keys(omap(map, a)).sort()).toEqual(['both', 'c', 'deep', 'm', 'own']);
    expect(damage).toHaveLength(1);
  });
});
