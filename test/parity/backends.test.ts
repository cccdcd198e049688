import path from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { nameToText } from '../../src/bytes/names.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import { decodeObjectInfo } from '../../src/ceph/object-info.ts';
import { decodeSnapSet } from '../../src/ceph/snapset.ts';
import type { Damage } from '../../src/errors/damage.ts';
import type { ObjectRef, OpenObject } from '../../src/store/object-store.ts';
import { openObjectStore } from '../../src/store/open-object-store.ts';
import { fixtureOsds, truthOf } from '../helpers/fixtures.ts';
import { locate, nameOf, scanOsd } from '../helpers/osd-objects.ts';
import { sha256 } from '../helpers/program.ts';

/** The same questions to stores of both kinds, about clusters of which rbd told the same things. */

const KINDS = [
  ['basic', 'filestore'],
  ['blue', 'bluestore'],
] as const;
/** An image whose head is written in objects of its pool alone, without parent or stripes. */
const IMAGE = 'rbd/plain';

const u64 = (bytes: Uint8Array): number => Number(Buffer.from(bytes).readBigUInt64LE());

/** A string that a length of four bytes precedes. */
const text = (bytes: Uint8Array): string => {
  const length = Buffer.from(bytes).readUInt32LE();
  return nameToText(bytes.subarray(4, 4 + length));
};

describe.each(KINDS)('the OSDs of %s, a %s', (fixture, kind) => {
  const truth = truthOf(fixture);
  const { id, size } = truth.images[IMAGE]!;
  const pool = truth.pools.find(({ pool_name }) => pool_name === 'rbd')!.pool_id;
  const osds = [0, 1, 2].map((osd) => {
    const location = locate(path.join(fixtureOsds(fixture), String(osd)));
    const damage: Damage[] = [];
    const store = openObjectStore(location, (d) => damage.push(d));
    return { location, store, damage, scan: scanOsd(location) };
  });
  afterAll(() => {
    for (const { store } of osds) store.close();
  });
  type Osd = (typeof osds)[number];

  const named = ({ scan }: Osd, name: string): ObjectRef => {
    const is = (ref: ObjectRef) => nameOf(ref) === name && ref.id.pool === pool;
    const found = scan.sink.named.filter((ref) => is(ref) && ref.id.namespace.length === 0);
    expect(found.map(nameOf)).toEqual([name]);
    return found[0]!;
  };
  const dataOf = ({ scan }: Osd, image: string): ObjectRef[] =>
    scan.sink.data.filter((ref) => nameOf(ref).startsWith(`rbd_data.${image}.`));
  const omapOf = ({ store }: Osd, ref: ObjectRef) =>
    new Map([...store.omap(ref.id)].map(({ key, value }) => [nameToText(key), value]));
  const opened = <T>({ store }: Osd, ref: ObjectRef, use: (object: OpenObject) => T): T => {
    const object = store.open(ref);
    try {
      return use(object);
    } finally {
      object.close();
    }
  };
  const bytesOf = (object: OpenObject): Buffer => {
    const bytes = Buffer.alloc(object.size, 0xff);
    expect(object.read(bytes, 0)).toBe(object.size);
    return bytes;
  };

  it('are found for what they are', () => {
    expect(osds.map(({ location }) => location.kind)).toEqual([kind, kind, kind]);
  });

  it('are scanned without damage, in collections that the reader knows the bits of', () => {
    for (const { store, scan, damage } of osds) {
      expect([...scan.damage, ...damage].filter(({ harmless }) => !harmless)).toEqual([]);
      const { units, data, named: others } = scan.sink;
      expect([...units.values()].every(({ readable }) => readable)).toBe(true);
      for (const ref of [...data, ...others].filter(({ id: { pool: p } }) => p >= 0)) {
        const [collection] = nameToText(ref.directory).split('/');
        expect(collection).toMatch(new RegExp(`^${ref.id.pool}\\.[0-9a-f]+(s\\d)?_head$`));
        const bits = store.pgBits(ref.directory);
        // FileStore notes no bits: its directories are the only hint.
        if (kind === 'bluestore') {
          const pg = Number.parseInt(collection!.split('.')[1]!, 16);
          expect((ref.id.hash & (2 ** bits! - 1)) >>> 0).toBe(pg);
        }
      }
    }
  });

  it('give the same objects to a scan in several shares', () => {
    const line = (ref: ObjectRef) => `${nameToText(ref.directory)} ${nameOf(ref)} ${ref.id.snap}`;
    for (const { location, scan } of osds) {
      const shared = scanOsd(location, 4).sink;
      expect(shared.data.map(line).sort()).toEqual(scan.sink.data.map(line).sort());
      expect(shared.named.map(line).sort()).toEqual(scan.sink.named.map(line).sort());
      expect(shared.others).toBe(scan.sink.others);
    }
  });

  it('keep every unit that an earlier scan knows', () => {
    for (const { location, scan } of osds) {
      const again = scanOsd(location, 1, scan.sink.units).sink;
      expect(again.kept.sort()).toEqual([...scan.sink.units.keys()].sort());
      expect([...again.data, ...again.named]).toEqual([]);
    }
  });

  it('hold the same replicas of every image', () => {
    const snap = ({ id: { snap: s } }: ObjectRef) => (s === NOSNAP ? 'head' : s);
    const lists = osds.map((osd) => {
      const replicated = osd.scan.sink.data.filter((ref) => ref.id.shard === -1);
      return replicated.map((ref) => `${nameOf(ref)} ${snap(ref)}`).sort();
    });
    expect(lists[0]!.length).toBeGreaterThan(30);
    expect(lists[1]).toEqual(lists[0]);
    expect(lists[2]).toEqual(lists[0]);
  });

  it('tell the id of an image in rbd_id and rbd_directory', () => {
    for (const osd of osds) {
      const ref = named(osd, 'rbd_id.plain');
      expect(text(opened(osd, ref, bytesOf))).toBe(id);
      const directory = omapOf(osd, named(osd, 'rbd_directory'));
      expect(text(directory.get('name_plain')!)).toBe(id);
      expect(text(directory.get(`id_${id}`)!)).toBe('plain');
    }
  });

  it('tell in omap of rbd_header what rbd info said', () => {
    const said = truth.rbd.rbd!.info.plain!;
    for (const osd of osds) {
      const header = omapOf(osd, named(osd, `rbd_header.${id}`));
      expect([...header.keys()]).toEqual([...header.keys()].sort());
      expect(u64(header.get('size')!)).toBe(said.size);
      expect(header.get('order')![0]).toBe(said.order);
      expect(text(header.get('object_prefix')!)).toBe(said.block_name_prefix);
    }
  });

  it('name no omap of objects that have none, and no attribute that is not there', () => {
    for (const osd of osds) {
      const [ref] = dataOf(osd, id!);
      expect([...osd.store.omap(ref!.id)]).toEqual([]);
      expect(opened(osd, ref!, (object) => object.attr('nobody'))).toBeUndefined();
    }
  });

  it('have object_info of every replicated object, which names it and knows its size', () => {
    for (const osd of osds) {
      const refs = osd.scan.sink.data.filter((ref) => ref.id.shard === -1);
      for (const ref of refs) {
        opened(osd, ref, (object) => {
          const info = decodeObjectInfo(object.attr('_')!);
          expect(nameToText(info.object.name)).toBe(nameOf(ref));
          expect([info.object.snap, info.object.hash]).toEqual([ref.id.snap, ref.id.hash]);
          expect(info.size).toBe(object.size);
          if (ref.id.snap === NOSNAP) decodeSnapSet(object.attr('snapset')!);
        });
      }
    }
  });

  it('hold the bytes that rbd export gave', () => {
    const objectSize = truth.rbd.rbd!.info.plain!.object_size as number;
    for (const osd of osds) {
      const image = Buffer.alloc(size);
      for (const ref of dataOf(osd, id!)) {
        expect(ref.id.snap).toBe(NOSNAP);
        const no = Number.parseInt(nameOf(ref).split('.').at(-1)!, 16);
        image.set(opened(osd, ref, bytesOf), no * objectSize);
      }
      expect(sha256(image)).toBe(truth.images[IMAGE]!.sha256);
    }
  });

  it('read any part of an object, and only zeros outside of what nextData names', () => {
    for (const osd of osds) {
      for (const ref of dataOf(osd, id!)) {
        opened(osd, ref, (object) => {
          const whole = bytesOf(object);
          const { size: end } = object;
          const left = Buffer.from(whole);
          let at = 0;
          for (let next = object.nextData(0, end); next; next = object.nextData(at, end)) {
            expect(next[0]).toBeGreaterThanOrEqual(at);
            expect(next[1]).toBeGreaterThan(next[0]);
            left.fill(0, ...next);
            [, at] = next;
          }
          expect(left.equals(Buffer.alloc(end))).toBe(true);
          expect(object.nextData(end, end + 4096)).toBeUndefined();
          expect(object.nextData(0, 0)).toBeUndefined();
          expect(object.nextData(4096, 4096)).toBeUndefined();
          for (const [from, length] of [
            [1, 511],
            [4095, 2],
            [end - 700, 1400],
            [end, 10],
          ] as const) {
            const part = Buffer.alloc(length, 0xff);
            const n = object.read(part, from);
            expect(n).toBe(Math.max(0, Math.min(length, end - from)));
            expect(part.subarray(0, n).equals(whole.subarray(from, from + n))).toBe(true);
          }
        });
      }
    }
  });

  it('answer for an object that is not there with ENOENT, and with no omap', () => {
    for (const osd of osds) {
      const ref = dataOf(osd, id!)[0]!;
      const name = Buffer.from('rbd_data.gone.0000000000000000');
      const gone = { ...ref, id: { ...ref.id, name }, fileName: Buffer.from('gone') };
      const data = expect.objectContaining({ errno: 'ENOENT' });
      expect(() => osd.store.open(gone)).toThrow(
        expect.objectContaining({ code: 'SOURCE_IO', data }),
      );
      expect([...osd.store.omap(gone.id)]).toEqual([]);
    }
  });
});
