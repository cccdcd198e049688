import { expect, it } from 'vitest';
import { decodeHashInfo } from '../../src/ceph/hinfo.ts';
import { framed, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { HASH_INFO } from './samples.ts';

it('reads the checksums of all shards', () => {
  expect(decodeHashInfo(HASH_INFO)).toEqual({
    chunkSize: 557056,
    shardCrcs: [0x7728372c, 0xb740b933, 0x2c7f67ab],
  });
});

it('reads the empty list that an overwrite leaves behind', () => {
  expect(decodeHashInfo(framed(1, 1, u64(4096), u32(0)))).toEqual({
    chunkSize: 4096,
    shardCrcs: [],
  });
});

it('calls every truncation and lie damage', () => {
  expectTruncationsCorrupt(decodeHashInfo, HASH_INFO);
  expectSurvivesLies(decodeHashInfo, HASH_INFO);
});
