import { describe, expect, it } from 'vitest';
import { type Extent, NOSNAP, SNAPDIR } from '../../src/ceph/encoding.ts';
import { HOBJECT_MAX, HOBJECT_MIN } from '../../src/ceph/hobject.ts';
import { decodeObjectInfo } from '../../src/ceph/object-info.ts';
import type { PgInfo } from '../../src/ceph/pg-info.ts';
import { decodeSnapSet } from '../../src/ceph/snapset.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import type { Layer } from '../../src/image/layer.ts';
import type { AttrsReader } from '../../src/image/object-candidates.ts';
import type { PgCopy } from '../../src/image/pg-copies.ts';
import { choosePgAuthority } from '../../src/image/pg-decision.ts';
import type { Resolution } from '../../src/image/resolution.ts';
import { resolveObjects } from '../../src/image/resolve-objects.ts';
import type { CopyAttrs } from '../../src/store/object-attrs.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../src/store/row-snap.ts';
import { OBJECT_INFO_HEAD, OBJECT_INFO_WHITEOUT, SNAPSET } from '../ceph/samples.ts';
import { concat, patched, u32, u64 } from '../helpers/hex.ts';

const NONE = new Uint8Array(0);
const BASE = 2;
const CACHE = 5;

/** A real object_info with another version in it. */
function infoOf(epoch: number, version: number, of = OBJECT_INFO_HEAD): Uint8Array {
  const { version: real } = decodeObjectInfo(of);
  const at = Buffer.from(of).indexOf(concat(u64(real.version), u32(real.epoch)));
  return patched(of, at, concat(u64(version), u32(epoch)));
}

interface Stored {
  osd: number;
  /** ROW_HEAD unless said otherwise */
  snap?: number;
  pool?: number;
  /** version in epoch 60 */
  version?: number;
  attrs?: Partial<CopyAttrs>;
}

interface Scene {
  stored: Stored[];
  /** last_update in epoch 60 of each OSD's copy of the PG; undefined: it has none */
  pgs?: (number | undefined)[];
  /** these OSDs' copies of the PG are still being backfilled */
  backfilling?: number[];
  snapId?: bigint;
  cached?: boolean;
  /** two bits an object, the first in the highest */
  map?: number;
  blind?: boolean;
}

const OSDS = [0, 1, 2].map(
  (index) =>
    ({
      ...{ index, name: `osd.${index}` },
      catalog: { location: { kind: 'filestore' } },
    }) as unknown as ClusterOsd,
);

function pgCopy(osd: ClusterOsd, lastUpdate: number, complete: boolean): PgCopy {
  const info = {
    lastUpdate: { epoch: 60, version: BigInt(lastUpdate) },
    logTail: { epoch: 0, version: 0n },
    lastBackfill: complete ? HOBJECT_MAX : HOBJECT_MIN,
    lastEpochStarted: 59,
    history: { lastEpochStarted: 59 },
  } as PgInfo;
  return {
    osd,
    pool: BASE,
    seed: 0,
    shard: -1,
    bits: 0,
    info,
    unlisted: false,
    caughtUp: true,
    missing: new Map(),
    listed: 0,
  };
}

interface Row extends Stored {
  snap: number;
}

const snapId = (snap: number): bigint =>
  snap === ROW_HEAD ? NOSNAP : snap === ROW_SNAPDIR ? SNAPDIR : BigInt(snap);

/** One image with one object, 0, of which the copies are those of `scene`. */
function sceneLayer(scene: Scene): { layer: Layer; reader: AttrsReader; reads: () => number } {
  const pgs = scene.pgs ?? [90, 90, 90];
  const copies = pgs.flatMap((at, i) =>
    at === undefined ? [] : [pgCopy(OSDS[i]!, at, !(scene.backfilling ?? []).includes(i))],
  );
  const rows: Row[] = scene.stored.map((s) => ({ snap: ROW_HEAD, ...s }));
  const found = new Map<unknown, Row>();
  const objectsOf = (pool: number) => {
    const own = rows.filter((row) => (row.pool ?? BASE) === pool);
    return {
      rowsOf: (objectNo: number) => (objectNo === 0 ? own.map((_, i) => i) : []),
      snap: (row: number) => own[row]!.snap,
      osd: (row: number) => OSDS[own[row]!.osd]!,
      ref: (row: number) => {
        const { snap } = own[row]!;
        const id = {
          pool,
          namespace: NONE,
          name: Buffer.from('rbd_data.1.0000000000000000'),
          key: NONE,
        };
        const ref = {
          id: { ...id, snap: snapId(snap), hash: 7, shard: -1 },
          directory: NONE,
          fileName: NONE,
        };
        found.set(ref, own[row]!);
        return ref;
      },
    };
  };
  let reads = 0;
  const reader: AttrsReader = async (wanted) => {
    reads += wanted.length;
    return wanted.map(({ ref }): CopyAttrs => {
      const { version, attrs } = found.get(ref)!;
      const info = version === undefined ? {} : { objectInfo: infoOf(60, version) };
      return { size: 512, mtimeMs: 0, ...info, ...attrs };
    });
  };
  const pools = scene.cached ? [CACHE, BASE] : [BASE];
  const layer = {
    image: {
      header: { objectPrefix: Buffer.from('rbd_data.1') },
      ...{ format: 2, namespace: NONE },
      cluster: {
        osdMap: undefined,
        erasureOf: () => undefined,
        pgs: {
          decide: () => choosePgAuthority(copies, { erasure: false }),
          isBlind: scene.blind === true,
        },
      },
    },
    snapId: scene.snapId ?? NOSNAP,
    pools: pools.map((pool) => ({ pool, isCache: pool === CACHE, objects: objectsOf(pool) })),
    objectMap:
      scene.map === undefined
        ? undefined
        : { objectCount: 4, states: Uint8Array.of(scene.map), checked: true },
  };
  return { layer: layer as unknown as Layer, reader, reads: () => reads };
}

async function resolve(scene: Scene): Promise<Resolution> {
  const { layer, reader } = sceneLayer(scene);
  return (await resolveObjects(layer, [0], reader)).get(0)!;
}

const everywhere = (version: number, parts: Partial<Stored> = {}): Stored[] =>
  [0, 1, 2].map((osd) => ({ osd, version, ...parts }));

const osdsOf = (resolution: Resolution) =>
  resolution.state === 'present' ? resolution.copies.map(({ osd }) => osd.index) : resolution;
const lastResortOf = (resolution: Resolution) =>
  resolution.state === 'present' ? resolution.lastResort.map(({ osd }) => osd.index) : resolution;

describe('objects of the head', () => {
  it('costs no read where all copies of the PG agree and each has the object', async () => {
    const { layer, reader, reads } = sceneLayer({ stored: everywhere(5) });
    const resolution = (await resolveObjects(layer, [0], reader)).get(0)!;
    expect(reads()).toBe(0);
    expect(osdsOf(resolution)).toEqual([0, 1, 2]);
    expect(resolution).toMatchObject({ unexamined: true, doubt: undefined });
  });

  it.each<[string, Partial<Scene>]>([
    ['a copy of the PG is older', { pgs: [90, 90, 80] }],
    ['a copy of the PG is being backfilled', { backfilling: [2] }],
    ['one OSD lacks the object', { stored: everywhere(5).slice(0, 2) }],
    ['an OSD without the PG has it too', { pgs: [90, 90, undefined] }],
  ])('reads the attributes where %s', async (_, parts) => {
    const { layer, reader, reads } = sceneLayer({ stored: everywhere(5), ...parts });
    const resolution = (await resolveObjects(layer, [0], reader)).get(0)!;
    expect(reads()).toBeGreaterThan(0);
    expect(resolution).toMatchObject({
      state: 'present',
      unexamined: false,
      version: "60'5",
      doubt: undefined,
    });
  });

  it('takes copies of the version that counts, and names the others as last resort', async () => {
    const stored = [
      { osd: 0, version: 85 },
      { osd: 1, version: 85 },
      { osd: 2, version: 40 },
    ];
    const resolution = await resolve({ stored, pgs: [90, 90, 80] });
    expect(osdsOf(resolution)).toEqual([0, 1]);
    expect(lastResortOf(resolution)).toEqual([2]);
    expect(resolution).toMatchObject({ version: "60'85", doubt: undefined });
  });

  it('keeps a copy without its attributes for the last', async () => {
    const stored = [{ osd: 0 }, { osd: 1, version: 40 }, { osd: 2, version: 40 }];
    const resolution = await resolve({ stored, pgs: [90, 90, 80] });
    expect(osdsOf(resolution)).toEqual([1, 2]);
    expect(lastResortOf(resolution)).toEqual([0]);
  });

  it('doubts an object of which every copy has lost its attributes', async () => {
    const resolution = await resolve({ stored: [{ osd: 0 }, { osd: 1 }], pgs: [90, 90, 80] });
    expect(osdsOf(resolution)).toEqual([0, 1].slice(0, 1));
    expect(resolution).toMatchObject({ state: 'present', version: undefined });
    expect((resolution as { doubt: string }).doubt).toContain('version');
  });

  it('is absent where only a stale OSD has it', async () => {
    const resolution = await resolve({ stored: [{ osd: 2, version: 40 }], pgs: [90, 90, 80] });
    expect(resolution).toEqual({ state: 'absent', doubt: undefined });
  });

  it('is absent where a whiteout counts', async () => {
    const whiteout = { objectInfo: infoOf(60, 50, OBJECT_INFO_WHITEOUT) };
    const stored = [
      { osd: 0, attrs: whiteout },
      { osd: 2, version: 40 },
    ];
    const resolution = await resolve({ stored, pgs: [90, undefined, 80] });
    expect(resolution).toMatchObject({ state: 'absent', doubt: undefined });
  });

  it('is lost where no copy can be opened', async () => {
    const attrs = { error: 'EIO on reading' };
    const resolution = await resolve({
      stored: [{ osd: 1, attrs }],
      pgs: [undefined, 90, undefined],
      backfilling: [1],
    });
    expect(resolution).toEqual({ state: 'lost', reason: 'osd.1: EIO on reading' });
  });
});

describe('objects of which nothing lies here', () => {
  it('are holes where the PG is here, and lost where it is on none of the OSDs', async () => {
    expect(await resolve({ stored: [] })).toEqual({ state: 'absent', doubt: undefined });
    const lost = await resolve({ stored: [], pgs: [] });
    expect(lost).toMatchObject({ state: 'lost' });
    expect((lost as { reason: string }).reason).toContain('none of the OSDs');
  });

  it('are doubtful holes where all copies of the PG are incomplete', async () => {
    const resolution = await resolve({ stored: [], pgs: [90], backfilling: [0] });
    expect(resolution).toMatchObject({ state: 'absent' });
    expect((resolution as { doubt: string }).doubt).toContain('no complete copy');
  });

  it('say nothing of PGs where no PG metadata could be read at all', async () => {
    const resolution = await resolve({ stored: [], pgs: [], blind: true });
    expect(resolution.state).toBe('absent');
  });
});

describe('the object map', () => {
  const NONEXISTENT = 0x00;
  const EXISTS = 0x40;
  const PENDING = 0x80;
  const CLEAN = 0xc0;

  it('tells a hole from a loss', async () => {
    expect(await resolve({ stored: [], pgs: [], map: NONEXISTENT })).toEqual({
      state: 'absent',
      doubt: undefined,
    });
    expect(await resolve({ stored: [], pgs: [], map: EXISTS })).toMatchObject({ state: 'lost' });
  });

  it.each([
    ['exists', EXISTS],
    ['exists, clean', CLEAN],
  ])('makes a loss of an absent object that %s', async (_, map) => {
    const resolution = await resolve({ stored: [], map });
    expect(resolution).toEqual({ state: 'lost', reason: expect.stringContaining('object map') });
  });

  it('leaves an absent object be whose removal was announced', async () => {
    expect(await resolve({ stored: [], map: PENDING })).toEqual({
      state: 'absent',
      doubt: undefined,
    });
  });

  it('does not deny an object that is there', async () => {
    const scene = { stored: everywhere(5).slice(0, 2), map: NONEXISTENT };
    expect(await resolve(scene)).toMatchObject({ state: 'present', doubt: undefined });
  });

  it('does not make a loss of a whiteout', async () => {
    const whiteout = { objectInfo: infoOf(60, 50, OBJECT_INFO_WHITEOUT) };
    const scene = { stored: [{ osd: 0, attrs: whiteout }], pgs: [90], cached: true, map: EXISTS };
    const stored = scene.stored.map((s) => ({ ...s, pool: CACHE }));
    expect(await resolve({ ...scene, stored })).toMatchObject({ state: 'absent' });
  });

  it('has nothing to say beyond its end', async () => {
    const { layer, reader } = sceneLayer({ stored: [], map: 0xff });
    expect((await resolveObjects(layer, [4], reader)).get(4)).toEqual({
      state: 'absent',
      doubt: undefined,
    });
  });
});

describe('cache tiers', () => {
  it("take the cache's copy before the base's, the base's where the cache has none", async () => {
    const base = { osd: 0, version: 88 };
    const both = await resolve({
      stored: [base, { osd: 1, version: 40, pool: CACHE }],
      cached: true,
      pgs: [90, 90],
    });
    expect(osdsOf(both)).toEqual([1]);
    expect(both).toMatchObject({ version: "60'40" });
    expect(osdsOf(await resolve({ stored: [base], cached: true, pgs: [90, 90] }))).toEqual([0]);
  });

  it("hide the base's object behind a whiteout", async () => {
    const whiteout = { objectInfo: infoOf(60, 50, OBJECT_INFO_WHITEOUT) };
    const stored = [
      { osd: 0, version: 88 },
      { osd: 1, pool: CACHE, attrs: whiteout },
    ];
    expect(await resolve({ stored, cached: true, pgs: [undefined, 90] })).toMatchObject({
      state: 'absent',
      doubt: undefined,
    });
  });

  it('are not asked for an object without a read, however well the copies agree', async () => {
    const { layer, reader, reads } = sceneLayer({ stored: everywhere(5), cached: true });
    await resolveObjects(layer, [0], reader);
    expect(reads()).toBe(3);
  });
});

describe('objects at a snapshot', () => {
  // The real SnapSet: seq 8, clones 4, 5, 6 and 8; clone 8 serves snapshot 7.
  const head = everywhere(80, { attrs: { snapSet: SNAPSET } });
  const clone = (snap: number, version = 70) => everywhere(version, { snap });

  it('are served by the clone whose clone_snaps names the snapshot', async () => {
    const stored = [...head, ...clone(6, 60), ...clone(8)];
    expect(await resolve({ stored, snapId: 7n })).toMatchObject({
      state: 'present',
      version: "60'70",
      doubt: undefined,
    });
    expect(await resolve({ stored, snapId: 6n })).toMatchObject({
      state: 'present',
      version: "60'60",
    });
  });

  it('do not exist at a snapshot that the next clone does not serve', async () => {
    expect(await resolve({ stored: [...head, ...clone(8)], snapId: 8n })).toMatchObject({
      state: 'absent',
      doubt: undefined,
    });
  });

  it('are served by the head where nothing was written since', async () => {
    expect(await resolve({ stored: [...head, ...clone(8)], snapId: 9n })).toMatchObject({
      state: 'present',
      version: "60'80",
    });
  });

  it('know their clones from the snapdir where there is no head', async () => {
    const stored = [
      ...everywhere(80, { snap: ROW_SNAPDIR, attrs: { snapSet: SNAPSET } }),
      ...clone(8),
    ];
    expect(await resolve({ stored, snapId: 7n })).toMatchObject({
      state: 'present',
      version: "60'70",
    });
  });

  it('are judged by the SnapSet of the version that counts', async () => {
    const stale = { osd: 2, version: 30, attrs: { snapSet: SNAPSET.subarray(0, 20) } };
    const stored = [...head.slice(0, 2), stale, ...clone(8)];
    expect(await resolve({ stored, snapId: 7n, pgs: [90, 90, 40] })).toMatchObject({
      state: 'present',
      version: "60'70",
    });
  });

  it('are doubtful where only a copy of the PG that does not count has the clone', async () => {
    const stored = [...head.slice(0, 2), { osd: 2, snap: 8, version: 30 }];
    const resolution = await resolve({ stored, snapId: 7n, pgs: [90, 90, 40] });
    expect(osdsOf(resolution)).toEqual([2]);
    expect((resolution as { doubt: string }).doubt).toContain('clone 8');
  });

  it('are put together from the next newer object where no OSD has the clone', async () => {
    const resolution = await resolve({ stored: head, snapId: 7n });
    expect(resolution).toMatchObject({
      state: 'rebuilt',
      size: 0x400000,
      from: { version: "60'80" },
    });
    const { overlap } = resolution as Extract<Resolution, { state: 'rebuilt' }>;
    expect(overlap).toEqual([
      { offset: 0, length: 0x358000 },
      { offset: 0x36f200, length: 0x90e00 },
    ]);
  });

  it('are lost where neither clone nor next newer object is left', async () => {
    const stored = everywhere(80, { snap: ROW_SNAPDIR, attrs: { snapSet: SNAPSET } });
    const resolution = await resolve({ stored, snapId: 7n });
    expect(resolution).toEqual({ state: 'lost', reason: expect.stringContaining('clone 8') });
  });

  it('are guessed by clone id, in doubt, where no SnapSet can be read', async () => {
    const resolution = await resolve({
      stored: [...everywhere(80), ...clone(6, 60), ...clone(8)],
      snapId: 5n,
    });
    expect(resolution).toMatchObject({ state: 'present', version: "60'60" });
    expect((resolution as { doubt: string }).doubt).toContain('SnapSet');
  });

  it('do not exist where no trace of them is left', async () => {
    expect(await resolve({ stored: [], snapId: 7n })).toEqual({
      state: 'absent',
      doubt: undefined,
    });
  });

  it('are put together from the next newer object where no copy of the clone can be read', async () => {
    const broken = everywhere(70, { snap: 8, attrs: { error: 'EIO' } }).map((copy) => {
      const { version: _, ...unread } = copy;
      return unread;
    });
    const resolution = await resolve({ stored: [...head, ...broken], snapId: 7n });
    expect(resolution).toMatchObject({
      state: 'rebuilt',
      size: 0x400000,
      from: { version: "60'80" },
      reason: expect.stringContaining('EIO'),
    });
  });

  it('are certain holes where all that lies here are leftovers that the PG no longer has', async () => {
    const leftovers = [
      { osd: 2, version: 30 },
      { osd: 2, snap: 4, version: 20 },
      { osd: 2, snap: 8, version: 30 },
    ];
    for (const snapId of [5n, 7n, 9n]) {
      expect(await resolve({ stored: leftovers, snapId, pgs: [90, 90, 40] })).toEqual({
        state: 'absent',
        doubt: undefined,
      });
    }
  });

  it('let the base pool decide where a cache tier has leftovers alone', async () => {
    const stored = [
      { osd: 2, pool: CACHE, version: 30 },
      ...everywhere(80, { attrs: { snapSet: SNAPSET } }).slice(0, 2),
    ];
    const scene = { stored, snapId: 9n, pgs: [90, 90, 40], cached: true };
    expect(await resolve(scene)).toMatchObject({ state: 'present', version: "60'80" });
  });

  it('are no silent hole where the SnapSet of the snapdir cannot be read', async () => {
    const snapSet = SNAPSET.subarray(0, 20);
    const stored = everywhere(80, { snap: ROW_SNAPDIR, attrs: { snapSet } });
    const resolution = await resolve({ stored, snapId: 7n });
    expect(resolution).toMatchObject({ state: 'absent', doubt: expect.stringMatching(/SnapSet/) });
  });

  it('are doubtful holes where the SnapSet that says so is of a doubtful copy', async () => {
    const stored = [{ osd: 0, version: 80, attrs: { snapSet: SNAPSET } }];
    const resolution = await resolve({ stored, snapId: 8n });
    expect(resolution).toMatchObject({ state: 'absent', doubt: expect.stringMatching(/1 of 3/) });
  });

  it('are put together from an object further on, as far as all in between share the bytes', async () => {
    // Of clone 6 the real SnapSet knows what it shares with clone 8, of that what with the head.
    const resolution = await resolve({ stored: head, snapId: 6n });
    const snapSet = decodeSnapSet(SNAPSET);
    const six = snapSet.cloneOverlap.get(6n)!;
    expect(resolution).toMatchObject({ state: 'rebuilt', from: { version: "60'80" } });
    const { overlap, size } = resolution as Extract<Resolution, { state: 'rebuilt' }>;
    expect(size).toBe(Number(snapSet.cloneSize.get(6n)));
    const covers = (extents: readonly Extent[], at: number) =>
      extents.some(({ offset, length }) => at >= offset && at < offset + length);
    for (let at = 0; at < size; at += 512) {
      const inBoth = covers(six, at) && covers(snapSet.cloneOverlap.get(8n)!, at);
      expect(covers(overlap, at)).toBe(inBoth);
    }
  });
});
