import { describe, expect, it } from 'vitest';
import {
  classifyPgMetaKey,
  formatLogKey,
  parseInfosKey,
  parseLogKey,
} from '../../src/ceph/pg-meta-keys.ts';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const kind = (text: string) => classifyPgMetaKey(bytes(text)).kind;

describe('keys of a pg metadata object', () => {
  it('reads epoch and version from a log key', () => {
    const key = '0000000056.00000000000000000089';
    expect(classifyPgMetaKey(bytes(key))).toEqual({
      kind: 'log',
      version: { epoch: 56, version: 89n },
    });
    expect(formatLogKey({ epoch: 56, version: 89n })).toBe(key);
  });

  it.each([
    ['_info', 'info'],
    ['_fastinfo', 'fastInfo'],
    ['_biginfo', 'bigInfo'],
    ['_epoch', 'epoch'],
    ['_infover', 'infoVersion'],
    ['dup_0000000029.00000000000000000051', 'dup'],
    ['missing/0000000000000002.AFD8E227.head.rbd%uheader%e1027df3284bb..', 'missing'],
    ['may_include_deletes_in_missing', 'mayIncludeDeletes'],
    ['can_rollback_to', 'canRollbackTo'],
    ['rollback_info_trimmed_to', 'rollbackTrimmedTo'],
    ['divergent_priors', 'divergentPriors'],
    ['_infos', 'other'],
    ['missing', 'other'],
    ['', 'other'],
  ])('knows %j', (key, expected) => {
    expect(kind(key)).toBe(expected);
  });

  it.each([
    '0000000056.0000000000000000089',
    '0000000056.000000000000000000089',
    '0000000056-00000000000000000089',
    '000000005x.00000000000000000089',
    '4294967296.00000000000000000089',
    '0000000056.18446744073709551616',
  ])('does not take %s for a log entry', (key) => {
    expect(parseLogKey(bytes(key))).toBeUndefined();
    expect(kind(key)).toBe('other');
  });

  it('takes the pg from the keys of Firefly\'s "infos" object', () => {
    expect(parseInfosKey(bytes('2.c_info'))).toEqual({
      pg: { pool: 2, seed: 12, shard: -1 },
      kind: 'info',
    });
    expect(parseInfosKey(bytes('4.1s1_biginfo'))?.kind).toBe('bigInfo');
    expect(parseInfosKey(bytes('4.1s1_epoch'))?.pg).toEqual({ pool: 4, seed: 1, shard: 1 });
    expect(parseInfosKey(bytes('2.c_other'))).toBeUndefined();
    expect(parseInfosKey(bytes('_info'))).toBeUndefined();
    expect(parseInfosKey(bytes('info'))).toBeUndefined();
  });
});
