import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { decodeHashInfo } from '../../src/ceph/hinfo.ts';
import { erasureCode } from '../../src/ec/erasure-code.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import { EcObject } from '../../src/store/ec-object.ts';
import type { OpenObject } from '../../src/store/object-store.ts';
import { losses, type Vector, vectorOf } from '../ec/vectors.ts';
import { concat, framed, patched, u32, u64 } from '../helpers/hex.ts';

interface ShardParts {
  hinfo?: Uint8Array;
  broken?: boolean;
}

/** A shard as a store hands it out; `closed` gathers who was closed. */
function shardOf(
  id: number,
  bytes: Uint8Array,
  closed: number[],
  parts: ShardParts = {},
): OpenObject {
  return {
    path: `shard ${id}`,
    size: bytes.length,
    mtimeMs: id,
    attr: (name) =>
      name === 'hinfo_key' ? parts.hinfo : name === '_' ? Uint8Array.of(id) : undefined,
    read(target, position) {
      if (parts.broken) throw sourceIoError(`shard ${id}: EIO`, {});
      const part = bytes.subarray(position, position + target.length);
      target.set(part);
      return part.length;
    },
    nextData: () => undefined,
    close: () => closed.push(id),
  };
}

interface Parts {
  lost?: readonly number[];
  verify?: boolean;
  /** shards with other bytes than Ceph's */
  changed?: Map<number, Uint8Array>;
  hinfo?: Uint8Array;
  broken?: number;
  closed?: number[];
}

function open(vector: Vector, parts: Parts = {}): EcObject {
  const { lost = [], verify = false, changed, hinfo, broken, closed = [] } = parts;
  const shards = new Map<number, OpenObject>();
  for (const [id, bytes] of vector.shards.entries()) {
    if (lost.includes(id)) continue;
    const own = { ...(hinfo === undefined ? {} : { hinfo }), broken: broken === id };
    shards.set(id, shardOf(id, changed?.get(id) ?? bytes, closed, own));
  }
  const { stripeWidth, size } = vector;
  return new EcObject({ code: erasureCode(vector.profile), stripeWidth, size, shards }, verify);
}

function all(object: EcObject): Buffer {
  const bytes = Buffer.alloc(object.size);
  expect(object.read(bytes, 0)).toBe(object.size);
  return bytes;
}

const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

/** HashInfo of an object that was only ever created or appended to: docs/formats, "Erasure-coded pools". */
function hashInfo(shards: readonly Uint8Array[], covered = shards[0]!.length): Uint8Array {
  const crcs = shards.map((bytes) => u32(cephCrc32c(0xffffffff, bytes)));
  return framed(1, 1, u64(covered), u32(shards.length), concat(...crcs));
}

const flipped = (bytes: Uint8Array, at = 5) => patched(bytes, at, Uint8Array.of(bytes[at]! ^ 0x40));

describe.each(['van-2-1', 'van-3-2', 'van-4-2', 'r6-6', 'good-4-2', 'isa-4-2', 'isac-5-3'])(
  '%s',
  (name) => {
    const vector = vectorOf(name);
    const { k, m } = erasureCode(vector.profile);

    it('gives the bytes that were written, with any m shards gone or none', () => {
      expect(sha256(all(open(vector)))).toBe(vector.sha256);
      for (const lost of losses(k + m, m))
        expect(sha256(all(open(vector, { lost })))).toBe(vector.sha256);
    });

    it('cannot be put together from fewer than k shards, and says what is missing', () => {
      const lost = Array.from({ length: m + 1 }, (_, i) => i);
      expect(() => open(vector, { lost })).toThrow(expect.objectContaining({ code: 'CORRUPT' }));
    });

    it('reads any part of it, across stripes, up to its end', () => {
      const object = open(vector, { lost: [0] });
      const whole = all(object);
      for (const [from, length] of [
        [0, 1],
        [1, vector.stripeWidth],
        [vector.stripeWidth - 1, 2],
        [77, 200],
      ] as const) {
        const part = Buffer.alloc(length);
        expect(object.read(part, from)).toBe(length);
        expect(part.equals(whole.subarray(from, from + length))).toBe(true);
      }
      const tail = Buffer.alloc(100, 0xaa);
      expect(object.read(tail, vector.size - 3)).toBe(3);
      expect(tail.subarray(0, 3).equals(whole.subarray(vector.size - 3))).toBe(true);
      expect(tail[3]).toBe(0xaa);
      expect(object.read(tail, vector.size)).toBe(0);
      expect(object.read(tail, vector.size + 9)).toBe(0);
    });
  },
);

describe('verified shards', () => {
  const vector = vectorOf('van-4-2');
  const hinfo = hashInfo(vector.shards);

  it('are all used where size and checksum are right', () => {
    expect(decodeHashInfo(hinfo).shardCrcs).toHaveLength(6);
    const object = open(vector, { verify: true, hinfo });
    expect(object.rejected).toEqual([]);
    expect(sha256(all(object))).toBe(vector.sha256);
  });

  it.each([0, 3, 5])('do without shard %i, damaged, and name it', (id) => {
    const changed = new Map([[id, flipped(vector.shards[id]!)]]);
    const object = open(vector, { verify: true, hinfo, changed });
    expect(object.rejected).toEqual([expect.stringContaining(`shard ${id}: `)]);
    expect(object.rejected[0]).toContain('checksum');
    expect(sha256(all(object))).toBe(vector.sha256);
  });

  it('do without two damaged shards, but not without three', () => {
    const two = new Map([0, 1].map((id) => [id, flipped(vector.shards[id]!)]));
    expect(sha256(all(open(vector, { verify: true, hinfo, changed: two })))).toBe(vector.sha256);
    const three = new Map([0, 1, 2].map((id) => [id, flipped(vector.shards[id]!)]));
    expect(() => open(vector, { verify: true, hinfo, changed: three })).toThrow(
      /shard 0.*shard 1.*shard 2/,
    );
  });

  it('do without a shard of the wrong length, checksum or not', () => {
    const changed = new Map([[1, vector.shards[1]!.subarray(0, 64)]]);
    const object = open(vector, { verify: true, changed });
    expect(object.rejected).toEqual([expect.stringMatching(/shard 1: 64 bytes/)]);
    expect(sha256(all(object))).toBe(vector.sha256);
  });

  it('do without a shard that cannot be read', () => {
    const object = open(vector, { verify: true, hinfo, broken: 2 });
    expect(object.rejected).toEqual([expect.stringContaining('EIO')]);
    expect(sha256(all(object))).toBe(vector.sha256);
  });

  it('count as good where no checksum speaks for their present bytes', () => {
    const changed = new Map([[4, flipped(vector.shards[4]!)]]);
    const torn = hinfo.subarray(0, 9);
    const appendedSince = hashInfo(vector.shards, 64);
    const overwritten = framed(1, 1, u64(vector.shards[0]!.length), u32(0));
    for (const other of [torn, appendedSince, overwritten]) {
      const object = open(vector, { verify: true, hinfo: other, changed });
      expect(object.rejected).toEqual([]);
      expect(sha256(all(object))).toBe(vector.sha256);
    }
  });
});

describe('EcObject', () => {
  const vector = vectorOf('van-3-2');

  it('takes what a short shard lacks for zeros where nothing is verified', () => {
    const changed = new Map([[2, vector.shards[2]!.subarray(0, 0)]]);
    const bytes = all(open(vector, { changed }));
    const whole = all(open(vector));
    const { stripeWidth } = vector;
    const chunk = stripeWidth / 3;
    const expected = Buffer.from(whole);
    for (let at = 2 * chunk; at < whole.length; at += stripeWidth) expected.fill(0, at, at + chunk);
    expect(bytes.equals(expected)).toBe(true);
    expect(bytes.equals(whole)).toBe(false);
  });

  it('has the attributes of a shard, the newest time, and closes all shards', () => {
    const closed: number[] = [];
    const object = open(vector, { lost: [0], closed });
    expect(object.attr('_')).toEqual(Uint8Array.of(1));
    expect(object).toMatchObject({ size: vector.size, mtimeMs: 4, path: 'shard 1' });
    object.close();
    expect(closed).toEqual([1, 2, 3, 4]);
  });

  it('may hold data anywhere', () => {
    const object = open(vector);
    expect(object.nextData(3, 10)).toEqual([3, 10]);
    expect(object.nextData(10, 10)).toBeUndefined();
  });
});
