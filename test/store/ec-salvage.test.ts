import { describe, expect, it } from 'vitest';
import { cephCrc32c } from '../../src/bytes/crc32c.ts';
import { erasureCode } from '../../src/ec/erasure-code.ts';
import { sourceIoError } from '../../src/errors/salvage-error.ts';
import { EcObject } from '../../src/store/ec-object.ts';
import { EcSalvage } from '../../src/store/ec-salvage.ts';
import type { OpenObject } from '../../src/store/object-store.ts';
import { type Vector, vectorOf } from '../ec/vectors.ts';
import { concat, framed, patched, u32, u64 } from '../helpers/hex.ts';

interface Fault {
  /** reads that touch these bytes fail */
  bad?: [from: number, to: number];
  /** the file ends here */
  short?: number;
  /** this byte is flipped, so that the shard's checksum fails */
  flip?: number;
}

/** A real object's shards with faults, the checksums of which are those of the sound ones. */
function shardsOf(vector: Vector, faults: Record<number, Fault>): Map<number, OpenObject> {
  const crcs = vector.shards.map((bytes) => u32(cephCrc32c(0xffffffff, bytes)));
  const { length } = vector.shards[0]!;
  const hinfo = framed(1, 1, u64(length), u32(crcs.length), concat(...crcs));
  const shardOf = (id: number, sound: Uint8Array): OpenObject => {
    const { bad = [0, 0], short = sound.length, flip } = faults[id] ?? {};
    const bytes =
      flip === undefined ? sound : patched(sound, flip, Uint8Array.of(sound[flip]! ^ 0x40));
    return {
      ...{ path: `shard ${id}`, size: short, mtimeMs: id },
      attr: (name) => (name === 'hinfo_key' ? hinfo : undefined),
      read(target, position) {
        if (position < bad[1] && position + target.length > bad[0])
          throw sourceIoError(`shard ${id}: EIO at ${bad[0]}`, {});
        const part = bytes.subarray(position, Math.min(short, position + target.length));
        target.set(part);
        return part.length;
      },
      nextData: () => undefined,
      close: () => {},
    };
  };
  return new Map(vector.shards.map((bytes, id) => [id, shardOf(id, bytes)]));
}

const partsOf = (vector: Vector, faults: Record<number, Fault>) => ({
  ...{ code: erasureCode(vector.profile), stripeWidth: vector.stripeWidth, size: vector.size },
  shards: shardsOf(vector, faults),
});

/** Bytes of the sound object. */
function soundBytes(vector: Vector): Buffer {
  const bytes = Buffer.alloc(vector.size);
  new EcObject(partsOf(vector, {}), true).read(bytes, 0);
  return bytes;
}

/** What of an object can be read a chunk at a time, and which chunks cannot. */
function salvaged(vector: Vector, faults: Record<number, Fault>) {
  const object = new EcSalvage(partsOf(vector, faults));
  const chunk = vector.stripeWidth / erasureCode(vector.profile).k;
  const bytes = Buffer.alloc(vector.size, 0xee);
  const lost: number[] = [];
  for (let at = 0; at < vector.size; at += chunk) {
    try {
      object.read(bytes.subarray(at, Math.min(vector.size, at + chunk)), at);
    } catch (error) {
      expect(error).toMatchObject({ code: 'CORRUPT' });
      lost.push(at / chunk);
    }
  }
  return { bytes, lost };
}

describe.each(['van-3-2', 'van-4-2', 'good-4-2', 'isa-4-2'])(
  '%s, more than m shards bad',
  (name) => {
    const vector = vectorOf(name);
    const { k, m, dataShards, unit } = erasureCode(vector.profile);
    const sound = soundBytes(vector);
    const { length } = vector.shards[0]!;
    const chunk = vector.stripeWidth / k;
    const all = Array.from({ length: k + m }, (_, id) => id);

    it('cannot be had as a whole, and is whole where the bad places differ', () => {
      // No more than m of them fail in the same coding unit.
      const step = Math.max(7, unit);
      const bad = (id: number) => (id * step) % length;
      const faults = Object.fromEntries(
        all.map((id): [number, Fault] => [id, { bad: [bad(id), bad(id) + 1] }]),
      );
      expect(() => new EcObject(partsOf(vector, faults), true)).toThrow(/EIO/);
      // Reads are as small as a byte here: places that differ by one are places apart.
      const object = new EcSalvage(partsOf(vector, faults));
      const bytes = Buffer.alloc(vector.size);
      for (let at = 0; at < vector.size; at++) object.read(bytes.subarray(at, at + 1), at);
      expect(bytes.equals(sound)).toBe(true);
    });

    it('takes a chunk from shards that pass their checks, where these suffice', () => {
      // m of them fail their checksum: the others make it all.
      const flips = Object.fromEntries(all.slice(0, m).map((id) => [id, { flip: 3 }]));
      expect(salvaged(vector, flips)).toEqual({ bytes: sound, lost: [] });
    });

    it('takes chunks of shards that fail their checks, wrong only where their bytes are', () => {
      const flips = Object.fromEntries(all.map((id) => [id, { flip: 3 }]));
      const { bytes, lost } = salvaged(vector, flips);
      expect(lost).toEqual([]);
      const wrong = [...bytes.keys()].filter((at) => bytes[at] !== sound[at]);
      expect(wrong).toEqual(dataShards.map((_, index) => index * chunk + 3));
    });

    it('loses only chunks of which too little is left, and takes a shard cut short for no zeros', () => {
      const cut = Object.fromEntries(all.map((id) => [id, { short: length - chunk }]));
      const { bytes, lost } = salvaged(vector, cut);
      const stripes = length / chunk;
      const last = Math.ceil(vector.size / chunk);
      expect(lost).toEqual(
        dataShards.map((_, i) => (stripes - 1) * k + i).filter((index) => index < last),
      );
      const end = (stripes - 1) * vector.stripeWidth;
      expect(bytes.subarray(0, end).equals(sound.subarray(0, end))).toBe(true);
    });
  },
);
