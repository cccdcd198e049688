import { describe, expect, it } from 'vitest';
import { Segment } from '../../src/catalog/segment.ts';
import { SegmentBuilder } from '../../src/catalog/segment-builder.ts';
import { NOSNAP, SNAPDIR } from '../../src/ceph/encoding.ts';
import type { ClusterOsd } from '../../src/image/cluster.ts';
import { type DataPrefix, ObjectTable } from '../../src/image/object-table.ts';
import { DataObjectNameParser } from '../../src/store/filestore/fast-filename.ts';
import type { ObjectRef } from '../../src/store/object-store.ts';
import { ROW_HEAD, ROW_SNAPDIR } from '../../src/store/row-snap.ts';
import { segmentOf } from '../helpers/segments.ts';

const osdCalled = (index: number) => ({ index, name: `osd.${index}` }) as ClusterOsd;

interface Wanted {
  prefix?: string;
  namespace?: string;
  pool?: number;
}

/** All rows of some segments, each of its own OSD, as one prefix. */
function prefixOf(
  segments: Segment[],
  { prefix = 'rbd_data.1', namespace = '', pool = 2 }: Wanted = {},
) {
  const postings = segments.flatMap((segment, index) =>
    segment.head.groups.map((group) => ({ osd: osdCalled(index), segment, group, shard: -1 })),
  );
  const names = { prefix: Buffer.from(prefix), namespace: Buffer.from(namespace) };
  return { pool, ...names, postings, odd: [] } satisfies DataPrefix;
}

const rowsOf = (table: ObjectTable) =>
  Array.from({ length: table.length }, (_, row) => [
    table.objectNo(row),
    table.snap(row),
    table.osd(row).index,
  ]);

const fileOf = ({ directory, fileName }: ObjectRef) =>
  Buffer.concat([directory, Buffer.from('/'), fileName]).toString('latin1');

/** Real names: heads, clones 4 and a, a snapdir; hashes are what tells directories apart. */
const FIRST = {
  '2.c_head': [
    'rbd\\udata.1.0000000000000004__head_DEE5305C__2',
    'rbd\\udata.1.0000000000000000__a_0000000C__2',
    'rbd\\udata.1.0000000000000000__head_0000000C__2',
  ],
  '2.c_head/DIR_C': ['rbd\\udata.1.0000000000000002__snapdir_FFFFFFFC__2'],
};
const SECOND = {
  '2.1_head/DIR_1': [
    'rbd\\udata.1.00000000ffffffff__head_00000001__2',
    'rbd\\udata.1.0000000000000000__4_0000000C__2',
    'rbd\\udata.1.0000000000000000__head_0000000C__2',
  ],
};

describe('ObjectTable', () => {
  it('has no rows for an image without objects', () => {
    const table = new ObjectTable(prefixOf([]));
    expect(table.length).toBe(0);
    expect(table.lastObjectNo).toBe(-1);
    expect(table.rowsOf(0)).toEqual([]);
    expect(table.firstRow(7)).toBe(0);
  });

  it('sorts the copies of all OSDs by object number', () => {
    const table = new ObjectTable(prefixOf([segmentOf(FIRST), segmentOf(SECOND)]));
    expect(rowsOf(table)).toEqual([
      [0, 10, 0],
      [0, ROW_HEAD, 0],
      [0, 4, 1],
      [0, ROW_HEAD, 1],
      [2, ROW_SNAPDIR, 0],
      [4, ROW_HEAD, 0],
      [0xffffffff, ROW_HEAD, 1],
    ]);
    expect(table.lastObjectNo).toBe(0xffffffff);
  });

  it('finds the rows of an object, and none of one that is not there', () => {
    const table = new ObjectTable(prefixOf([segmentOf(FIRST), segmentOf(SECOND)]));
    expect(table.rowsOf(0)).toEqual([0, 1, 2, 3]);
    expect(table.rowsOf(1)).toEqual([]);
    expect(table.rowsOf(2)).toEqual([4]);
    expect(table.rowsOf(0xffffffff)).toEqual([6]);
    expect(table.rowsOf(2 ** 33)).toEqual([]);
  });

  it('names the file of each row as it was found', () => {
    const table = new ObjectTable(prefixOf([segmentOf(FIRST), segmentOf(SECOND)]));
    const files = rowsOf(table).map((_, row) => fileOf(table.ref(row)));
    const found = [FIRST, SECOND].flatMap((directories) =>
      Object.entries(directories).flatMap(([directory, names]) =>
        names.map((name) => `${directory}/${name}`),
      ),
    );
    expect(files.sort()).toEqual(found.sort());
  });

  it('gives full identities: name, snapshot, hash', () => {
    const table = new ObjectTable(prefixOf([segmentOf(FIRST)]));
    const ids = rowsOf(table).map((_, row) => table.ref(row).id);
    expect(ids.map(({ name }) => Buffer.from(name).toString())).toEqual([
      'rbd_data.1.0000000000000000',
      'rbd_data.1.0000000000000000',
      'rbd_data.1.0000000000000002',
      'rbd_data.1.0000000000000004',
    ]);
    expect(ids.map(({ snap }) => snap)).toEqual([10n, NOSNAP, SNAPDIR, NOSNAP]);
    expect(ids.map(({ hash }) => hash)).toEqual([0xc, 0xc, 0xfffffffc, 0xdee5305c]);
    expect(ids.map(({ pool, shard, key }) => [pool, shard, key.length])).toEqual(
      ids.map(() => [2, -1, 0]),
    );
  });

  it('rebuilds the names of format 1, of namespaces and of erasure-coded shards', () => {
    const names = {
      format1: 'rb.0.105f.6b8b4567.00000000001f__head_00000003__2',
      namespace: 'rbd\\udata.1.0000000000000001__head_00000003_ten\\uant_2',
      shard: 'rbd\\udata.2.1.0000000000000001__head_00000003__3_ffffffffffffffff_1',
    };
    const wanted = {
      format1: { prefix: 'rb.0.105f.6b8b4567' },
      namespace: { namespace: 'ten_ant' },
      shard: { prefix: 'rbd_data.2.1', pool: 3 },
    };
    for (const kind of ['format1', 'namespace', 'shard'] as const) {
      const segment = segmentOf({ '2.3_head': [names[kind]] });
      const table = new ObjectTable(prefixOf([segment], wanted[kind]));
      expect(fileOf(table.ref(0))).toBe(`2.3_head/${names[kind]}`);
    }
  });

  it('leaves out the rows of directories that a later scan found changed', () => {
    const segment = segmentOf(FIRST);
    segment.dead.add(0);
    const table = new ObjectTable(prefixOf([segment]));
    expect(rowsOf(table)).toEqual([[2, ROW_SNAPDIR, 0]]);
  });

  it('takes in objects that are kept by their full names', () => {
    const ref = (snap: bigint): ObjectRef => ({
      id: {
        ...{ pool: 2, namespace: Buffer.alloc(0), name: Buffer.from('odd'), key: Buffer.alloc(0) },
        ...{ snap, hash: 5, shard: -1 },
      },
      directory: Buffer.from('2.5_head'),
      fileName: Buffer.from('file'),
    });
    const refs = [ref(NOSNAP), ref(SNAPDIR), ref(7n)];
    const odd = refs.map((r, i) => ({
      osd: osdCalled(9),
      ref: r,
      objectNo: i === 0 ? 2 ** 40 : 3,
    }));
    const table = new ObjectTable({ ...prefixOf([segmentOf(FIRST)]), odd });
    expect(table.lastObjectNo).toBe(2 ** 40);
    expect(table.rowsOf(3).map((row) => table.snap(row))).toEqual([ROW_SNAPDIR, 7]);
    const [last] = table.rowsOf(2 ** 40);
    expect(table.ref(last!)).toBe(refs[0]);
    expect(table.osd(last!).index).toBe(9);
    expect(table.hash(last!)).toBe(5);
  });

  it('refuses rows that fail their checksum', () => {
    const payloads: Uint8Array[] = [];
    const builder = new SegmentBuilder((payload) => payloads.push(payload));
    const name = Buffer.from('rbd\\udata.1.0000000000000004__head_DEE5305C__2');
    const parser = new DataObjectNameParser();
    parser.parse(name, 0, name.length);
    builder.beginUnit(Buffer.from('2.c_head'));
    const { prefixEnd, objectNo, snap, hash, tailStart } = parser;
    builder.dataObject(name, 0, prefixEnd, objectNo, snap, hash, tailStart, name.length);
    builder.endUnit({ ino: 1n, mtimeNs: 1n, ctimeNs: 1n }, []);
    builder.finish();
    const [payload] = payloads as [Uint8Array];
    const segment = new Segment((at, n) => payload.subarray(at, at + n), payload.length, 0);
    const [, , , at, length] = segment.head.groups[0]!;
    const blobs = 8 + Buffer.from(payload.buffer, payload.byteOffset).readUInt32LE();
    if (length > 0) payload[blobs + at]! ^= 1;
    else segment.head.groups[0]![5] ^= 1;
    expect(() => new ObjectTable(prefixOf([segment]))).toThrow(/checksum/);
  });
});
