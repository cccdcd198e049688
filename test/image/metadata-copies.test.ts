import { describe, expect, it } from 'vitest';
import type { MetadataObject } from '../../src/catalog/metadata.ts';
import { decodeObjectInfo } from '../../src/ceph/object-info.ts';
import { type MetadataCopy, objectInfoOf, pickCopy } from '../../src/image/metadata-copies.ts';
import { OBJECT_INFO_HEAD, OBJECT_INFO_WHITEOUT } from '../ceph/samples.ts';
import { concat, patched, u32, u64 } from '../helpers/hex.ts';

/** No PG metadata at all: the versions of the copies alone decide. */
const NO_PG = {
  copies: [],
  authority: undefined,
  agreed: false,
  doubt: undefined,
  absenceDoubt: undefined,
  blind: new Map(),
} as Parameters<typeof pickCopy>[1];

/** A real object_info with another version in it. */
function infoOf(epoch: number, version: number, of = OBJECT_INFO_HEAD): Uint8Array {
  const { version: real } = decodeObjectInfo(of);
  const bytes = concat(u64(real.version), u32(real.epoch));
  const info = patched(of, Buffer.from(of).indexOf(bytes), concat(u64(version), u32(epoch)));
  expect(decodeObjectInfo(info).version).toEqual({ epoch, version: BigInt(version) });
  return info;
}

function copy(osd: number, parts: Partial<MetadataObject>): MetadataCopy {
  const { object } = decodeObjectInfo(OBJECT_INFO_HEAD);
  const { name, namespace, key, snap, hash } = object;
  const id = { pool: 3, name, namespace, key, snap, hash, shard: -1 };
  const ref = { id, directory: new Uint8Array(0), fileName: new Uint8Array(0) };
  return { osd, object: { ref, size: 0, mtimeMs: 0, ...parts } };
}

describe('pickCopy', () => {
  it('takes the newest version, the epoch first, in whatever order the copies come', () => {
    const old = copy(0, { objectInfo: infoOf(9, 200) });
    const newest = copy(1, { objectInfo: infoOf(10, 5) });
    const older = copy(2, { objectInfo: infoOf(10, 4) });
    for (const copies of [
      [old, newest, older],
      [newest, older, old],
      [older, old, newest],
    ]) {
      expect(pickCopy(copies, NO_PG)).toBe(newest.object);
    }
  });

  it('compares versions as 64-bit numbers', () => {
    const low = copy(0, { objectInfo: infoOf(9, 0xffffffff) });
    const high = copy(1, { objectInfo: infoOf(9, 2 ** 32) });
    expect(pickCopy([low, high], NO_PG)).toBe(high.object);
  });

  it('prefers a copy of that version that was read without a problem', () => {
    const objectInfo = infoOf(10, 5);
    const problem = copy(0, { objectInfo, problem: 'omap is damaged', mtimeMs: 9 });
    const whole = copy(1, { objectInfo });
    expect(pickCopy([problem, whole], NO_PG)).toBe(whole.object);
    expect(pickCopy([whole, problem], NO_PG)).toBe(whole.object);
  });

  it('prefers the copy with more in it where nothing else tells them apart', () => {
    const objectInfo = infoOf(10, 5);
    const empty = copy(0, { objectInfo, omap: [], mtimeMs: 9 });
    const full = copy(1, { objectInfo, omap: [[Buffer.from('key'), Buffer.from('value')]] });
    expect(pickCopy([empty, full], NO_PG)).toBe(full.object);
  });

  it('takes a copy without a readable object_info only where there is no other', () => {
    const torn = copy(0, { objectInfo: infoOf(99, 99).subarray(0, 40), mtimeMs: 9 });
    const none = copy(1, { mtimeMs: 8 });
    const whole = copy(2, { objectInfo: infoOf(1, 1) });
    expect(pickCopy([torn, none, whole], NO_PG)).toBe(whole.object);
    expect(pickCopy([none, torn], NO_PG)).toBe(torn.object);
  });

  it('knows a whiteout from an object, by the newest copy', () => {
    const whiteout = copy(0, { objectInfo: OBJECT_INFO_WHITEOUT });
    const older = copy(1, { objectInfo: infoOf(1, 1) });
    expect(pickCopy([older, whiteout], NO_PG)).toBe('whiteout');
    const newer = copy(1, { objectInfo: infoOf(1000, 1) });
    expect(pickCopy([newer, whiteout], NO_PG)).toBe(newer.object);
  });

  it('finds nothing among no copies', () => {
    expect(pickCopy([], NO_PG)).toBe('absent');
  });
});

describe('objectInfoOf', () => {
  it('is undefined where object_info is lost or torn at any byte', () => {
    expect(objectInfoOf(copy(0, {}).object)).toBeUndefined();
    for (let cut = 0; cut < 200; cut++) {
      const objectInfo = OBJECT_INFO_HEAD.subarray(0, cut);
      expect(objectInfoOf(copy(0, { objectInfo }).object)).toBeUndefined();
    }
    const { object } = copy(0, { objectInfo: OBJECT_INFO_HEAD });
    expect(objectInfoOf(object)?.size).toBe(decodeObjectInfo(OBJECT_INFO_HEAD).size);
  });
});
