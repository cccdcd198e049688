import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import {
  compareHobjectBitwise,
  compareHobjectNibblewise,
  decodeGhobject,
  decodeHobject,
  HOBJECT_MAX,
  HOBJECT_MIN,
  type Hobject,
  isHead,
  isMaxHobject,
  isMinHobject,
  isTemporary,
  META_POOL,
  NO_GENERATION,
  NO_SHARD,
  readHobject,
  reverseBits32,
  reverseNibbles32,
} from '../../src/ceph/hobject.ts';
import { concat, hex } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { ghobject, hobject, hobjectV3, type ObjectSpec } from './structures.ts';

const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const make = (spec: ObjectSpec): Hobject => decodeHobject(hobject(spec));

// The identity of a pg's metadata object, from the header of its omap (Ceph 16.2.15).
const PG_META = hex(`0603 2b000000 00000000 00000000 feffffffffffffff 00000000 00 00000000
  0100000000000000 ffffffffffffffff ff 00`);

describe('hobject', () => {
  it('reads every field', () => {
    const spec = {
      name: 'bo_th',
      key: 'k/2',
      namespace: 'ns_1.x',
      snap: 12n,
      hash: 0x0ccb3b8b,
      pool: 3,
    };
    const object = decodeHobject(hobject(spec));
    expect([object.name, object.key, object.namespace].map(text)).toEqual([
      'bo_th',
      'k/2',
      'ns_1.x',
    ]);
    expect(object).toMatchObject({ snap: 12n, hash: 0x0ccb3b8b, pool: 3, max: false });
    expect(isHead(object)).toBe(false);
  });

  it('reads version 3, which knew neither namespace nor pool', () => {
    const object = decodeHobject(hobjectV3({ name: 'a', hash: 7 }));
    expect(object).toMatchObject({ hash: 7, snap: NOSNAP, pool: META_POOL });
    expect(object.namespace).toHaveLength(0);
  });

  it('leaves the reader behind the object, also when a newer writer added fields', () => {
    const r = new ByteReader(
      concat(
        hex('0503 2c000000 00000000 01000000 61 feffffffffffffff'),
        hex('01000000 00 00000000 0200000000000000 aabbccddeeff00112233 ee'),
      ),
      'test',
    );
    expect(readHobject(r)).toMatchObject({ hash: 1, pool: 2 });
    expect(r.u8()).toBe(0xee);
  });

  it("knows the sentinels, Hammer's smallest object among them", () => {
    const min = { snap: 0n, pool: -(2n ** 63n) };
    expect(decodeHobject(hobject(min))).toEqual(HOBJECT_MIN_BUFFERS);
    expect(isMinHobject(decodeHobject(hobject({ snap: 0n, pool: -1 })))).toBe(true);
    expect(isMaxHobject(decodeHobject(hobject({ ...min, max: true })))).toBe(true);
    expect(isMinHobject(decodeHobject(hobject({ ...min, max: true })))).toBe(false);
    expect(isMinHobject(decodeHobject(hobject({ snap: 0n, pool: -1, name: 'a' })))).toBe(false);
  });

  it('tells temporary objects from sentinels and meta objects', () => {
    expect([-4, -1, 2].map((pool) => isTemporary(make({ name: 'a', pool })))).toEqual([
      true,
      false,
      false,
    ]);
    expect(isTemporary(HOBJECT_MIN)).toBe(false);
  });

  it('calls every truncation and lie damage', () => {
    const bytes = hobject({ name: 'rbd_directory', key: 'k', namespace: 'n', hash: 0x30a98c1c });
    expectTruncationsCorrupt(decodeHobject, bytes);
    expectSurvivesLies(decodeHobject, bytes);
  });

  it('refuses versions older than any release that wrote objects like these', () => {
    expect(() => decodeHobject(hex('0202 00000000'))).toThrow('version 2 is older');
  });
});

const HOBJECT_MIN_BUFFERS = {
  ...HOBJECT_MIN,
  key: Buffer.alloc(0),
  name: Buffer.alloc(0),
  namespace: Buffer.alloc(0),
};

describe('ghobject', () => {
  it('reads a real one', () => {
    expect(decodeGhobject(PG_META)).toMatchObject({
      snap: NOSNAP,
      hash: 0,
      pool: 1,
      generation: NO_GENERATION,
      shard: NO_SHARD,
      max: false,
    });
    expectTruncationsCorrupt(decodeGhobject, PG_META);
    expectSurvivesLies(decodeGhobject, PG_META);
  });

  it('reads version 5 (Firefly) and 6 with generation and shard', () => {
    for (const v of [5, 6] as const) {
      const bytes = ghobject(
        v,
        { name: 'ec_2', namespace: 'n_s', hash: 0xb00484b5, pool: 4 },
        9n,
        1,
      );
      expect(decodeGhobject(bytes)).toMatchObject({ hash: 0xb00484b5, generation: 9n, shard: 1 });
    }
  });

  it('reads version 4, which had neither', () => {
    const bytes = ghobject(4, { name: 'a', pool: 4 }, 0n, 0);
    expect(decodeGhobject(bytes)).toMatchObject({ pool: 4, generation: NO_GENERATION, shard: -1 });
  });
});

describe('sort order', () => {
  it('reverses bits and nibbles of real hashes', () => {
    // left: hash; right: as in the key of the object, in BlueStore and in missing sets
    expect(reverseBits32(0xe5adcf14)).toBe(0x28f3b5a7);
    expect(reverseBits32(0xa73dedb9)).toBe(0x9db7bce5);
    expect(reverseBits32(0xffffffff)).toBe(0xffffffff);
    expect(reverseNibbles32(0x722e8dfa)).toBe(0xafd8e227);
    expect(reverseNibbles32(0x0000000c)).toBe(0xc0000000);
  });

  it('decides on which side of a real last_backfill an object lies', () => {
    const lastBackfill = make({ name: 'rbd_id.img with', hash: 0xa73dedb9 });
    const above = make({
      name: 'rbd_data.104be8a16e3a.0000000000000001',
      hash: reverseBits32(0x9f2d142b),
    });
    expect(compareHobjectBitwise(above, lastBackfill)).toBeGreaterThan(0);
    expect(compareHobjectBitwise(lastBackfill, above)).toBeLessThan(0);
    expect(compareHobjectBitwise(lastBackfill, lastBackfill)).toBe(0);
  });

  it('puts the sentinels at both ends', () => {
    const objects = [
      make({ name: 'a' }),
      make({ pool: -4, name: 'a' }),
      make({ hash: 0xffffffff }),
    ];
    for (const compare of [compareHobjectBitwise, compareHobjectNibblewise]) {
      for (const o of objects) {
        expect(compare(o, HOBJECT_MAX)).toBeLessThan(0);
        expect(compare(o, HOBJECT_MIN)).toBeGreaterThan(0);
      }
      expect(compare(HOBJECT_MAX, HOBJECT_MAX)).toBe(0);
    }
  });

  it('compares pool, hash, namespace, key or name, name, snapshot in this order', () => {
    const ascending = [
      make({ pool: -3, name: 'z' }),
      make({ pool: 2, hash: 2, name: 'z' }), // bits reversed: 0x40000000
      make({ pool: 2, hash: 1, name: 'b', snap: 9n }), // bits reversed: 0x80000000
      make({ pool: 2, hash: 1, name: 'b' }),
      make({ pool: 2, hash: 1, name: 'a', key: 'c' }),
      make({ pool: 2, hash: 1, name: 'b', key: 'c' }),
      make({ pool: 2, hash: 1, name: 'd' }),
      make({ pool: 2, hash: 1, name: 'é' }),
      make({ pool: 2, hash: 1, namespace: 'n', name: 'a' }),
      make({ pool: 3, name: 'a' }),
    ];
    for (let i = 1; i < ascending.length; i++) {
      expect([i, compareHobjectBitwise(ascending[i - 1]!, ascending[i]!) < 0]).toEqual([i, true]);
      expect([i, compareHobjectBitwise(ascending[i]!, ascending[i - 1]!) > 0]).toEqual([i, true]);
    }
  });

  it('differs before Jewel where bits and nibbles differ', () => {
    const one = make({ hash: 0x1 }); // bits 0x80000000, nibbles 0x10000000
    const two = make({ hash: 0x2 }); // bits 0x40000000, nibbles 0x20000000
    expect(compareHobjectBitwise(one, two)).toBeGreaterThan(0);
    expect(compareHobjectNibblewise(one, two)).toBeLessThan(0);
  });
});
