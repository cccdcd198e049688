import { describe, expect, it } from 'vitest';
import { erasureCode } from '../../src/ec/erasure-code.ts';
import { chooseShards, type PoolErasure } from '../../src/image/ec-shards.ts';
import type { Candidate } from '../../src/image/object-candidates.ts';

const PROFILE = new Map([
  ['plugin', 'jerasure'],
  ['technique', 'reed_sol_van'],
  ['k', '2'],
  ['m', '1'],
]);
const POOL: PoolErasure = {
  profile: [...PROFILE],
  stripeWidth: 8192,
  code: erasureCode(PROFILE),
  reason: '',
};

/** A shard on the OSD of its number, of version 30'VERSION. */
function shard(number: number, version: number, error?: string): Candidate {
  const info = { version: { epoch: 30, version: BigInt(version) }, size: 8192 * version };
  return {
    osd: { index: number, name: `osd.${number}` },
    ref: { id: { shard: number } },
    attrs: error === undefined ? {} : { error },
    info,
  } as unknown as Candidate;
}

/** What comes of them where `version` counts, and which OSDs it is read from. */
function chosen(version: number, ...candidates: Candidate[]) {
  const current = candidates.filter((c) => c.info!.version.version === BigInt(version));
  const made = chooseShards(POOL, current, candidates, undefined);
  if (made.state !== 'present') return { state: made.state };
  return { doubt: made.doubt, size: made.size, osds: made.copies.map(({ osd }) => osd.index) };
}

describe('chooseShards', () => {
  it('takes enough shards of the version that counts', () => {
    expect(chosen(8, shard(0, 8), shard(1, 8), shard(2, 9))).toEqual({
      ...{ doubt: undefined, size: 8 * 8192, osds: [0, 1] },
    });
  });

  it('takes another version of which there are enough, in doubt', () => {
    const { doubt, osds } = chosen(8, shard(0, 8), shard(1, 9), shard(2, 9));
    expect([doubt, osds]).toEqual([
      expect.stringMatching(/^too few shards of version 30'8/),
      [1, 2],
    ]);
  });

  it('takes shards of several versions where there are enough of none, in doubt', () => {
    // An overwrite that was cut short differs in a few stripes only.
    expect(chosen(8, shard(0, 8), shard(1, 9), shard(2, 10))).toEqual({
      ...{ doubt: expect.stringMatching(/^too few shards of any one version/), size: 8 * 8192 },
      osds: [0, 2, 1],
    });
  });

  it('takes one copy of each shard: that which counts, then the newest that can be read', () => {
    const others = [shard(1, 7), shard(1, 9), shard(1, 10, 'EIO')];
    expect(chosen(8, shard(0, 8), shard(0, 11), ...others).osds).toEqual([0, 1]);
  });

  it('makes nothing of too few shards of any version', () => {
    expect(chosen(8, shard(0, 8), shard(1, 9, 'EIO'))).toEqual({ state: 'lost' });
  });
});
