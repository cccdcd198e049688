import { describe, expect, it } from 'vitest';
import { cephStrHashRjenkins, objectHash, pgSeedOf } from '../../src/ceph/placement.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text);
const hashOf = (name: string, key = '', namespace = '') =>
  objectHash(bytes(name), bytes(key), bytes(namespace));

/** name, key, namespace, hash: as real clusters stored them */
const REAL: [string, string, string, number][] = [
  ['rbd_directory', '', '', 0x30a98c1c],
  ['rbd_directory', '', 'ns1', 0xb9336250],
  ['withkey', 'key_1', '', 0x99090fea],
  ['bo_th', 'k/2', 'ns_1.x', 0x0ccb3b8b],
  ['rbd_data.102b6c4ee5e6.0000000000000004', '', '', 0xdee5305c],
  ['rb.0.104d.6b8b4567.000000000003', '', '', 0xb80a02eb],
  ['rbd_id.under_score.dot-name', '', '', 0x142fae33],
  ['journal_data.2.102b95a95e39.1', '', '', 0x35dfcc84],
  ['rbd_object_map.102b6c4ee5e6.0000000000000006', '', '', 0x103daedc],
  ['DIR_', '', '', 0xb7ce8af0],
  ['DIR_foo', '', '', 0x8bae097f],
  ['..', '', '', 0xb60808d6],
  ['a/b', '', '', 0x2d0ad9e4],
  ['back\\slash', '', '', 0xdcf29d4f],
  ['.hidden', '', '', 0x156899a2],
  ['per%cent', '', '', 0x616daa8c],
  ['ünïcode', '', '', 0x862bcadc],
  ['ec_2', '', 'n_s', 0xb00484b5],
  ['rbd_trash', '', '', 0x5a749323],
  ['rbd_info', '', '', 0xac0e573a],
  ['rbd_id.split', '', '', 0xabec9905],
  ['rbd_data.102bd7ba505.0000000000000012', '', '', 0xf9f732cd],
  ['rbd_object_map.105ba5b4983e', '', '', 0x3a18ad9d],
  ['rbd_data.2.102beb282841.0000000000000004', '', '', 0x43370744],
  ['journal_data.2.102bb1dad4e7.1', '', '', 0xeac16c3d],
  ['rbd_id.shrunkchild', '', '', 0x397e42ad],
  ['rbd_object_map.102bd7ba505.0000000000000004', '', '', 0x1d7f3eb5],
  ['journal.102bb1dad4e7', '', '', 0x72721c0b],
  ['rbd_header.102bd7ba505', '', '', 0x71111203],
  ['rbd_header.102b6b2e5943', '', '', 0xd4fcf4ad],
  ['z'.repeat(255), '', '', 0x5b147c79],
];

describe('placement hash', () => {
  it.each(REAL)('of %s (key %s, namespace %s)', (name, key, namespace, hash) => {
    expect(hashOf(name, key, namespace)).toBe(hash);
  });

  it('was compared at every length of the last word', () => {
    const plain = REAL.filter(([, key, namespace]) => key === '' && namespace === '');
    expect(new Set(plain.map(([name]) => bytes(name).length % 12)).size).toBe(12);
  });

  it('hashes a stretch of a larger buffer as it does the bytes alone', () => {
    const line = bytes('xxrbd_directoryyy');
    expect(cephStrHashRjenkins(line, 2, 15)).toBe(0x30a98c1c);
  });
});

describe('pgSeedOf', () => {
  it('finds the pgs of real objects', () => {
    expect(pgSeedOf(0xdee5305c, 16)).toBe(0xc);
    expect(pgSeedOf(0xb9336250, 16)).toBe(0);
    expect(pgSeedOf(0xb00484b5, 2)).toBe(1);
  });

  it('folds seeds that a pg_num between powers of two does not have', () => {
    // 11 pgs: mask 15; seeds 11 to 15 fold to their low three bits
    expect([0x3a, 0x3b, 0x3f].map((hash) => pgSeedOf(hash, 11))).toEqual([0xa, 0x3, 0x7]);
  });

  it('works from one pg to 2^31', () => {
    expect(pgSeedOf(0xffffffff, 1)).toBe(0);
    expect(pgSeedOf(0xffffffff, 2 ** 31)).toBe(0x7fffffff);
    expect(pgSeedOf(0xffffffff, 2 ** 31 - 1)).toBe(0x3fffffff);
  });
});
