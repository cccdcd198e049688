import { describe, expect, it } from 'vitest';
import { ByteReader } from '../../src/bytes/byte-reader.ts';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { decodeOsdMap } from '../../src/ceph/osdmap.ts';
import { POOL_FLAG, readPool } from '../../src/ceph/osdmap-pool.ts';
import { SalvageError } from '../../src/errors/salvage-error.ts';
import { blob, concat, framed, hex, patched, u8, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt, verdict } from './damage.ts';
import { OSDMAP } from './samples.ts';
import { list, opaque, pg, time } from './structures.ts';

const nothing = new Uint8Array(0);
const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? nothing).toString();

/** pg_pool_t of version `v`: pool snapshots, removed snapshots, properties and a hit set to skip. */
function pool(v: number): Uint8Array {
  const from = (since: number, ...parts: Uint8Array[]) => (v >= since ? concat(...parts) : nothing);
  return framed(
    v,
    5,
    concat(u8(3), u8(6), u8(1), u8(2), u32(11), u32(8), u32(0), u32(0), u32(40), u64(9), u32(39)),
    list(concat(u64(3), framed(2, 2, u64(3), time(1), blob('old')))),
    list(concat(u64(1), u64(2)), concat(u64(5), u64(1))),
    concat(u64(0), u64(0x2005), u32(0), u8(4), u64(0), u64(0)),
    concat(list(u64(6), u64(7)), u64(-1), u8(1), u64(6), u64(-1)),
    list(concat(blob('k'), blob('v'))),
    concat(opaque, u32(0), u32(0), u32(16384)),
    from(13, u64(0), u64(0), u32(1), u32(2), u32(3), u32(4)),
    from(14, blob('k4m2')),
    from(15, u32(0)),
  );
}

const decodePool = (bytes: Uint8Array) => readPool(new ByteReader(bytes, 'pg_pool_t'));

/** An address as of client part version `w`. */
function address(w: number): Uint8Array {
  const legacy = concat(hex('00 000000'), u32(1), new Uint8Array(128));
  const modern = concat(u8(1), framed(1, 1, u32(2), u32(1), blob('sockaddr')));
  return w >= 8 ? concat(u8(2), list(modern, modern)) : w >= 6 ? modern : legacy;
}

const UUIDS = [1, 2, 3].map((n) => `00000000-0000-4000-8000-00000000000${n}`);

/** What OSDs get besides: three of them, and one client that is blocked. */
function osdPart(w: number): Uint8Array {
  const addresses = list(address(w), address(w), address(w));
  const info = (osd: number) =>
    concat(u8(1), u32(1), u32(2), u32(5 + osd), u32(20 + osd), u32(osd), u32(0));
  const uuids = UUIDS.map((uuid) => hex(uuid.replaceAll('-', '')));
  return framed(
    9,
    1,
    concat(addresses, list(info(0), info(1), info(2)), list(concat(address(w), time(1)))),
    concat(addresses, u32(0), blob(''), list(...uuids)),
    u32(77),
  );
}

/** A map of outer version `outer` whose client part has version `w`: one pool, two OSDs. */
function osdMap(outer: 7 | 8, w: number, poolVersion: number): Uint8Array {
  const from = (since: number, ...parts: Uint8Array[]) => (w >= since ? concat(...parts) : nothing);
  const state = w >= 5 ? u32 : u8;
  const client = framed(
    w,
    1,
    hex('000102030405060708090a0b0c0d0e0f'),
    concat(u32(66), time(1), time(2)),
    list(concat(u64(2), pool(poolVersion))),
    list(concat(u64(2), blob('rbd'))),
    concat(u32(2), u32(0x8000), u32(3)),
    concat(list(state(3), state(1), state(0)), list(u32(0x10000), u32(0), u32(0))),
    list(address(w), address(w), address(w)),
    list(concat(pg(2, 1), list(u32(0), u32(1)))),
    list(concat(pg(2, 1), u32(1))),
    from(2, list(u32(0x10000))),
    blob('crush'),
    from(3, list(concat(blob('k4m2'), list(concat(blob('k'), blob('4')))))),
    from(4, u32(0), u32(0)),
  );
  if (outer === 7) return framed(7, 7, client, osdPart(w));
  const whole = framed(8, 7, client, osdPart(w), u32(0));
  const end = whole.length - 4;
  return patched(whole, end, u32(cephCrc32c(0xffffffff, whole.subarray(0, end))));
}

describe('a real osdmap', () => {
  const map = decodeOsdMap(OSDMAP);

  it('says which cluster and epoch it is of', () => {
    expect(map).toMatchObject({
      fsid: '61f281d8-9b6c-4850-8fbc-a1a59259b6a9',
      epoch: 27,
      flags: 5799936,
      maxOsd: 4,
      crcMatches: true,
    });
    expect(map.damage).toBeUndefined();
    const iso = (seconds: number) => new Date(seconds * 1000).toISOString();
    expect(iso(map.created.seconds)).toBe('2026-11-20T23:15:18.000Z');
    expect(iso(map.modified.seconds)).toBe('2026-11-20T23:15:42.000Z');
  });

  it('lists the pools and how they are tiered', () => {
    const pools = [...map.pools.values()].map((p) => ({ ...p, name: text(p.name) }));
    const common = { objectHash: 2, snapSeq: 0n, size: 3 };
    const plain = {
      type: 'replicated',
      stripeWidth: 0,
      ecProfileName: '',
      crushRule: 0,
      minSize: 1,
    };
    expect(pools).toEqual([
      {
        ...common,
        ...plain,
        id: 1,
        name: 'device_health_metrics',
        pgNum: 1,
        pgpNum: 1,
        lastChange: 16,
        flags: 1n,
        tiers: [],
        cacheMode: 'none',
      },
      {
        ...common,
        id: 2,
        name: 'rbd',
        type: 'erasure',
        minSize: 2,
        crushRule: 1,
        pgNum: 8,
        pgpNum: 8,
        lastChange: 24,
        flags: 1n,
        tiers: [3],
        cacheMode: 'none',
        readTier: 3,
        writeTier: 3,
        stripeWidth: 8192,
        ecProfileName: 'p',
      },
      {
        ...common,
        ...plain,
        id: 3,
        name: 'hot',
        pgNum: 8,
        pgpNum: 8,
        lastChange: 27,
        flags: 9n,
        tiers: [],
        tierOf: 2,
        cacheMode: 'writeback',
      },
    ]);
  });

  it('knows the erasure code profiles and the OSDs', () => {
    expect(Object.fromEntries(map.ecProfiles.get('p') ?? [])).toMatchObject({
      k: '2',
      m: '1',
      plugin: 'jerasure',
      technique: 'reed_sol_van',
      stripe_unit: '4096',
    });
    expect([...map.ecProfiles.keys()]).toEqual(['default', 'p']);
    // As `osdmaptool --print` has it.
    const lives = [
      { upFrom: 5, uuid: 'a4a551d4-3c33-48f6-a11d-095efe5ac2eb' },
      { upFrom: 9, uuid: '04acfc88-5913-42cd-9bb5-8c4471d3f696' },
      { upFrom: 13, uuid: 'b4312984-e436-43f3-b1df-f16d95fd09fd' },
      { upFrom: 17, uuid: 'bb3a2874-4e7e-4c31-9d6b-ba778d1e33a1' },
    ];
    const state = { exists: true, up: true, in: true, weight: 0x10000 };
    expect(map.osds).toEqual(
      lives.map((life) => ({ ...state, life: { ...life, upThru: 21, downAt: 0 } })),
    );
  });

  it('is corrupt when cut before the pools end, and damaged but usable when cut behind', () => {
    const usable: number[] = [];
    for (let length = 0; length < OSDMAP.length; length++) {
      const cut = OSDMAP.subarray(0, length);
      const code = verdict(decodeOsdMap, cut);
      if (code !== undefined) {
        expect([length, code, usable.length]).toEqual([length, 'CORRUPT', 0]);
        continue;
      }
      usable.push(length);
      const partial = decodeOsdMap(cut);
      expect([length, partial.damage?.code]).toEqual([length, 'CORRUPT']);
      expect(partial.damage).toBeInstanceOf(SalvageError);
      expect(partial.pools).toEqual(map.pools);
      expect(partial.crcMatches).toBeUndefined();
    }
    expect(usable.length).toBeGreaterThan(1000);
  });

  it('survives lies', () => {
    expectSurvivesLies(decodeOsdMap, OSDMAP);
  });

  it('notices a flipped bit by its crc', () => {
    const bent = patched(OSDMAP, OSDMAP.length - 40, u8(OSDMAP[OSDMAP.length - 40]! ^ 4));
    expect(decodeOsdMap(bent)).toMatchObject({ crcMatches: false, epoch: 27 });
  });

  it('ignores bytes behind the map, as a file may have', () => {
    expect(decodeOsdMap(concat(OSDMAP, new Uint8Array(512)))).toEqual(map);
  });
});

describe('osdmaps of other releases', () => {
  it.each([
    [7, 2, 12],
    [7, 3, 14],
    [8, 3, 15],
    [8, 3, 21],
    [8, 4, 24],
    [8, 6, 26],
    [8, 7, 27],
    [8, 9, 29],
    [8, 10, 31],
  ] as const)('reads outer version %i, client part %i, pools %i', (outer, w, poolVersion) => {
    const map = decodeOsdMap(osdMap(outer, w, poolVersion));
    expect(map.damage).toBeUndefined();
    expect(map).toMatchObject({ epoch: 66, maxOsd: 3, flags: 0x8000 });
    expect(map.crcMatches).toBe(outer === 8 ? true : undefined);
    expect(text(map.pools.get(2)?.name)).toBe('rbd');
    const life = (osd: number) => ({
      ...{ upFrom: 5 + osd, upThru: 20 + osd, downAt: osd, uuid: UUIDS[osd] },
    });
    expect(map.osds).toEqual([
      { exists: true, up: true, in: true, weight: 0x10000, life: life(0) },
      { exists: true, up: false, in: false, weight: 0, life: life(1) },
      { exists: false, up: false, in: false, weight: 0, life: life(2) },
    ]);
    expect(map.ecProfiles).toEqual(new Map(w >= 3 ? [['k4m2', new Map([['k', '4']])]] : []));
  });

  it('calls one for newer decoders unsupported', () => {
    expect(verdict(decodeOsdMap, patched(OSDMAP, 1, u8(9)))).toBe('UNSUPPORTED');
  });
});

describe('pools', () => {
  it.each([12, 13, 14, 15, 21, 24, 26, 27, 29, 32])('reads version %i', (v) => {
    const decoded = decodePool(pool(v));
    expect(decoded).toEqual({
      type: 'erasure',
      size: 6,
      minSize: 4,
      crushRule: 1,
      objectHash: 2,
      pgNum: 11,
      pgpNum: 8,
      lastChange: 40,
      snapSeq: 9n,
      flags: POOL_FLAG.hashpspool | POOL_FLAG.ecOverwrites | POOL_FLAG.selfManagedSnapshots,
      tiers: [6, 7],
      cacheMode: 'writeback',
      readTier: 6,
      stripeWidth: 16384,
      ecProfileName: v >= 14 ? 'k4m2' : '',
    });
  });

  it('refuses a pool without pgs, which nothing could be looked up in', () => {
    expect(() => decodePool(patched(pool(29), 10, u32(0)))).toThrow('pool of 0 pgs');
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodePool, pool(14));
    expectSurvivesLies(decodePool, pool(29));
  });
});
