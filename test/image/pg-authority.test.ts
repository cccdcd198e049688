import { describe, expect, it } from 'vitest';
import type { CatalogOsd } from '../../src/catalog/catalog.ts';
import type { MetadataObject } from '../../src/catalog/metadata.ts';
import type { OsdMap } from '../../src/ceph/osdmap.ts';
import type { Cluster, ClusterOsd } from '../../src/image/cluster.ts';
import { PgAuthority } from '../../src/image/pg-authority.ts';
import { PG_INFO } from '../ceph/samples.ts';

const POOL = 2;
const NONE = new Uint8Array(0);
/** that `PG_INFO` tells of */
const OBJECTS = 33;

interface Parts {
  /** uuids of the disks that were scanned, and what the map says of each OSD */
  disks?: string[];
  lives?: { uuid: string; upFrom: number }[];
  /** seeds of the PGs that each OSD holds */
  seeds: number[][];
  pgBits?: number;
  /** pg_num that a map tells */
  pgNum?: number;
  /** collections without PG metadata */
  bare?: string[];
}

function metadata(seed: number, pgBits: number | undefined): MetadataObject {
  const id = { pool: POOL, hash: seed, shard: -1, snap: 0n };
  return {
    ref: {
      id: { ...id, name: NONE, namespace: NONE, key: NONE },
      directory: Buffer.from(`${POOL}.${seed.toString(16)}_head`),
      fileName: NONE,
    },
    ...{ size: 0, mtimeMs: 0, omap: [[Buffer.from('_info'), PG_INFO]] },
    ...(pgBits === undefined ? {} : { pgBits }),
  };
}

function authority({ seeds, pgBits, pgNum, bare = [], disks, lives }: Parts): PgAuthority {
  const osds = seeds.map((own, index): ClusterOsd => {
    const names = [...own.map((seed) => `${POOL}.${seed.toString(16)}_head`), ...bare];
    const units = names.map((name) => [Buffer.from(name)]);
    const catalog = {
      ...{ location: {}, identity: { whoami: index, osdFsid: disks?.[index] } },
      pgMetadata: () => own.map((seed) => metadata(seed, pgBits)),
      segments: [
        {
          ...{ units, dead: new Set(), unreadable: () => [] },
          collections: () => new Map(names.map((name) => [name, OBJECTS + 1])),
        },
      ],
    };
    return { index, name: `osd.${index}`, catalog: catalog as unknown as CatalogOsd };
  });
  const pools = new Map([[POOL, { pgNum, size: 1, type: 'replicated' }]]);
  const osdMap =
    pgNum === undefined
      ? undefined
      : ({ pools, osds: (lives ?? []).map((life) => ({ life })) } as unknown as OsdMap);
  return new PgAuthority({ osds, osdMap } as unknown as Cluster);
}

const osdsOf = (pgs: PgAuthority, hash: number) =>
  pgs.decide(POOL, hash).copies.map(({ osd }) => osd.index);

describe('PGs of a pool that no map tells of', () => {
  const seeds = [
    [0, 1, 2],
    [0, 2, 3],
  ];

  it('are taken for all there are, and what none of them has is doubtful', () => {
    const pgs = authority({ seeds });
    expect(osdsOf(pgs, 0xabcd0000)).toEqual([0, 1]);
    expect(osdsOf(pgs, 0xabcd0001)).toEqual([0]);
    expect(osdsOf(pgs, 0xabcd0007)).toEqual([1]);
    expect(pgs.decide(POOL, 0xabcd0000)).toMatchObject({
      doubt: undefined,
      absenceDoubt: expect.stringMatching(/pg_num is a guess/),
    });
    expect(pgs.problems).toEqual([expect.stringMatching(/^pool 2: .*pg_num.* 4$/)]);
  });

  it('are known by their collections too, where these have no metadata', () => {
    const pgs = authority({ seeds, bare: ['2.7_head'] });
    expect(osdsOf(pgs, 0xabcd0007)).toEqual([]);
    expect([...pgs.decide(POOL, 0xabcd0007).blind.keys()]).toEqual([0, 1]);
    expect(osdsOf(pgs, 0xabcd0003)).toEqual([1]);
  });

  it.each([
    ['their collections tell their bits', { pgBits: 2 }],
    ['a map tells pg_num', { pgNum: 4 }],
  ])('are no guess where %s', (_, parts) => {
    const pgs = authority({ seeds, ...parts });
    expect(osdsOf(pgs, 0xabcd0000)).toEqual([0, 1]);
    expect(pgs.decide(POOL, 0xabcd0000).absenceDoubt).toBeUndefined();
    expect(pgs.problems).toEqual([]);
  });
});

describe('isScanned', () => {
  const UUIDS = ['00000000-0000-4000-8000-000000000001', '00000000-0000-4000-8000-000000000002'];
  const scanned = (disks: string[], upFrom: number) => {
    // PG_INFO has same_interval_since 14.
    const lives = UUIDS.map((uuid) => ({ uuid, upFrom }));
    const pgs = authority({ seeds: [[0], [1]], pgNum: 2, disks, lives });
    return [0, 1, 2].map(pgs.isScanned);
  };

  it('tells which OSDs the disks are of', () => {
    expect(scanned(UUIDS, 14)).toEqual([true, true, false]);
  });

  it('takes no disk for another of the same number', () => {
    expect(scanned([UUIDS[0]!, UUIDS[0]!], 14)).toEqual([true, false, false]);
  });

  it('takes no copy of a disk from before its OSD was started again for it', () => {
    expect(scanned(UUIDS, 15)).toEqual([false, false, false]);
  });
});

describe('decisions', () => {
  it('are made once for a PG', () => {
    const pgs = authority({ seeds: [[0, 1]], pgBits: 1 });
    expect(pgs.decide(POOL, 0x10)).toBe(pgs.decide(POOL, 0x20));
    expect(pgs.decide(POOL, 0x10)).not.toBe(pgs.decide(POOL, 0x11));
  });

  it('are not kept for every object, whatever bits a collection claims', () => {
    const pgs = authority({ seeds: [[0]], pgBits: 32 });
    const first = pgs.decide(POOL, 0);
    for (let hash = 0; hash < 100_000; hash++) pgs.decide(POOL, hash);
    expect(pgs.decide(POOL, 0)).toEqual(first);
    expect(pgs.decide(POOL, 0)).not.toBe(first);
  });
});
