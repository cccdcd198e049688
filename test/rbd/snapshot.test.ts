import { describe, expect, it } from 'vitest';
import { parseSnapshot, snapshotName } from '../../src/rbd/snapshot.ts';
import {
  bytes,
  expectCorrupt,
  expectFlipsSurvived,
  expectTruncationsCorrupt,
  hex,
  text,
} from './helpers.ts';

/** A clone's protected snapshot "cs" (16.2). */
const PROTECTED = hex(`08 08 3e000000 | 0b00000000000000 | 02000000 6373 | 0000800200000000 | 02
  0000000000000000 | 0101 04000000 00000000 | f6d2006b 3dd35f36 | 00000000 | 01 0000800200000000`);
/** Removed while two clones of the second format needed it: "s" (16.2). */
const TRASHED = hex(`0808 61000000 | 0400000000000000
  24000000 35396566343161372d316632662d346632312d623436322d643633626262333536356530
  0000000100000000 | 00 | 0000000000000000 | 0101 0d000000 02000000 01000000 73 00000000
  6846016b 1f776001 | 02000000 | 00`);
/** Part of a group snapshot (16.2). */
const GROUPED = hex(`0808 7e000000 | 0500000000000000
  22000000 2e67726f75702e325f3130333536623862343536375f313033663662386234353637
  0000000100000000 | 00 | 0000000000000000
  0101 2c000000 01000000 0200000000000000 0c000000 313033353662386234353637
  0c000000 313033663662386234353637
  6946016b fc66f600 | 00000000 | 00`);

// By the format's definition, field by field: what older releases wrote for snapshot 7 "abc" of
// 40 MiB with features 0x3d, whose parent is pool 2, image "1234", snapshot 11, overlap 32 MiB.
const ID_NAME_SIZE = '0700000000000000 03000000616263 0000800200000000';
const FEATURES = '3d00000000000000';
const PARENT_V1 =
  '0101 20000000 0200000000000000 0400000031323334 0b00000000000000 0000000200000000';
const PARENT_V2 = `0202 28000000 0200000000000000 03000000 6e7331 0400000031323334
  0b00000000000000 01 0000000200000000`;
const NO_PARENT = '0101 1c000000 ffffffffffffffff 00000000 feffffffffffffff 0000000000000000';
const [PROTECTION, FLAGS] = ['02', '0100000000000000'];
const NAMESPACE = '0101 04000000 00000000';
const [TIMESTAMP, CHILDREN] = ['00105e5f 40420f00', '03000000'];

/** A versioned structure: the length is counted here, the fields are the test's own. */
function record(version: string, compat: string, ...fields: string[]): Uint8Array {
  const body = hex(fields.join(''));
  const length = Buffer.alloc(4);
  length.writeUInt32LE(body.length);
  return hex(version + compat + length.toString('hex') + Buffer.from(body).toString('hex'));
}

const BY_VERSION: [string, Uint8Array, object][] = [
  [
    'v1',
    record('01', '01', ID_NAME_SIZE, FEATURES),
    { parent: undefined, protection: 'unprotected' },
  ],
  ['v2', record('02', '01', ID_NAME_SIZE, FEATURES, PARENT_V1), { protection: 'unprotected' }],
  [
    'v3 (Firefly)',
    record('03', '01', ID_NAME_SIZE, FEATURES, PARENT_V1, PROTECTION),
    { protection: 'protected', flags: 0n },
  ],
  [
    'v4 (Hammer, Jewel)',
    record('04', '01', ID_NAME_SIZE, FEATURES, PARENT_V1, PROTECTION, FLAGS),
    { flags: 1n, namespace: { type: 'user' }, timestamp: undefined },
  ],
  [
    'v5',
    record('05', '01', ID_NAME_SIZE, FEATURES, PARENT_V1, PROTECTION, FLAGS, NAMESPACE),
    { flags: 1n, namespace: { type: 'user' }, timestamp: undefined },
  ],
  [
    'v6 (Luminous)',
    record('06', '01', ID_NAME_SIZE, FEATURES, PARENT_V1, PROTECTION, FLAGS, NAMESPACE, TIMESTAMP),
    { timestamp: { seconds: 0x5f5e1000, nanoseconds: 1000000 }, childCount: 0 },
  ],
  [
    'v7 (Mimic)',
    record(
      '07',
      '01',
      ID_NAME_SIZE,
      FEATURES,
      PARENT_V1,
      PROTECTION,
      FLAGS,
      NAMESPACE,
      TIMESTAMP,
      CHILDREN,
    ),
    { childCount: 3, parentOverlap: undefined },
  ],
];

const V8_OLD = record(
  '08', '01', ID_NAME_SIZE, FEATURES, PARENT_V2, PROTECTION, FLAGS, NAMESPACE, TIMESTAMP, CHILDREN,
  '01 0000000200000000',
); // biome-ignore format: fields of one record

describe('parseSnapshot', () => {
  it('reads a record that requires Nautilus', () => {
    expect(parseSnapshot(PROTECTED)).toEqual({
      id: 11n,
      name: bytes('cs'),
      size: 40 * 2 ** 20,
      features: undefined,
      parent: undefined,
      protection: 'protected',
      flags: 0n,
      namespace: { type: 'user' },
      timestamp: { seconds: 0x6b00d2f6, nanoseconds: 0x365fd33d },
      childCount: 0,
      parentOverlap: 40 * 2 ** 20,
    });
  });
  it('shows a trashed snapshot under the name it had', () => {
    const snapshot = parseSnapshot(TRASHED);
    expect(snapshot.namespace).toEqual({
      type: 'trash',
      originalName: bytes('s'),
      originalType: 0,
    });
    expect(snapshot).toMatchObject({ id: 4n, childCount: 2, parentOverlap: undefined });
    expect(text(snapshotName(snapshot))).toBe('s');
    expect(text(snapshotName(parseSnapshot(PROTECTED)))).toBe('cs');
  });
  it('reads a group snapshot', () => {
    expect(parseSnapshot(GROUPED).namespace).toEqual({
      type: 'group',
      pool: 2,
      groupId: '10356b8b4567',
      groupSnapshotId: '103f6b8b4567',
    });
  });
  it('reads a mirror snapshot', () => {
    // u8 state, bool complete, peers, primary's uuid and snapshot, last object, map 3 -> 7
    const body = `03000000 01 01 01000000 02000000 7031 02000000 7573 0900000000000000
      0500000000000000 01000000 0300000000000000 0700000000000000`;
    const namespace = Buffer.from(record('01', '01', body)).toString('hex');
    const snapshot = parseSnapshot(
      record('08', '08', ID_NAME_SIZE, PROTECTION, FLAGS, namespace, TIMESTAMP, CHILDREN, '00'),
    );
    expect(snapshot.namespace).toEqual({
      type: 'mirror',
      state: 1,
      complete: true,
      peerUuids: ['p1'],
      primaryMirrorUuid: 'us',
      primarySnapId: 9n,
      lastCopiedObjectNumber: 5n,
      snapSeqs: new Map([[3n, 7n]]),
    });
  });
  it('passes over a namespace of a later release', () => {
    const snapshot = parseSnapshot(
      record(
        '08',
        '08',
        ID_NAME_SIZE,
        PROTECTION,
        FLAGS,
        '0101 06000000 09000000 ffff',
        TIMESTAMP,
        CHILDREN,
        '00',
      ),
    );
    expect(snapshot).toMatchObject({ namespace: { type: 'unknown', code: 9 }, childCount: 3 });
  });
  it.each(BY_VERSION)('reads %s', (version, value, expected) => {
    const snapshot = parseSnapshot(value);
    expect(snapshot).toMatchObject({ id: 7n, size: 40 * 2 ** 20, features: 0x3dn, ...expected });
    if (version === 'v1') return;
    expect(snapshot.parent).toMatchObject({
      pool: 2,
      imageId: '1234',
      snapId: 11n,
      overlap: 2 ** 25,
    });
  });
  it('reads v8 as written before the cluster required Nautilus', () => {
    const snapshot = parseSnapshot(V8_OLD);
    expect(snapshot).toMatchObject({ features: 0x3dn, childCount: 3, parentOverlap: 2 ** 25 });
    expect(snapshot.parent && text(snapshot.parent.namespace)).toBe('ns1');
  });
  it('has no parent where an old record says so', () => {
    expect(
      parseSnapshot(record('02', '01', ID_NAME_SIZE, FEATURES, NO_PARENT)).parent,
    ).toBeUndefined();
  });
  it('ignores fields that a later release appended', () => {
    const value = record(
      '09',
      '08',
      ID_NAME_SIZE,
      PROTECTION,
      FLAGS,
      NAMESPACE,
      TIMESTAMP,
      CHILDREN,
      '00 ffff',
    );
    expect(parseSnapshot(value).id).toBe(7n);
  });
  it('does not guess at a record that needs a later decoder', () => {
    expect(() => parseSnapshot(record('09', '09', ID_NAME_SIZE))).toThrowError(
      expect.objectContaining({ code: 'UNSUPPORTED' }),
    );
  });
  it('refuses every truncation', () => {
    for (const value of [PROTECTED, TRASHED, GROUPED, V8_OLD, ...BY_VERSION.map((v) => v[1])]) {
      expectTruncationsCorrupt(value, parseSnapshot);
    }
  });
  it('survives any byte', () => {
    for (const value of [PROTECTED, TRASHED, GROUPED, V8_OLD])
      expectFlipsSurvived(value, parseSnapshot);
  });
  it('refuses fields that reach past the length of the record', () => {
    const short = PROTECTED.slice();
    short[2] = 0x30;
    expectCorrupt(() => parseSnapshot(short), /need/);
  });
  it('refuses a mirror snapshot with 2^28 peers', () => {
    const namespace = Buffer.from(record('01', '01', '03000000 01 01 00000010')).toString('hex');
    expectCorrupt(
      () => parseSnapshot(record('08', '08', ID_NAME_SIZE, PROTECTION, FLAGS, namespace)),
      /claimed/,
    );
  });
});
