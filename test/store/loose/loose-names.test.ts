import { describe, expect, it } from 'vitest';
import { nameToText } from '../../../src/bytes/names.ts';
import { NOSNAP } from '../../../src/ceph/encoding.ts';
import {
  LooseNameParser,
  parseLooseName,
  SPELLINGS,
  spelledFileName,
} from '../../../src/store/loose/loose-names.ts';
import { UNKNOWN_POOL } from '../../../src/store/object-store.ts';
import { ROW_HEAD } from '../../../src/store/row-snap.ts';

const parser = new LooseNameParser();
/** The name in the middle of a buffer, as a directory gives it. */
function parse(name: string) {
  const bytes = Buffer.from(`xx${name}yy`, 'latin1');
  const spelling = parser.parse(bytes, 2, 2 + name.length);
  if (spelling < 0) return undefined;
  const { buffer, start, prefixEnd, objectNo, snap, hash, tailStart, end } = parser;
  const text = (from: number, to: number) =>
    Buffer.from(buffer.subarray(from, to)).toString('latin1');
  return {
    spelling: SPELLINGS[spelling],
    ...{ prefix: text(start, prefixEnd), objectNo, snap, hash, tail: text(tailStart, end) },
  };
}

/** A real object of a Ceph 16.2 cluster: name, hash and pool as the cluster wrote them. */
const REAL = {
  ...{ prefix: 'rbd\\udata.102b6c4ee5e6', objectNo: 4, hash: 0xdee5305c },
};
const NO = '0000000000000004';

describe('the name of a data object', () => {
  it.each([
    ['escaped', `rbd\\udata.102b6c4ee5e6.${NO}__head_DEE5305C__2`, '__2', ROW_HEAD],
    ['escaped', `rbd\\udata.102b6c4ee5e6.${NO}__c_DEE5305C_ns1_2`, '_ns1_2', 12],
    ['plain', `rbd_data.102b6c4ee5e6.${NO}__head_DEE5305C__2`, '__2', ROW_HEAD],
    ['plain', `rbd_data.102b6c4ee5e6.${NO}__4_DEE5305C__2`, '__2', 4],
    ['stripped', `rbdudata.102b6c4ee5e6.${NO}__head_DEE5305C__2`, '__2', ROW_HEAD],
    ['bare', `rbd_data.102b6c4ee5e6.${NO}`, '__7fffffff', ROW_HEAD],
  ])('is understood %s: %s', (spelling, name, tail, snap) => {
    expect(parse(name)).toEqual({ spelling, ...REAL, tail, snap });
  });

  it('of format 1 is understood with and without what FileStore adds', () => {
    // hash and file name from a real cluster
    const real = { prefix: 'rb.0.104d.6b8b4567', objectNo: 3, hash: 0xb80a02eb };
    expect(parse('rb.0.104d.6b8b4567.000000000003__4_B80A02EB__2')).toMatchObject({
      ...{ spelling: 'escaped', ...real, snap: 4 },
    });
    expect(parse('rb.0.104d.6b8b4567.000000000003')).toMatchObject({ spelling: 'bare', ...real });
  });

  it('may tell the pool of the image', () => {
    const name = 'rbd_data.2.102b6cb4bc52.0000000000000006';
    expect(parse(name)).toMatchObject({ prefix: 'rbd\\udata.2.102b6cb4bc52', hash: 0x6c56e9a7 });
  });

  it.each([
    'rbd_data.102b6c4ee5e6.000000000000000',
    'rbd_data.102b6c4ee5e6.000000000000000G',
    'rbd_data.102b6c4ee5e6.000000000000000A',
    'rbd_data.0000000000000004',
    'rbd_data..0000000000000004',
    'rbd_data.x.ffffffffffffffff',
    'rb.0.1.000000000003',
    'rb.0.104d.6b8b4567.000000000003.bak',
    'rb',
    '',
    'rbd_id.disk',
    `rbd_data.${'x'.repeat(600)}.${NO}`,
  ])('is not seen in %j', (name) => {
    expect(parse(name)).toBeUndefined();
  });

  it('is found again from what its row stands for', () => {
    const canonical = Buffer.from(`rbd\\udata.102b6c4ee5e6.${NO}__head_DEE5305C__2`);
    const name = Buffer.from(`rbd_data.102b6c4ee5e6.${NO}`);
    const spelled = SPELLINGS.map((s) =>
      Buffer.from(spelledFileName(s, canonical, name)).toString(),
    );
    expect(spelled).toEqual([
      `rbd\\udata.102b6c4ee5e6.${NO}__head_DEE5305C__2`,
      `rbd_data.102b6c4ee5e6.${NO}`,
      `rbd_data.102b6c4ee5e6.${NO}__head_DEE5305C__2`,
      `rbdudata.102b6c4ee5e6.${NO}__head_DEE5305C__2`,
    ]);
  });
});

describe('the name of another object', () => {
  const fields = (file: string) => {
    const { name, namespace, hash, pool, snap } = parseLooseName(Buffer.from(file, 'latin1'));
    return [nameToText(name), nameToText(namespace), hash, pool, snap];
  };

  it.each([
    [
      'rbd\\uid.under\\uscore.dot-name__head_142FAE33__2',
      'rbd_id.under_score.dot-name',
      0x142fae33,
    ],
    ['rbd_id.under_score.dot-name__head_142FAE33__2', 'rbd_id.under_score.dot-name', 0x142fae33],
    ['rbduid.simple__head_142FAE33__2', 'rbd_id.simple', 0x142fae33],
    [
      'rbduobjectumap.102b6c4ee5e6.0000000000000006__head_103DAEDC__2',
      'rbd_object_map.102b6c4ee5e6.0000000000000006',
      0x103daedc,
    ],
    ['disk.rbd__head_142FAE33__2', 'disk.rbd', 0x142fae33],
    ['my_disk.rbd__head_142FAE33__2', 'my_disk.rbd', 0x142fae33],
  ])('%s is %s', (file, name, hash) => {
    expect(fields(file)).toEqual([name, '', hash, 2, NOSNAP]);
  });

  it('keeps its namespace and its clone', () => {
    const file = 'rbd_id.a_b__1f_B9336250_ns1_a';
    expect(fields(file)).toEqual(['rbd_id.a_b', 'ns1', 0xb9336250, 10, 31n]);
  });

  it('that is all there is of it leaves the pool open, and tells the hash', () => {
    // rbd_directory -> 30A98C1C: docs/formats/ceph.md, "Placement"
    expect(fields('rbd_directory')).toEqual(['rbd_directory', '', 0x30a98c1c, undefined, NOSNAP]);
    expect(fields('rbd_id.my_disk')[0]).toBe('rbd_id.my_disk');
  });

  it('is never more than the pool of a cluster can be', () => {
    expect(UNKNOWN_POOL).toBe(2 ** 31 - 1);
  });
});
