import { describe, expect, it } from 'vitest';
import { decodeFileStoreSuperblock, decodeOsdSuperblock } from '../../src/ceph/osd-superblock.ts';
import { blob, concat, framed, hex, u32, u64 } from '../helpers/hex.ts';
import { expectSurvivesLies, expectTruncationsCorrupt } from './damage.ts';
import { FILESTORE_SUPERBLOCK, OSD_SUPERBLOCK } from './samples.ts';
import { list } from './structures.ts';

const features = (...names: string[]) =>
  concat(u64(0), list(...names.map((name, i) => concat(u64(i + 1), blob(name)))));

describe('OSD superblock', () => {
  it('reads a real one', () => {
    const superblock = decodeOsdSuperblock(OSD_SUPERBLOCK);
    expect(superblock).toMatchObject({
      clusterFsid: 'f867ed72-792c-4506-ab8f-6126164827eb',
      osdFsid: '75b69740-0a22-46bb-bbb8-23b8d16ce239',
      whoami: 0,
      currentEpoch: 31,
      oldestMap: 1,
      newestMap: 31,
      weight: 0,
      cleanThru: 31,
      mounted: 5,
    });
    expect(superblock.features.incompat).toHaveLength(17);
    expect(superblock.features.incompat[12]).toEqual({ id: 13n, name: 'pg meta object' });
  });

  it.each([5, 6, 8])('reads version %i', (v) => {
    const bytes = framed(
      v,
      5,
      hex('000102030405060708090a0b0c0d0e0f'),
      concat(u32(7), u32(31), u32(2), u32(30), hex('000000000000f03f')),
      concat(features(), features('a'), features('b', 'c')),
      concat(u32(29), u32(5), hex('f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff')),
      v >= 6 ? concat(u32(0), list()) : new Uint8Array(0),
    );
    expect(decodeOsdSuperblock(bytes)).toEqual({
      clusterFsid: '00010203-0405-0607-0809-0a0b0c0d0e0f',
      whoami: 7,
      currentEpoch: 31,
      oldestMap: 2,
      newestMap: 30,
      weight: 1,
      features: {
        compat: [],
        readOnlyCompat: [{ id: 1n, name: 'a' }],
        incompat: [
          { id: 1n, name: 'b' },
          { id: 2n, name: 'c' },
        ],
      },
      cleanThru: 29,
      mounted: 5,
      osdFsid: 'f0f1f2f3-f4f5-f6f7-f8f9-fafbfcfdfeff',
    });
    expectTruncationsCorrupt(decodeOsdSuperblock, bytes);
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodeOsdSuperblock, OSD_SUPERBLOCK);
    expectSurvivesLies(decodeOsdSuperblock, OSD_SUPERBLOCK);
  });
});

describe('FileStore superblock', () => {
  it('names the omap backend', () => {
    expect(decodeFileStoreSuperblock(FILESTORE_SUPERBLOCK).omapBackend).toBe('rocksdb');
  });

  it('takes version 1 for LevelDB', () => {
    const bytes = framed(1, 1, features(), features(), features('sharded objects'));
    expect(decodeFileStoreSuperblock(bytes)).toEqual({
      features: {
        compat: [],
        readOnlyCompat: [],
        incompat: [{ id: 1n, name: 'sharded objects' }],
      },
      omapBackend: 'leveldb',
    });
  });

  it('calls every truncation and lie damage', () => {
    expectTruncationsCorrupt(decodeFileStoreSuperblock, FILESTORE_SUPERBLOCK);
    expectSurvivesLies(decodeFileStoreSuperblock, FILESTORE_SUPERBLOCK);
  });
});
