import { describe, expect, it } from 'vitest';
import type { CatalogOsd } from '../../src/catalog/catalog.ts';
import type { MetadataObject } from '../../src/catalog/metadata.ts';
import { decodePgFastInfo, decodePgInfo } from '../../src/ceph/pg-info.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import {
  bitsOfPg,
  hobjectKey,
  isComplete,
  pgCopyOf,
  unlistedCollections,
} from '../../src/image/pg-copies.ts';
import { MISSING_STALE, PG_FAST_INFO, PG_INFO } from '../ceph/samples.ts';
import { version } from '../ceph/structures.ts';
import { concat, framed, patched, u32, u64 } from '../helpers/hex.ts';

/** PGs of a real pool and the `user.ceph.bits` that an OSD gave their collections. */
describe('bitsOfPg', () => {
  it.each([
    // Ceph 16.2.15: pools of 1, 4, 8 and 16 PGs
    [0, 1, 0],
    [0, 4, 2],
    [3, 4, 2],
    [7, 8, 3],
    [15, 16, 4],
    // ceph_stable_mod: with 12 PGs the seeds 4 to 7 are not split, 0 to 3 are, into 8 to 11
    [0, 12, 4],
    [3, 12, 4],
    [4, 12, 3],
    [7, 12, 3],
    [8, 12, 4],
    [11, 12, 4],
    [0, 3, 2],
    [1, 3, 1],
    [2, 3, 2],
  ])('PG %i of %i has %i bits', (seed, pgNum, bits) => {
    expect(bitsOfPg(seed, pgNum)).toBe(bits);
  });

  it('gives every hash to the PG that ceph_stable_mod gives it to', () => {
    for (const pgNum of [1, 2, 3, 5, 12, 16, 17, 31, 33, 100]) {
      const mask = 2 ** Math.ceil(Math.log2(pgNum)) - 1;
      for (let hash = 0; hash < 512; hash++) {
        // include/ceph_hash.h: x & mask where that is a PG, else one bit less
        const seed = (hash & mask) < pgNum ? hash & mask : hash & (mask >> 1);
        const low = (bits: number) => hash & (2 ** bits - 1);
        const owners = [];
        for (let pg = 0; pg < pgNum; pg++) if (low(bitsOfPg(pg, pgNum)) === pg) owners.push(pg);
        expect(owners).toEqual([seed]);
      }
    }
  });
});

const collections = (objects: number) => ({
  collections: () =>
    new Map([
      ['meta', 9],
      ['2.0_head', objects],
    ]),
});
/** One segment has the PG's metadata and 20 objects of it, another 13. */
const catalog = { location: {}, segments: [collections(21), collections(13)] };
const OSD = { index: 1, name: 'osd.1', catalog } as unknown as ClusterOsd;
const key = (text: string) => Buffer.from(text);

function metadata(
  omap: [Uint8Array, Uint8Array][],
  parts: Partial<MetadataObject> = {},
): MetadataObject {
  const none = new Uint8Array(0);
  const id = { pool: 2, hash: 0, shard: -1, snap: 0n, name: none, namespace: none, key: none };
  const ref = { id, directory: key('2.0_head/DIR_0'), fileName: none };
  return { ref, size: 0, mtimeMs: 0, omap, ...parts };
}

function copyOf(object: MetadataObject, unlisted: string[] = [], pgNum: number | undefined = 8) {
  const problems: string[] = [];
  const copy = pgCopyOf(
    OSD,
    object,
    new Set(unlisted),
    () => pgNum,
    (text) => problems.push(text),
  );
  return { copy, problems };
}

/** pg_fast_info_t up to last_user_version, the rest left out. */
const fastInfo = (epoch: number, v: number) =>
  framed(1, 1, version(epoch, v), version(epoch, v), u64(v));

describe('pgCopyOf', () => {
  it('reads a real info, and what the copy misses', () => {
    const { copy, problems } = copyOf(
      metadata([
        [key('_info'), PG_INFO],
        [key('missing/x'), MISSING_STALE],
      ]),
    );
    expect(problems).toEqual([]);
    expect(copy).toMatchObject({ osd: OSD, pool: 2, seed: 0, shard: -1, bits: 3, unlisted: false });
    expect([copy!.info.objects, copy!.listed]).toEqual([33, 33]);
    expect(isComplete(copy!)).toBe(true);
    expect(copy!.info.lastUpdate).toEqual({ epoch: 31, version: 110n });
    const [item] = [...copy!.missing.values()];
    expect(Buffer.from(item!.object.name).toString()).toBe('rbd_header.1027df3284bb');
    expect(item).toMatchObject({ need: { epoch: 26, version: 61n }, isDelete: false });
    expect(copy!.missing.get(hobjectKey(item!.object))).toBe(item);
  });

  it('lets a fast info count only where it is newer', () => {
    const older = decodePgFastInfo(PG_FAST_INFO)!;
    expect(decodePgInfo(PG_INFO).lastUpdate.version).toBe(110n);
    const at = (value: Uint8Array) =>
      copyOf(
        metadata([
          [key('_fastinfo'), value],
          [key('_info'), PG_INFO],
        ]),
      ).copy!.info.lastUpdate;
    expect(at(fastInfo(31, 111))).toEqual({ epoch: 31, version: 111n });
    expect(at(fastInfo(31, 109))).toEqual({ epoch: 31, version: 110n });
    expect(at(fastInfo(30, 999))).toEqual({ epoch: 31, version: 110n });
    expect(at(new Uint8Array(0))).toEqual({ epoch: 31, version: 110n });
    const real = at(PG_FAST_INFO);
    const isNewer =
      older.lastUpdate.epoch > 31 ||
      (older.lastUpdate.epoch === 31 && older.lastUpdate.version > 110n);
    expect(real).toEqual(isNewer ? older.lastUpdate : { epoch: 31, version: 110n });
  });

  it('believes the collection before the map about its bits', () => {
    const info: [Uint8Array, Uint8Array][] = [[key('_info'), PG_INFO]];
    expect(copyOf(metadata(info, { pgBits: 2 })).copy!.bits).toBe(2);
    expect(copyOf(metadata(info, { pgBits: 0 })).copy!.bits).toBe(0);
  });

  it('is a copy of no other objects than those of its very hash when nothing tells its bits', () => {
    const object = metadata([[key('_info'), PG_INFO]]);
    expect(
      pgCopyOf(
        OSD,
        object,
        new Set(),
        () => undefined,
        () => {},
      )!.bits,
    ).toBe(32);
  });

  it('knows that its collection could not be listed to the end', () => {
    const object = metadata([[key('_info'), PG_INFO]]);
    expect(copyOf(object, ['2.0_head']).copy!.unlisted).toBe(true);
    expect(copyOf(object, ['2.1_head']).copy!.unlisted).toBe(false);
  });

  it('is none without info, or where the PG was never created here', () => {
    expect(copyOf(metadata([])).copy).toBeUndefined();
    expect(copyOf(metadata([[key('_fastinfo'), PG_FAST_INFO]])).copy).toBeUndefined();
    // pg_history_t begins with epoch_created and six more epochs
    const history = concat(...[14, 15, 15, 0, 14, 14, 14].map(u32));
    const at = Buffer.from(PG_INFO).indexOf(history);
    const placeholder = patched(PG_INFO, at, u32(0));
    expect(decodePgInfo(placeholder).history.epochCreated).toBe(0);
    expect(copyOf(metadata([[key('_info'), placeholder]])).copy).toBeUndefined();
  });

  it('reports damaged values by OSD, PG and key, and goes on', () => {
    const torn = MISSING_STALE.subarray(0, 40);
    const { copy, problems } = copyOf(
      metadata([
        [key('missing/y'), torn],
        [key('_info'), PG_INFO],
      ]),
    );
    expect(copy!.missing.size).toBe(0);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/^osd\.1: PG 2\.0: missing\/y: /);
  });
});

describe('hobjectKey', () => {
  it('tells objects apart by namespace, key, name and snap', () => {
    const object = (name: string, namespace = '', locator = '', snap = 4n) => ({
      ...{ name: key(name), namespace: key(namespace), key: key(locator), snap },
    });
    const all = [
      object('a'),
      object('b'),
      object('', 'a'),
      object('a', 'n'),
      object('a', '', 'n'),
      object('a', '', '', 5n),
    ];
    expect(new Set(all.map(hobjectKey)).size).toBe(all.length);
    expect(hobjectKey(object('a'))).toBe(hobjectKey(object('a')));
    // Names are bytes: what is no UTF-8 must not become the same text.
    const bytes = (byte: number) => ({ ...object(''), name: Uint8Array.of(byte) });
    expect(hobjectKey(bytes(0xfe))).not.toBe(hobjectKey(bytes(0xff)));
  });
});

describe('unlistedCollections', () => {
  it('names the collections of unreadable directories, once', () => {
    const segment = (...names: string[]) => ({ unreadable: () => names.map(key) });
    const osd = { segments: [segment('2.1_head/DIR_1/DIR_A', '2.1_head'), segment('3.0s1_head')] };
    expect(unlistedCollections(osd as unknown as CatalogOsd)).toEqual(
      new Set(['2.1_head', '3.0s1_head']),
    );
  });
});
