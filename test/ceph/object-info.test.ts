import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { NOSNAP } from '../../src/ceph/encoding.ts';
import { decodeObjectInfo, flawOf, isWhiteout, OBJECT_FLAG } from '../../src/ceph/object-info.ts';
import { blob, concat, framed, hex, patched, u8, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { OBJECT_INFO_CLONE, OBJECT_INFO_HEAD, OBJECT_INFO_WHITEOUT } from './samples.ts';
import { hobject, list, NO_SNAP, opaque, reqid, time, version } from './structures.ts';

const nothing = new Uint8Array(0);

interface Spec {
  snap?: bigint;
  snaps?: number[];
  flags: number;
  lost?: number;
  usesTmap?: boolean;
  manifest?: Uint8Array;
}

/** object_info_t of version `v` as the format defines it: pool 2 in the locator, 1 in soid. */
function objectInfo(v: number, spec: Spec): Uint8Array {
  const from = (since: number, ...parts: Uint8Array[]) => (v >= since ? concat(...parts) : nothing);
  const snap = spec.snap ?? NO_SNAP;
  const locator = framed(6, 3, u64(2), u32(0xffffffff), blob(''), blob(''), u64(-1n));
  const client = hex('08 2b10000000000000');
  return framed(
    v,
    8,
    concat(hobject({ name: 'rbd_data.1', snap, hash: 5, pool: 1 }), locator, blob('')),
    concat(version(31, 133), version(30, 7), reqid, u64(4194304), time(1500000000)),
    snap === NO_SNAP ? reqid : list(...(spec.snaps ?? []).map((s) => u64(s))),
    concat(u64(0), u64(0), u8(spec.lost ?? 0)),
    list(concat(client, opaque)),
    version(0, 77),
    from(9, u8(spec.usesTmap ? 1 : 0)),
    from(11, list(concat(u64(1), client, opaque), concat(u64(2), client, opaque))),
    from(13, u32(spec.flags)),
    from(14, time(1500000001)),
    from(15, u32(0x11223344), u32(0x55667788)),
    from(16, u64(4194304), u64(4194304), u32(0)),
    from(17, spec.manifest ?? nothing),
    from(18, list(u64(0), u64(0))),
  );
}

describe('real object infos', () => {
  it('reads a head with a data digest', () => {
    const info = decodeObjectInfo(OBJECT_INFO_HEAD);
    expect(info).toMatchObject({
      object: { snap: NOSNAP, hash: 0xac0e573a, pool: 3 },
      version: { epoch: 21, version: 2n },
      priorVersion: { epoch: 20, version: 1n },
      size: 19,
      mtime: { seconds: 1795216108, nanoseconds: 861876200 },
      snaps: [],
      userVersion: 2n,
      flags: OBJECT_FLAG.dirty | OBJECT_FLAG.dataDigest,
      dataDigest: cephCrc32c(0xffffffff, Buffer.from('overwrite validated')), // its content
    });
    expect(Buffer.from(info.object.name).toString()).toBe('rbd_info');
    expect(info.omapDigest).toBeUndefined();
  });

  it('reads a clone', () => {
    expect(decodeObjectInfo(OBJECT_INFO_CLONE)).toMatchObject({
      object: { snap: 11n, hash: 0x58b513ab, pool: 2 },
      version: { epoch: 30, version: 123n },
      size: 3867648,
      userVersion: 122n,
      dataDigest: 3537275827,
    });
  });

  it('tells a whiteout from an object', () => {
    expect(isWhiteout(decodeObjectInfo(OBJECT_INFO_WHITEOUT))).toBe(true);
    expect(isWhiteout(decodeObjectInfo(OBJECT_INFO_HEAD))).toBe(false);
  });

  it('calls every truncation and lie damage', () => {
    for (const bytes of [OBJECT_INFO_HEAD, OBJECT_INFO_CLONE]) {
      expectTruncationsCorrupt(decodeObjectInfo, bytes);
      expectSurvivesLies(decodeObjectInfo, bytes);
    }
  });

  it('calls one for newer decoders unsupported', () => {
    expect(() => decodeObjectInfo(patched(OBJECT_INFO_HEAD, 1, u8(9)))).toThrow(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });
});

describe('object infos of other releases', () => {
  // 0x34: dirty, both digests; 0x4 is all that the lost byte of old versions says here
  const spec = { flags: 0x34, lost: 4 };
  const common = {
    version: { epoch: 31, version: 133n },
    priorVersion: { epoch: 30, version: 7n },
    size: 4194304,
    mtime: { seconds: 1500000000, nanoseconds: 5 },
    userVersion: 77n,
  };

  it.each([8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19])('reads version %i', (v) => {
    const info = decodeObjectInfo(objectInfo(v, spec));
    expect(info).toMatchObject(common);
    expect(info.object.pool).toBe(v < 10 ? 2 : 1);
    expect(info.flags).toBe(v < 13 ? 4 : 0x34);
    expect(info.dataDigest).toBe(v < 15 ? undefined : 0x11223344);
    expect(info.omapDigest).toBe(v < 15 ? undefined : 0x55667788);
  });

  it.each([14, 15])('reads the snapshots that a clone of version %i serves', (v) => {
    const info = decodeObjectInfo(objectInfo(v, { snap: 9n, snaps: [9, 8, 5], flags: 0 }));
    expect(info).toMatchObject({ ...common, snaps: [9n, 8n, 5n] });
  });

  it('joins the tmap mark to the flags', () => {
    const info = decodeObjectInfo(objectInfo(14, { flags: 4, usesTmap: true }));
    expect(info.flags).toBe(OBJECT_FLAG.dirty | OBJECT_FLAG.usesTmap);
  });

  it('does not need to understand a manifest', () => {
    const info = decodeObjectInfo(objectInfo(17, { flags: 0x80, manifest: opaque }));
    expect(info).toMatchObject({ ...common, flags: OBJECT_FLAG.manifest });
  });

  it('calls truncated old ones damage', () => {
    expectTruncationsCorrupt(decodeObjectInfo, objectInfo(14, { snap: 9n, snaps: [9], flags: 0 }));
  });

  it('refuses what no supported release wrote', () => {
    expect(() => decodeObjectInfo(objectInfo(7, spec))).toThrow('version 7 is older');
  });
});

describe('flawOf', () => {
  const info = decodeObjectInfo(OBJECT_INFO_HEAD);
  /** what that real object holds */
  const bytes = Buffer.from('overwrite validated');
  const flipped = Buffer.from(bytes);
  flipped[3]! ^= 1;

  it('finds none in the bytes that were written', () => {
    expect(flawOf(bytes, info)).toBeUndefined();
  });

  it('tells other bytes by the checksum, where there is one', () => {
    expect(flawOf(flipped, info)).toMatch(/do not match the checksum/);
    const { dataDigest: _, ...without } = info;
    expect(flawOf(flipped, without)).toBeUndefined();
    expect(flawOf(bytes.subarray(1), without)).toBe('18 bytes, object_info says 19');
  });
});
