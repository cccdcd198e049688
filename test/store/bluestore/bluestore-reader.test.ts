import { afterEach, describe, expect, it, vi } from 'vitest';
import { cephStrHashRjenkins } from '../../../src/ceph/placement.ts';
import { compareKeys } from '../../../src/kv/key-order.ts';
import type { KvStore } from '../../../src/kv/kv-store.ts';
import { BlueStoreReader } from '../../../src/store/bluestore/bluestore-reader.ts';
import { decodeObjectKey, encodeObjectKey } from '../../../src/store/bluestore/object-key.ts';
import type { OpenStore } from '../../../src/store/bluestore/open-store.ts';
import { PrefixedKv } from '../../../src/store/bluestore/prefixed-kv.ts';
import type { ObjectId, OsdLocation } from '../../../src/store/object-store.ts';
import { patched } from '../../helpers/hex.ts';
import { PG_META, PG_META_KEY, RBD_ID, SPANNING, SPANNING_KEY } from './samples.ts';

const opened = vi.hoisted(() => ({ store: undefined as unknown }));
vi.mock('../../../src/store/bluestore/open-store.ts', () => ({ openStore: () => opened.store }));

/** `O(2,0-13)` of Pacific, by whose rule the samples lie; the other family is what a reshard left behind. */
const SHARDS = { count: 2, start: 0, end: 13 };
const familyOf = (key: Uint8Array) => cephStrHashRjenkins(key, 0, SHARDS.end) % SHARDS.count;

type Entry = [key: Uint8Array, value: Uint8Array];
let read: string[] = [];

/** @param families entries of O-0, O-1 and the default family */
function readerOf(families: Record<string, Entry[]>): BlueStoreReader {
  const kv: KvStore = {
    families: ['default', 'O-0', 'O-1'],
    get: (key, family = 'default') =>
      families[family]?.find(([own]) => compareKeys(own, key) === 0)?.[1],
    *iterate({ from, to } = {}, family = 'default') {
      if (from !== undefined) read.push(family);
      const entries = [...(families[family] ?? [])].sort(([a], [b]) => compareKeys(a, b));
      for (const [key, value] of entries) {
        if (from !== undefined && compareKeys(key, from) < 0) continue;
        if (to !== undefined && compareKeys(key, to) >= 0) return;
        yield { key, value };
      }
    },
    close: () => {},
  };
  const prefixed = new PrefixedKv(kv, 'osd', new Map([['O', SHARDS]]));
  opened.store = { kv: prefixed } as Partial<OpenStore>;
  read = [];
  const location: OsdLocation = { kind: 'bluestore', path: 'osd', dataPath: 'osd' };
  return new BlueStoreReader(location, () => {});
}

/** Objects of pool 0, which come first, each in the family where the rule has it. */
function obedient(): Record<string, Entry[]> {
  const families: Record<string, Entry[]> = { 'O-0': [], 'O-1': [] };
  for (let hash = 0; hash < 64; hash++) {
    const key = encodeObjectKey({ ...decodeObjectKey(SPANNING_KEY), pool: 0, hash });
    families[`O-${familyOf(key)}`]!.push([key, RBD_ID]);
  }
  return families;
}

const idOf = (key: Uint8Array): ObjectId => ({ ...decodeObjectKey(key), shard: -1 });
const refOf = (key: Uint8Array) => ({
  ...{ id: idOf(key), directory: Buffer.from('2.0_head') },
  fileName: Buffer.from('object'),
});
const home = `O-${familyOf(SPANNING_KEY)}`;
const other = home === 'O-0' ? 'O-1' : 'O-0';
const shard = (offset: number, bytes: number): Entry => {
  const tail = Buffer.alloc(5, 0x78);
  tail.writeUInt32BE(offset);
  return [Buffer.concat([SPANNING_KEY, tail]), Buffer.alloc(bytes, 0xff)];
};
/** As many as the record says; none can be decoded, which is said otherwise than that one is missing. */
const FOUND = [shard(0, 565), shard(2_211_840, 390), shard(3_080_192, 350)];
const MISSING = /shard of object bytes/;
const UNDECODED = /extent map: version 255/;

/** What reading the object's parts says. */
const complaints = (reader: BlueStoreReader) => {
  const object = reader.open(refOf(SPANNING_KEY));
  return [0, 2_211_840, 3_080_192].map((at) => {
    try {
      object.read(Buffer.alloc(1), at);
    } catch (error) {
      return (error as Error).message;
    }
    return 'none';
  });
};

afterEach(() => {
  opened.store = undefined;
});

describe('an object of a divided store', () => {
  it('is read in its own family alone', () => {
    const families = obedient();
    families[home]!.push([SPANNING_KEY, SPANNING], ...FOUND);
    for (const text of complaints(readerOf(families))) expect(text).toMatch(UNDECODED);
    expect(new Set(read)).toEqual(new Set([home]));
  });

  it('has what is lacking there from where it is', () => {
    const families = obedient();
    families[home]!.push([SPANNING_KEY, SPANNING], FOUND[0]!);
    families[other]!.push(shard(0, 564), FOUND[1]!, FOUND[2]!);
    for (const text of complaints(readerOf(families))) expect(text).toMatch(UNDECODED);
  });

  it('lacks what is nowhere', () => {
    const families = obedient();
    families[home]!.push([SPANNING_KEY, SPANNING], FOUND[0]!);
    families[other]!.push(FOUND[2]!, shard(2_211_840, 391));
    const [first, second, third] = complaints(readerOf(families));
    for (const text of [first, third]) expect(text).toMatch(UNDECODED);
    expect(second).toMatch(MISSING);
  });

  it('is found in another one', () => {
    const families = obedient();
    families[other]!.push([SPANNING_KEY, SPANNING], ...FOUND);
    for (const text of complaints(readerOf(families))) expect(text).toMatch(UNDECODED);
  });

  it('is looked for in all where the families do not obey the rule', () => {
    const { 'O-0': one, 'O-1': two } = obedient();
    const families: Record<string, Entry[]> = { 'O-0': two!, 'O-1': one! };
    families[home]!.push([SPANNING_KEY, SPANNING], ...FOUND);
    complaints(readerOf(families));
    expect(new Set(read)).toEqual(new Set(['O-0', 'O-1', 'default']));
  });

  it('has the omap of the record that counts', () => {
    const families = obedient();
    const own = `O-${familyOf(PG_META_KEY)}`;
    const nid = PG_META.indexOf(0xae, 6);
    // 1070 as a varint; the one that was left behind has another number.
    expect([...PG_META.subarray(nid, nid + 2)]).toEqual([0xae, 0x08]);
    families[own]!.push([PG_META_KEY, PG_META]);
    families[own === 'O-0' ? 'O-1' : 'O-0']!.push([
      PG_META_KEY,
      patched(PG_META, nid, Uint8Array.of(0xaf)),
    ]);
    const omapKey = (number: number) => {
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(BigInt(number));
      return Buffer.concat([Buffer.from('P\0'), head, Buffer.from('._info')]);
    };
    families.default = [
      [omapKey(1070), Buffer.from('new')],
      [omapKey(1071), Buffer.from('old')],
    ];
    const entries = [...readerOf(families).omap(idOf(PG_META_KEY))];
    expect(entries.map(({ value }) => Buffer.from(value).toString())).toEqual(['new']);
  });
});
