import { describe, expect, it } from 'vitest';
import { reverseBits32 } from '../../../src/ceph/hobject.ts';
import { cephStrHashRjenkins } from '../../../src/ceph/placement.ts';
import type { Damage } from '../../../src/errors/damage.ts';
import { corruptError, sourceIoError } from '../../../src/errors/salvage-error.ts';
import type { ByteSource } from '../../../src/io/ports.ts';
import { compareKeys } from '../../../src/kv/key-order.ts';
import type { KvStore } from '../../../src/kv/kv-store.ts';
import {
  collectionRange,
  decodeCnodeBits,
  readCollections,
} from '../../../src/store/bluestore/collections.ts';
import { DataObjectKeyParser } from '../../../src/store/bluestore/data-object-key.ts';
import { decodeObjectKey, encodeObjectKey } from '../../../src/store/bluestore/object-key.ts';
import { omapEntries, omapPlace } from '../../../src/store/bluestore/omap.ts';
import type { Onode } from '../../../src/store/bluestore/onode.ts';
import { PrefixedKv } from '../../../src/store/bluestore/prefixed-kv.ts';
import {
  parseSharding,
  readSharding,
  type Sharding,
  shardOf,
} from '../../../src/store/bluestore/sharding.ts';
import { DataObjectNameParser } from '../../../src/store/filestore/fast-filename.ts';
import { formatFileName } from '../../../src/store/filestore/object-filename.ts';
import { expectTruncationsCorrupt, verdict } from '../../ceph/damage.ts';
import { sourceOf } from '../../fuzz/decoder.ts';
import { hex, patched, u8 } from '../../helpers/hex.ts';
import { PG_META_KEY, RBD_ID_KEY, SHARD_KEY, SPANNING_KEY } from './samples.ts';

/** A database of column families in memory. */
function database(
  families: Record<string, Record<string, string>>,
  sharding?: Sharding,
): PrefixedKv {
  const kv: KvStore = {
    families: Object.keys(families),
    get: (key, family = 'default') => {
      const value = families[family]![Buffer.from(key).toString('latin1')];
      return value === undefined ? undefined : Buffer.from(value, 'latin1');
    },
    *iterate({ from, to } = {}, family = 'default') {
      const entries = Object.entries(families[family]!).map(([key, value]) => ({
        key: Buffer.from(key, 'latin1'),
        value: Buffer.from(value, 'latin1'),
      }));
      for (const entry of entries.sort((a, b) => compareKeys(a.key, b.key))) {
        if (from !== undefined && compareKeys(entry.key, from) < 0) continue;
        if (to !== undefined && compareKeys(entry.key, to) >= 0) return;
        yield entry;
      }
    },
    close: () => {},
  };
  return new PrefixedKv(kv, 'test', sharding);
}

const texts = (entries: Iterable<{ key: Uint8Array; value: Uint8Array }>) =>
  [...entries].map(({ key, value }) => `${Buffer.from(key)}=${Buffer.from(value)}`);

describe('a prefix of the database', () => {
  const kv = database({
    default: { 'L\0z': 'other', 'O\0b': 'old', 'O\0e': '5', 'P\0a': 'other' },
    'O-0': { a: '1', d: '4' },
    'O-1': { b: 'new', c: '3' },
    OO: { a: 'other' },
  });

  it('is merged from all its families and the default one, in key order', () => {
    expect(texts(kv.iterate('O'))).toEqual(['a=1', 'b=new', 'c=3', 'd=4', 'e=5']);
  });

  it('can be read from and up to a key', () => {
    const range = { from: Buffer.from('b'), to: Buffer.from('e') };
    expect(texts(kv.iterate('O', range))).toEqual(['b=new', 'c=3', 'd=4']);
  });

  it('gives the value of a key wherever that is', () => {
    expect(kv.get('O', Buffer.from('e'))).toEqual(Buffer.from('5'));
    expect(kv.get('O', Buffer.from('b'))).toEqual(Buffer.from('new'));
    expect(kv.get('O', Buffer.from('z'))).toBeUndefined();
  });
});

describe('the division of keys among families', () => {
  it('is read from the definition that Ceph 16.2 writes', () => {
    const text = 'm(3) p(3,0-12) O(3,0-13)=block_cache={type=binned_lru} L P';
    expect([...parseSharding(text)]).toEqual([
      ['m', { count: 3, start: 0, end: Number.POSITIVE_INFINITY }],
      ['p', { count: 3, start: 0, end: 12 }],
      ['O', { count: 3, start: 0, end: 13 }],
    ]);
  });

  it('leaves out what it does not understand', () => {
    const text = 'O(three) m(3 p(0) L(1) x(2,-5) y(4,2-) (3) z(2)w q(99999999) r(3,9-2) s(3,5-5)';
    expect([...parseSharding(text)]).toEqual([
      ['x', { count: 2, start: 0, end: 5 }],
      ['y', { count: 4, start: 2, end: Number.POSITIVE_INFINITY }],
    ]);
  });

  it('says nothing while keys are being moved', () => {
    expect([...parseSharding('O(3,0-13) reshardingXcommencingXlocked')]).toEqual([]);
  });

  const sharding: Sharding = new Map([['O', { count: 3, start: 0, end: 2 }]]);
  const range = { from: Buffer.from('ab'), to: Buffer.from('ab\xff', 'latin1') };
  const own = `O-${shardOf(sharding.get('O')!, range.from, range.to)}`;
  const families = { default: {}, 'O-0': {}, 'O-1': {}, 'O-2': {} };
  const other = own === 'O-1' ? 'O-2' : 'O-1';

  it('says nothing of keys that differ in what is hashed', () => {
    const shards = sharding.get('O')!;
    expect(shardOf(shards, Buffer.from('ab'), Buffer.from('ac'))).toBeUndefined();
    expect(shardOf(shards, Buffer.from('a'), Buffer.from('ab'))).toBeUndefined();
  });

  it('hashes what it says of a key', () => {
    const key = Buffer.from('abcdef');
    const hash = cephStrHashRjenkins(key.subarray(1, 4));
    expect(shardOf({ count: 1000, start: 1, end: 4 }, key, key)).toBe(hash % 1000);
  });

  it('says which one family to look into', () => {
    const kv = database({ ...families, [own]: { ab: '1', abc: '2', ac: '3' } }, sharding);
    const found = kv.iterateHome('O', range)!;
    expect(texts({ [Symbol.iterator]: () => found })).toEqual(['ab=1', 'abc=2']);
  });

  it('says nothing where families do not obey it, or are not as many', () => {
    const wrong = { ...families, [other]: { abc: '2' } };
    expect(database(wrong, sharding).iterateHome('O', range)).toBeUndefined();
    const more = { ...families, 'O-3': {} };
    expect(database(more, sharding).iterateHome('O', range)).toBeUndefined();
    const short = { ...families, [own]: { a: '1' } };
    expect(database(short, sharding).iterateHome('O', range)).toBeUndefined();
  });

  it('hides nothing from whoever wants all there is, however wrong it is', () => {
    const kv = database({ ...families, [own]: { ab: '1' }, [other]: { abc: '2' } }, sharding);
    expect(texts(kv.iterate('O', range))).toEqual(['ab=1', 'abc=2']);
    expect(kv.get('O', Buffer.from('abc'))).toEqual(Buffer.from('2'));
  });

  it('may name a family that there is not', () => {
    expect(
      database({ default: { 'O\0ab': '1' } }, sharding).iterateHome('O', range),
    ).toBeUndefined();
    expect(database(families).iterateHome('O', range)).toBeUndefined();
  });
});

describe('the file that tells of it', () => {
  const TEXT = Buffer.from('O(3,0-13)');
  const bluefs = (names: string[], file: Partial<ByteSource> = {}) => ({
    list: () => names,
    open: () => ({ ...sourceOf(TEXT), size: TEXT.length, ...file }),
  });

  it('is read', () => {
    expect([...readSharding(bluefs(['def'])).keys()]).toEqual(['O']);
  });

  it.each([
    ['not there', bluefs([])],
    ['beside one that tells of columns being made anew', bluefs(['def', 'recreate_columns'])],
    ['larger than it can be', bluefs(['def'], { size: 70_000 })],
    ['cut short', bluefs(['def'], { size: TEXT.length + 1 })],
    [
      'unreadable',
      bluefs(['def'], {
        read: () => {
          throw sourceIoError('EIO', { path: 'def' });
        },
      }),
    ],
    [
      'lost',
      {
        list: () => ['def'],
        open: () => {
          throw corruptError('its inode is lost');
        },
      },
    ],
  ])('says nothing when it is %s', (_, from) => {
    expect([...readSharding(from)]).toEqual([]);
  });
});

describe('collections', () => {
  it('decodes the bits of a real entry, and refuses more than a hash has', () => {
    const entry = hex('01 01 04000000 03000000');
    expect(decodeCnodeBits(entry)).toBe(3);
    expect(verdict(decodeCnodeBits, patched(entry, 6, u8(33)))).toBe('CORRUPT');
    expectTruncationsCorrupt(decodeCnodeBits, entry);
  });

  const isIn = (key: Uint8Array, name: string, bits: number) => {
    const range = collectionRange(name, bits)!;
    return compareKeys(range.from, key) <= 0 && compareKeys(key, range.to) < 0;
  };

  it.each([RBD_ID_KEY, SPANNING_KEY, SHARD_KEY.subarray(0, -5)])(
    'an object is in the one whose seed its hash ends in',
    (key) => {
      const { hash, pool } = decodeObjectKey(key);
      for (const bits of [0, 1, 3, 4]) {
        const seed = hash % 2 ** bits;
        expect(isIn(key, `${pool}.${seed.toString(16)}_head`, bits)).toBe(true);
        const other = (seed + 1) % 2 ** bits;
        if (bits > 0) expect(isIn(key, `${pool}.${other.toString(16)}_head`, bits)).toBe(false);
        expect(isIn(key, `${pool + 1}.${seed.toString(16)}_head`, bits)).toBe(false);
        expect(isIn(key, `${pool}.${seed.toString(16)}s1_head`, bits)).toBe(false);
      }
    },
  );

  it('the last of a pool ends before the next pool', () => {
    const id = { ...decodeObjectKey(PG_META_KEY), hash: 0xffffffff };
    expect(isIn(encodeObjectKey(id), '1.7_head', 3)).toBe(true);
    expect(isIn(encodeObjectKey({ ...id, pool: 2, hash: 0 }), '1.7_head', 3)).toBe(false);
  });

  it('are listed in the order of their keys; what makes no sense is reported', () => {
    const bits = (n: number) => `\x01\x01\x04\0\0\0${String.fromCharCode(n, 0, 0, 0)}`;
    const damage: Damage[] = [];
    const kv = database({
      default: {
        'C\x002.1_head': bits(2),
        'C\x002.2_head': bits(2),
        'C\x002.0_head': bits(2),
        'C\x002.0_TEMP': bits(2),
        'C\x00meta': bits(0),
        'C\x002.3_head': 'x',
      },
    });
    const names = readCollections(kv, (found) => damage.push(found)).map(({ name }) => name);
    // 0, 2 (bits 01 reversed), 1
    expect(names).toEqual(['meta', '2.0_head', '2.2_head', '2.1_head']);
    expect(damage[0]!.reason).toContain('collection 2.3_head');
  });
});

describe('keys of data objects', () => {
  const parser = new DataObjectKeyParser();

  /** The same object as FileStore names it, taken apart by FileStore's parser. */
  function asFileStore(key: Uint8Array) {
    const name = formatFileName(decodeObjectKey(key));
    const other = new DataObjectNameParser();
    if (!other.parse(name, 0, name.length)) return undefined;
    const { objectNo, snap, hash, prefixEnd, tailStart } = other;
    const prefix = name.toString('latin1', 0, prefixEnd);
    return { objectNo, snap, hash, prefix, tail: name.toString('latin1', tailStart) };
  }

  function parsed(key: Uint8Array) {
    if (!parser.parse(key)) return undefined;
    const { buffer, objectNo, snap, hash, prefixEnd, tailStart, tailEnd } = parser;
    const prefix = buffer.toString('latin1', 0, prefixEnd);
    return { objectNo, snap, hash, prefix, tail: buffer.toString('latin1', tailStart, tailEnd) };
  }

  const base = decodeObjectKey(SPANNING_KEY);
  const named = (name: string, over: object = {}) =>
    encodeObjectKey({ ...base, name: Buffer.from(name), ...over });

  it.each([
    ['a clone', SPANNING_KEY],
    ['a head', SHARD_KEY.subarray(0, -5)],
    ['a shard of an erasure-coded pool', named('rbd_data.5.1f.00000000000000ff', { shard: 3 })],
    ['a namespace', named('rbd_data.1f.0000000000000000', { namespace: Buffer.from('a_b/c') })],
    ['format 1', named('rb.0.1234.74b0dc51.000000000001')],
    ['a high pool', named('rbd_data.1f.0000000000000000', { pool: 0x12345678 })],
    ['a prefix without an id', named('rbd_data.0000000000000000')],
    ['a snapdir', named('rbd_data.1f.0000000000000000', { snap: 0xffffffffffffffffn })],
  ])('%s is read as FileStore reads its name', (_, key) => {
    expect(parsed(key)).toBeDefined();
    expect(parsed(key)).toEqual(asFileStore(key));
  });

  it.each([
    ['an object of another kind', RBD_ID_KEY],
    ['PG metadata', PG_META_KEY],
    ['an extent map shard', SHARD_KEY],
    ['a locator key', named('rbd_data.1f.0000000000000000', { key: Buffer.from('k') })],
    ['an object number that is none', named('rbd_data.1f.000000000000000G')],
    ['upper-case digits', named('rbd_data.1f.000000000000000A')],
    ['a temporary object', named('rbd_data.1f.0000000000000000', { pool: -4 })],
    ['an escaped name', named('rbd_data.#.0000000000000000')],
  ])('%s is left to others', (_, key) => {
    expect(parser.parse(key)).toBe(false);
  });

  it('leaves rollback copies of erasure-coded pools to others', () => {
    const key = Uint8Array.from(SPANNING_KEY);
    key[key.length - 2] = 0;
    expect(parser.parse(key)).toBe(false);
  });

  it('gets over every truncation', () => {
    for (let n = 0; n < SPANNING_KEY.length; n++) {
      expect(parser.parse(SPANNING_KEY.subarray(0, n))).toBe(false);
    }
  });
});

describe('omap', () => {
  const onode = (flags: number): Onode => ({
    ...{ nid: 0x446n, size: 0, attrs: new Map(), shards: [] },
    flags,
  });
  const id = { ...decodeObjectKey(RBD_ID_KEY), hash: reverseBits32(0x3831950c) };

  it.each([
    [0x3, 'P', '0000000000000446'],
    [0xd, 'p', '0000000000000002 3831950c 0000000000000446'],
    [0x5, 'm', '0000000000000002 0000000000000446'],
    [0x1, 'M', '0000000000000446'],
  ])('flags %i are under %s', (flags, prefix, head) => {
    expect(omapPlace(id, onode(flags))).toEqual({ prefix, head: hex(head) });
  });

  it('does not exist without the flag', () => {
    expect(omapPlace(id, onode(0xc))).toBeUndefined();
  });

  it('of objects in meta has pool 0', () => {
    const head = hex('0000000000000000 3831950c 0000000000000446');
    expect(omapPlace({ ...id, pool: -1 }, onode(0xd))).toEqual({ prefix: 'p', head });
  });

  it("holds the object's keys, without header and end mark", () => {
    const head = '\0\0\0\0\0\0\x04\x46';
    const kv = database({
      P: {
        [`${head}-`]: 'header',
        [`${head}.b`]: '2',
        [`${head}.a`]: '1',
        [`${head}~`]: '',
        '\0\0\0\0\0\0\x04\x47.c': 'of another',
      },
    });
    expect(texts(omapEntries(kv, omapPlace(id, onode(3))!))).toEqual(['a=1', 'b=2']);
  });
});
