import { describe, expect, it } from 'vitest';
import { parseImageHeader } from '../../src/rbd/header-v2.ts';
import { parentOfHead, parentOfSnapshot } from '../../src/rbd/parent-link.ts';
import type { Snapshot } from '../../src/rbd/snapshot.ts';
import { bytes, expectCorrupt, hex, omap, text } from './helpers.ts';

// omap of real rbd_header objects (16.2).
const PLAIN = {
  access_timestamp: 'ecd2006bc5ce1735',
  create_timestamp: 'ecd2006bc5ce1735',
  features: '3d00000000000000',
  modify_timestamp: 'edd2006bc5ce1735',
  object_prefix: '150000007262645f646174612e313032626433356233396635',
  order: '16',
  size: '0000000400000000',
  snap_seq: '0000000000000000',
};
const SNAPS = {
  ...PLAIN,
  object_prefix: '140000007262645f646174612e3130326266376261353035',
  size: '0000800300000000',
  snap_seq: '0800000000000000',
  snapshot_0000000000000004:
    '0808360000000400000000000000020000007331000000030000000000000000000000000001010400000000000000eed2006bcdf5f6340000000000',
  snapshot_0000000000000007:
    '08083d00000007000000000000000900000073342d736872756e6b000080010000000000000000000000000001010400000000000000f1d2006b3ef373350000000000',
};
const CLONE = {
  ...PLAIN,
  features: '0100000000000000',
  parent:
    '02022d0000000200000000000000000000000c0000003130326261613664353437660a00000000000000010000800200000000',
  size: '0000800200000000',
  snap_seq: '0b00000000000000',
  snapshot_000000000000000b:
    '08083e0000000b00000000000000020000006373000080020000000002000000000000000001010400000000000000f6d2006b3dd35f3600000000010000800200000000',
};
const GROUPED = {
  ...PLAIN,
  features: 'bf01000000000000',
  data_pool_id: '0300000000000000',
  metadata_conf_rbd_cache: '66616c7365',
  metadata_note: '6869',
  object_prefix: '170000007262645f646174612e322e313033333562303763323831',
  op_features: '0500000000000000',
  rbd_group_ref: '01011800000002000000000000000c000000313033353662386234353637',
  snap_children_0000000000000007:
    '0100000002011f00000002000000000000000c000000313037626364623565623938030000006e7331',
  snap_limit: '0300000000000000',
  stripe_count: '0500000000000000',
  stripe_unit: '0000010000000000',
  flags: '0300000000000000',
};

const without = (values: Record<string, string>, key: string) =>
  omap(Object.fromEntries(Object.entries(values).filter(([k]) => k !== key)));

describe('parseImageHeader', () => {
  it('reads a plain image', () => {
    expect(parseImageHeader(omap(PLAIN))).toEqual({
      size: 64 * 2 ** 20,
      order: 22,
      objectPrefix: bytes('rbd_data.102bd35b39f5'),
      features: 0x3dn,
      snapSeq: 0n,
      snapshots: [],
      parent: undefined,
      stripeUnit: 4 * 2 ** 20,
      stripeCount: 1,
      dataPool: undefined,
      flags: 0n,
      opFeatures: 0n,
      createTimestamp: { seconds: 0x6b00d2ec, nanoseconds: 0x3517cec5 },
      accessTimestamp: { seconds: 0x6b00d2ec, nanoseconds: 0x3517cec5 },
      modifyTimestamp: { seconds: 0x6b00d2ed, nanoseconds: 0x3517cec5 },
      snapChildren: new Map(),
      metadata: [],
      group: undefined,
      migration: undefined,
      snapLimit: undefined,
      unknownKeys: [],
      damagedKeys: [],
      problems: [],
    });
  });
  it('orders snapshots by id', () => {
    const header = parseImageHeader(omap(SNAPS).reverse());
    expect(header.snapshots.map((s) => [s.id, text(s.name), s.size])).toEqual([
      [4n, 's1', 48 * 2 ** 20],
      [7n, 's4-shrunk', 24 * 2 ** 20],
    ]);
    expect(header.problems).toEqual([]);
  });
  it('reads a clone and what its head and snapshot see of the parent', () => {
    const header = parseImageHeader(omap(CLONE));
    const expected = { pool: 2, imageId: '102baa6d547f', snapId: 10n, overlap: 40 * 2 ** 20 };
    expect(parentOfHead(header)).toMatchObject(expected);
    expect(parentOfSnapshot(header, header.snapshots[0] as Snapshot)).toMatchObject(expected);
  });
  it('reads striping, data pool, group, children, metadata, limit and flags', () => {
    const header = parseImageHeader(omap(GROUPED));
    expect(header).toMatchObject({
      stripeUnit: 65536,
      stripeCount: 5,
      dataPool: 3,
      flags: 3n,
      opFeatures: 5n,
      snapLimit: 3n,
      group: { pool: 2, groupId: '10356b8b4567' },
      metadata: [
        { key: bytes('conf_rbd_cache'), value: bytes('false') },
        { key: bytes('note'), value: bytes('hi') },
      ],
      problems: [],
    });
    expect(header.snapChildren).toEqual(
      new Map([[7n, [{ pool: 2, imageId: '107bcdb5eb98', namespace: bytes('ns1') }]]]),
    );
  });
  it('reads a migration', () => {
    const header = parseImageHeader(
      omap({
        ...PLAIN,
        features: '3d02000000000000',
        migration:
          '03013d00000001030000000000000000000000040000006d6473740c000000313034643866363333373835000000000000000000000000000002000000000000000000',
      }),
    );
    expect(header.migration?.role).toBe('source');
    expect(header.problems).toEqual([]);
  });
  it('takes -1 for the own pool', () => {
    expect(
      parseImageHeader(omap({ ...PLAIN, data_pool_id: 'ffffffffffffffff' })).dataPool,
    ).toBeUndefined();
  });
  it('keeps keys it does not know', () => {
    const values = { ...PLAIN, future_key: '00', snapshot_xyz: '00', snap_children_7: '00' };
    const header = parseImageHeader(omap(values));
    expect(header.unknownKeys.map(text)).toEqual(['future_key', 'snapshot_xyz', 'snap_children_7']);
    expect(header.problems).toEqual([]);
  });
});

describe('parseImageHeader after damage', () => {
  it.each(['size', 'order', 'object_prefix'])('cannot do without %s', (key) => {
    expectCorrupt(() => parseImageHeader(without(PLAIN, key)), new RegExp(key));
    expectCorrupt(
      () => parseImageHeader(omap({ ...PLAIN, [key]: '' })),
      new RegExp(`${key}: .*need`),
    );
  });
  it.each(['00', '0b', '1a', 'ff'])('refuses order 0x%s', (order) => {
    expectCorrupt(() => parseImageHeader(omap({ ...PLAIN, order })), /order/);
  });
  it.each(
    Object.keys({ ...GROUPED, ...CLONE }).filter(
      (key) => !/^(size|order|object_prefix|metadata_.*)$/.test(key),
    ),
  )('goes on without a broken %s and says so', (key) => {
    const header = parseImageHeader(omap({ ...GROUPED, ...CLONE, [key]: 'ff' }));
    expect(header.damagedKeys).toContain(key);
    expect(header.problems.some((problem) => problem.startsWith(`${key}: `))).toBe(true);
    expect(header.size).toBe(40 * 2 ** 20);
  });
  it('loses one snapshot, not all', () => {
    const header = parseImageHeader(omap({ ...SNAPS, snapshot_0000000000000004: '0808ffffffff' }));
    expect(header.snapshots.map((s) => s.id)).toEqual([7n]);
    expect(header.damagedKeys).toEqual(['snapshot_0000000000000004']);
  });
  it('does not take a snapshot record under the key of another', () => {
    const header = parseImageHeader(
      omap({ ...PLAIN, snapshot_0000000000000005: SNAPS.snapshot_0000000000000004 }),
    );
    expect(header.snapshots).toEqual([]);
    expect(header.problems[0]).toMatch(/record is of snapshot 4/);
  });
  it('tells of a snapshot written by a later release', () => {
    const header = parseImageHeader(omap({ ...PLAIN, snapshot_0000000000000005: '0909 00000000' }));
    expect(header.problems[0]).toMatch(/needs a decoder of version 9/);
  });
  it('tells of missing features and snap_seq', () => {
    expect(parseImageHeader(without(PLAIN, 'features')).problems).toEqual(['no key features']);
    expect(parseImageHeader(without(PLAIN, 'snap_seq')).problems).toEqual(['no key snap_seq']);
  });
  it.each([
    ['0000000000000000', '0500000000000000'],
    ['0100010000000000', '0500000000000000'],
    ['0000010000000000', '0000000000000000'],
    ['0000010000000000', 'ffffffffffff1f00'],
  ])('falls back to whole objects for stripes %s x %s', (stripe_unit, stripe_count) => {
    const header = parseImageHeader(omap({ ...GROUPED, stripe_unit, stripe_count }));
    expect(header).toMatchObject({ stripeUnit: 4 * 2 ** 20, stripeCount: 1 });
    expect(header.damagedKeys).toEqual(['stripe_unit']);
  });
  it('tells of a striped image that does not say how', () => {
    expect(parseImageHeader(without(GROUPED, 'stripe_count')).problems[0]).toMatch(/striped/);
  });
  it('tells of snapshots whose parent is lost', () => {
    expect(parseImageHeader(without(CLONE, 'parent')).problems[0]).toMatch(/^parent: /);
  });
  it('tells of a migration without a record', () => {
    const header = parseImageHeader(omap({ ...PLAIN, features: '0002000000000000' }));
    expect(header.problems).toEqual(['migrating, but there is no key migration']);
  });
  it('throws on what is no damage', () => {
    const broken = { key: bytes('size'), value: undefined as unknown as Uint8Array };
    expect(() => parseImageHeader([broken])).toThrow(TypeError);
  });
  it('takes metadata of any bytes', () => {
    const entry = { key: hex('6d657461646174615f ff00'), value: hex('fe') };
    const header = parseImageHeader([...omap(PLAIN), entry]);
    expect(header.metadata).toEqual([{ key: hex('ff00'), value: hex('fe') }]);
  });
});
